package redis

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
)

var _ fencepost.Finder = (*Ledger)(nil)

// Exists reports whether the server has a ledger under this Config's Key, or the group's keys, and makes nothing: Read
// would make the ledger's identity.
func (l *Ledger) Exists(ctx context.Context, g fencepost.Group) (bool, error) {
	for _, key := range []string{identityKey(l.cfg.Key), keysOf(l.cfg.Key, g).head} { // two slots of a cluster
		n, err := l.client.Exists(ctx, key).Result()
		if err != nil {
			return false, fmt.Errorf("look for the ledger: %w", l.cfg.fault(err, false))
		}
		if n > 0 {
			return true, nil
		}
	}
	return false, nil
}
