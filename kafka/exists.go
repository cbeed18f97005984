package kafka

import (
	"context"
	"errors"

	"github.com/fencepost/fencepost"
)

var _ fencepost.Finder = (*Ledger)(nil)

// Exists reports whether the cluster has the ledger's topic, and creates none: Read would.
func (l *Ledger) Exists(ctx context.Context, _ fencepost.Group) (bool, error) {
	m, err := l.source.metadataSoon(ctx, []string{l.cfg.Topic})
	if err != nil {
		return false, l.source.unreachable(ctx, err)
	}
	t := m.topics[l.cfg.Topic]
	if errors.Is(t.err, fencepost.ErrNoTopic) {
		return false, nil
	}
	if t.err != nil {
		return false, l.fault(ctx, t.err, "")
	}
	return true, nil
}
