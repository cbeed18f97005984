package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

var _ ledger.Reports = (*Ledger)(nil)

// Reports returns the group's reports. Nodes that are not there hold none.
func (l *Ledger) Reports(ctx context.Context, g fencepost.Group) (map[string]string, error) {
	texts, err := l.reports(ctx, pathsOf(l.cfg.Root, g).reports)
	if err != nil {
		return nil, fmt.Errorf("read reports of group %s: %w", g, l.unreported(err))
	}
	return texts, nil
}

func (l *Ledger) reports(ctx context.Context, parent string) (map[string]string, error) {
	if err := l.zk.sync(ctx, l.cfg.Root); err != nil {
		return nil, err
	}
	lists, err := l.zk.lists(ctx, []string{parent})
	if err != nil {
		return nil, err
	}
	nodes, err := l.zk.gets(ctx, inOrder(parent, lists[0]))
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(nodes))
	for i, n := range nodes {
		subject, err := unescape(lists[0][i])
		if err != nil {
			return nil, damaged(n.path, err)
		}
		if n.here && len(n.data) > 0 {
			texts[subject] = string(n.data)
		}
	}
	return texts, nil
}

// PutReports replaces the reports of these subjects, one node after the other.
func (l *Ledger) PutReports(ctx context.Context, g fencepost.Group, texts map[string]string) error {
	if _, err := l.identity(ctx); err != nil {
		return fmt.Errorf("write reports of group %s: %w", g, l.unreported(err))
	}
	subjects := slices.Sorted(maps.Keys(texts))
	parent := pathsOf(l.cfg.Root, g).reports
	missing := make([]bool, len(subjects))
	err := each(ctx, l.zk, len(subjects), func(conn *zk.Conn, i int) error {
		node, text := parent+"/"+escape(subjects[i]), texts[subjects[i]]
		if text == "" {
			err := conn.Delete(node, anyVersion)
			return unless(errors.Is(err, zk.ErrNoNode), err)
		}
		_, err := conn.Set(node, []byte(text), anyVersion)
		missing[i] = errors.Is(err, zk.ErrNoNode)
		return unless(missing[i], err)
	})
	for i, subject := range subjects {
		if err == nil && missing[i] {
			err = l.zk.create(ctx, parent+"/"+escape(subject), []byte(texts[subject]))
			err = unless(errors.Is(err, zk.ErrNodeExists), err) // another worker was there: the next report replaces it
		}
	}
	if err != nil {
		return fmt.Errorf("write reports of group %s: %w", g, l.unreported(err))
	}
	return nil
}

// unreported is an error of a report. The root's owner may have made the groups' nodes, and let nobody make others.
func (l *Ledger) unreported(err error) error {
	fault := l.cfg.fault(err, false)
	if errors.Is(err, zk.ErrNoAuth) {
		return fmt.Errorf("%w: %w", ledger.ErrNoReports, fault)
	}
	return fault
}
