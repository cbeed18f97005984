package sqlstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
)

// Rows are the rows of one statement, in text form; nil is null.
type Rows [][][]byte

// Session is one connection to a database, opened when it is needed and opened again after it broke. It is used by one
// goroutine at a time. The errors of Exec and Flush are the driver's own: [Errors] says what they mean.
type Session interface {
	// Open connects unless there is a live connection. fresh says that what the last one had (temporary tables) is gone.
	// Its errors are the contracts' own.
	Open(context.Context) (fresh bool, err error)
	// Exec sends statements as one request, and returns the rows of those that have rows. The statements behind one that
	// failed do not run.
	Exec(ctx context.Context, statements string) ([]Rows, error)
	// Flush sends statements that end with COMMIT as one request. nil: the server has committed.
	Flush(ctx context.Context, statements string) error
	// Rollback ends the transaction that failed with err, or the connection if that can not be done.
	Rollback(ctx context.Context, err error)
	// Drop closes the connection. An open transaction ends with it.
	Drop()
}

// Secret is 16 random hexadecimal digits for a connection. It names the savepoint around a user's SQL and stands in the
// text of a refusal, so that neither user SQL nor a record's value can pretend to be either.
func Secret() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// Turn lets one goroutine at a time through, and the others wait with their contexts.
type Turn chan struct{}

// NewTurn is a turn that nobody has.
func NewTurn() Turn { return make(Turn, 1) }

// Take waits for the turn.
func (t Turn) Take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Give lets the next one through.
func (t Turn) Give() { <-t }
