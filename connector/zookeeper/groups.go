package zookeeper

import (
	"context"
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Groups = (*Ledger)(nil)

// Groups lists the nodes below the root. A name that is none of ours is passed over.
func (l *Ledger) Groups(ctx context.Context) (all []fencepost.Group, err error) {
	there, err := l.Exists(ctx, "")
	if err != nil || !there {
		return nil, err
	}
	lists, err := l.zk.lists(ctx, []string{l.cfg.Root})
	if err != nil {
		return nil, fmt.Errorf("list the ledger's groups: %w", l.cfg.fault(err, false))
	}
	for _, name := range lists[0] {
		if g, err := unescape(name); err == nil && g != "" && escape(g) == name {
			all = append(all, fencepost.Group(g))
		}
	}
	slices.Sort(all)
	return all, nil
}
