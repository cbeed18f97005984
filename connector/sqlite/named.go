package sqlite

import (
	"errors"
	"fmt"

	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
)

// readFunction is true of each row of the batch, and notes that it was read.
const readFunction = "fencepost_read"

// lastRead is the row of the batch that your SQL had read last when the store refused a row, counted from 1; 0: it is not known. SQLite
// names no row. The SQL runs once more over a view that notes each row which it gives, in the transaction that is going to be rolled back:
//
//	temp.batch --renamed--> temp.fencepost_rows --WHERE fencepost_read(rowid)--> temp.batch, a view --> your SQL --refused--> the row
//
// SQL that sorts or sums the batch has read all of it before it writes: then the row is a wrong one, and whoever asks has to try it.
//
// REQUIRES: apply has just failed.
func (s *script) lastRead(c *conn, refused *sink.Rejected) (row int) {
	if c.db.AutocommitEnabled() {
		return 0 // a conflict clause has ended the transaction: what came now would stand
	}
	if s.overView(c, &row) != nil {
		return 0
	}
	fresh := &script{sql: s.sql}
	err := c.guarded(func() error { return fresh.first(c) })
	fresh.forget()
	if again, ok := errors.AsType[*sink.Rejected](err); !ok || again.Code != refused.Code || again.Reason != refused.Reason {
		return 0
	}
	return row
}

// overView takes back what the SQL did, and puts the view in the place of the temporary table. read is the row that it gave last.
func (s *script) overView(c *conn, read *int) error {
	err := c.db.CreateFunction(readFunction, &sqlite.FunctionImpl{NArgs: 1, AllowIndirect: true, Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
		*read = args[0].Int()
		return sqlite.IntegerValue(1), nil
	}})
	if err != nil {
		return fmt.Errorf("make function %s: %w", readFunction, err)
	}
	names := make([]string, len(s.insert.sources))
	for i, source := range s.insert.sources {
		names[i] = source.name
	}
	return c.transient("ROLLBACK TO "+effects,
		"ALTER TABLE temp.batch RENAME TO fencepost_rows",
		"CREATE TEMP VIEW batch AS SELECT "+sqlstore.Join(names, quote)+" FROM temp.fencepost_rows WHERE "+readFunction+"(rowid)")
}
