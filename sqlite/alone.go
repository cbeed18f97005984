package sqlite

import (
	"context"

	"github.com/fencepost/fencepost"
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
