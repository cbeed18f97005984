package redis

import (
	"context"
	"fmt"

	"github.com/gomodule/redigo/redis"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Reports = (*Ledger)(nil)

// Reports returns the group's reports. A hash that is not there holds none.
func (l *Ledger) Reports(ctx context.Context, g fencepost.Group) (map[string]string, error) {
	texts, err := redis.StringMap(l.client.do(ctx, "HGETALL", keysOf(l.cfg.Key, g).reports))
	if err != nil {
		return nil, fmt.Errorf("read reports of group %s: %w", g, l.unreported(err))
	}
	return texts, nil
}

// PutReports replaces the reports of these subjects.
func (l *Ledger) PutReports(ctx context.Context, g fencepost.Group, texts map[string]string) error {
	key := keysOf(l.cfg.Key, g).reports
	set, del := []any{key}, []any{key}
	for subject, text := range texts {
		if text == "" {
			del = append(del, subject)
		} else {
			set = append(set, subject, text)
		}
	}
	for command, args := range map[string][]any{"HSET": set, "HDEL": del} {
		if len(args) == 1 {
			continue
		}
		if _, err := l.client.do(ctx, command, args...); err != nil {
			return fmt.Errorf("write reports of group %s: %w", g, l.unreported(err))
		}
	}
	return nil
}

// unreported is an error of a report. A user of an earlier release has no right to the key.
func (l *Ledger) unreported(err error) error {
	fault := l.cfg.fault(err, false)
	if replies(err, "NOPERM") {
		return fmt.Errorf("%w: %w", ledger.ErrNoReports, fault)
	}
	return fault
}
