package redis

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Finder = (*Ledger)(nil)

// Exists reports whether the server has a ledger under this Config's Key, or the group's keys, and makes nothing: Read
// would make the ledger's identity.
func (l *Ledger) Exists(ctx context.Context, g fencepost.Group) (bool, error) {
	for _, key := range []string{identityKey(l.cfg.Key), keysOf(l.cfg.Key, g).head} { // two slots of a cluster
		v, err := l.client.do(ctx, "HGET", key, "version") // a right that the ledger needs anyway
		if err != nil {
			return false, fmt.Errorf("look for the ledger: %w", l.cfg.fault(err, false))
		}
		if v != nil {
			return true, checkVersion(text(v))
		}
	}
	return false, nil
}
