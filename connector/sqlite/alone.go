package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"zombiezen.com/go/sqlite"
)

// Ledger is the ledger of a file without a sink: for an operator's verbs, and for effects that go elsewhere. It is a
// ledger.History too.
type Ledger struct{ sinkLedger }

var (
	_ ledger.Ledger     = (*Ledger)(nil)
	_ ledger.History    = (*Ledger)(nil)
	_ ledger.Finder     = (*Ledger)(nil)
	_ fencepost.Checker = (*Ledger)(nil)
)

// OpenLedger is the ledger alone, without a sink. It touches no file: the first Read or Move creates what is missing.
//
// Errors: *fencepost.UserError sink-config.
func OpenLedger(path string, keep ledger.KeepCommits) (*Ledger, error) {
	if path == "" || path == ":memory:" {
		return nil, &fencepost.UserError{Code: "sink-config", Exit: 2, Err: fmt.Errorf("open sqlite ledger: the path %q is no file", path),
			Help: "sqlite:PATH, of a file on a local disk"}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open sqlite ledger: %w", err)
	}
	l := &Ledger{sinkLedger{cfg: Config{Path: path, KeepCommits: keep}, ledger: make(chan *conn, 1)}}
	l.sinkLedger.ledger <- nil
	return l, nil
}

// Close closes the connection.
func (l *Ledger) Close() error { return (*Sink)(&l.sinkLedger).Close() }

// Check says which ledger is in the file. It creates nothing, not even the file.
func (l *Ledger) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	if _, err := os.Stat(l.cfg.Path); errors.Is(err, os.ErrNotExist) {
		found := (*Sink)(&l.sinkLedger).checkAbsent(l.cfg.Path)
		f := found[len(found)-1] // behind what there is to say of the file itself
		f.Subject = "ledger"
		return []fencepost.Finding{f}
	}
	c, err := dial(l.cfg.Path, sqlite.OpenReadWrite)
	if err != nil {
		return []fencepost.Finding{finding("ledger", err)}
	}
	defer c.close()
	f := c.checkLedger(ctx)
	f.Text = strings.TrimSuffix(f.Text, ", in the same file")
	return []fencepost.Finding{f}
}
