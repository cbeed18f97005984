package sqlstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
)

// Rows are the rows of one statement, in text form; nil is null.
type Rows [][][]byte

// Session is one connection to a database. It is opened when it is needed, and opened again after it broke. One goroutine
// uses it at a time. Exec and Flush return the driver's errors; [Errors] knows what those mean.
type Session interface {
	// Open connects unless there is a live connection. fresh reports a new connection: the temporary tables of the last one
	// are gone. Its errors are those of ledger.Ledger and sink.Lane.
	Open(context.Context) (fresh bool, err error)
	// Exec sends statements as one request, and returns the rows of those that have rows. The statements behind one that
	// failed do not run.
	Exec(ctx context.Context, statements string) ([]Rows, error)
	// Flush sends statements that end with COMMIT as one request. It returns nil only if the server has committed.
	Flush(ctx context.Context, statements string) error
	// Rollback ends the transaction that failed with err, or the connection if that cannot be done.
	Rollback(ctx context.Context, err error)
	// Drop closes the connection. An open transaction ends with it.
	Drop()
}

// Secret is 16 random hexadecimal digits for a connection. It names the savepoint around a user's SQL and is in the
// text of a refusal, so that neither user SQL nor a record's value can pretend to be either.
func Secret() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// turn lets one goroutine at a time through. The others wait with their contexts.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }
