package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fencepost/fencepost"
	"zombiezen.com/go/sqlite"
)

// Ledger is the ledger of a file without a sink: for an operator's verbs, and for effects that go elsewhere. It is a
// fencepost.History too.
type Ledger struct{ ledger }

var (
	_ fencepost.Ledger  = (*Ledger)(nil)
	_ fencepost.History = (*Ledger)(nil)
)

// OpenLedger is the ledger alone, without a sink. It touches no file: the first Read or Move creates what is missing,
// and [Ledger.Exists] looks without creating anything.
//
// Errors: *fencepost.Fault sink-config.
func OpenLedger(path string, keep fencepost.KeepCommits) (*Ledger, error) {
	if path == "" || path == ":memory:" {
		return nil, &fencepost.Fault{Code: "sink-config", Exit: 2, Err: fmt.Errorf("open sqlite ledger: the path %q is no file", path),
			Help: "sqlite:PATH, of a file on a local disk"}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open sqlite ledger: %w", err)
	}
	l := &Ledger{ledger{cfg: Config{Path: path, KeepCommits: keep}, ledger: make(chan *conn, 1)}}
	l.ledger.ledger <- nil
	return l, nil
}

// Exists reports whether the file is there and holds a ledger. It creates nothing.
//
// Errors: ErrNewer; *fencepost.Fault of the file.
func (l *Ledger) Exists(ctx context.Context) (bool, error) {
	if _, err := os.Stat(l.cfg.Path); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	c, err := dial(l.cfg.Path, sqlite.OpenReadOnly)
	if err != nil {
		return false, err
	}
	defer c.close()
	err = c.read(ctx, func() error {
		_, err := c.header()
		return err
	})
	if errors.Is(err, errNoLedger) {
		return false, nil
	}
	return err == nil, err
}

// Close closes the connection.
func (l *Ledger) Close() error { return (*Sink)(&l.ledger).Close() }
