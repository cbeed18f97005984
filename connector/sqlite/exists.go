package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"zombiezen.com/go/sqlite"
)

var _ ledger.Finder = (*sinkLedger)(nil)

// Exists reports whether the file is there and has a ledger, and makes neither: Read would.
func (l *sinkLedger) Exists(ctx context.Context, _ fencepost.Group) (bool, error) {
	if _, err := os.Stat(l.cfg.Path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	c, err := dial(l.cfg.Path, sqlite.OpenReadWrite)
	if err != nil {
		return false, err
	}
	defer c.close()
	err = c.retry(ctx, func() error {
		_, err := c.header()
		return err
	})
	if errors.Is(err, errNoLedger) {
		return false, nil
	}
	return err == nil, fault(c.path, err)
}
