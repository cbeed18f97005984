package sqlite

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/fencepost/fencepost"
	"zombiezen.com/go/sqlite"
)

// OpenLedger is the ledger alone, without a sink. It touches no file yet, and is a fencepost.History too.
//
// Errors: *fencepost.Fault sink-config.
func OpenLedger(path string, keep fencepost.KeepCommits) (*Ledger, error) {
	nothing := func(context.Context, *Conn, *fencepost.Batch) error { return nil }
	s, err := Open(context.Background(), Config{Path: path, Handle: nothing, KeepCommits: keep})
	if err != nil {
		return nil, err
	}
	return &Ledger{(*ledger)(s)}, nil
}

// Ledger is a file's ledger with its own connection. It is made by [OpenLedger].
type Ledger struct{ *ledger }

// Close closes the connection.
func (l *Ledger) Close() error { return (*Sink)(l.ledger).Close() }

var _ fencepost.Checker = (*Ledger)(nil)

// Check says which ledger is in the file. It creates nothing, not even the file.
func (l *Ledger) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	if _, err := os.Stat(l.cfg.Path); errors.Is(err, os.ErrNotExist) {
		found := (*Sink)(l.ledger).checkAbsent(l.cfg.Path)
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
