package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	goredis "github.com/redis/go-redis/v9"
)

var _ ledger.Finder = (*Ledger)(nil)

// Exists reports whether the server has a ledger under this Config's Key, or the group's keys, and makes nothing: Read
// would make the ledger's identity.
func (l *Ledger) Exists(ctx context.Context, g fencepost.Group) (bool, error) {
	for _, key := range []string{identityKey(l.cfg.Key), keysOf(l.cfg.Key, g).head} { // two slots of a cluster
		_, err := l.client.HGet(ctx, key, "version").Result() // a right that the ledger needs anyway
		switch {
		case err == nil:
			return true, nil
		case !errors.Is(err, goredis.Nil):
			return false, fmt.Errorf("look for the ledger: %w", l.cfg.fault(err, false))
		}
	}
	return false, nil
}
