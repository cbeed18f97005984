package zookeeper

import (
	"context"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Finder = (*Ledger)(nil)

// Exists reports whether the servers have a ledger under this Config's Root, and makes nothing: Read would make the
// ledger's identity. A root that is there and empty is none yet.
func (l *Ledger) Exists(ctx context.Context, _ fencepost.Group) (bool, error) {
	err := l.zk.sync(ctx, l.cfg.Root)
	if err == nil {
		var nodes []node
		if nodes, err = l.zk.gets(ctx, []string{l.cfg.Root}); err == nil {
			if !nodes[0].here || len(nodes[0].data) == 0 {
				return false, nil
			}
			v, _, _ := strings.Cut(string(nodes[0].data), "|")
			return true, checkVersion(v)
		}
	}
	return false, fmt.Errorf("look for the ledger: %w", l.cfg.fault(err, false))
}
