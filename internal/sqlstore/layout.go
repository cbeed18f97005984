package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/sink"
)

// Layout is another program's table of offsets, on one connection of its own. Callers take turns.
type Layout[S Session] struct {
	table   TableLayout
	turn    turn
	session S // guarded by turn
	reads   Reading[S]
}

// Reading reads a table of another program.
type Reading[S Session] struct {
	// Rows reads the rows of a layout. narrow reports that the offset's type is an integer of 32 bits or less. It leaves its
	// transaction open. It sends each text as one statement, so that Where cannot end a transaction that may only read.
	Rows func(S, context.Context, TableLayout) (rows []TableRow, narrow bool, err error)
	// Edge is Errors.Edge.
	Edge func(s S, ctx context.Context, err error) error
	// Writes returns the server's message if err says that the condition would have written. empty: err says something else.
	Writes func(err error) string
}

// NewLayout returns a layout that owns the session. It does not connect yet. It never changes anything: every read is a
// transaction that may only read. REQUIRES: a valid layout.
func NewLayout[S Session](t TableLayout, s S, r Reading[S]) *Layout[S] {
	return &Layout[S]{table: t, turn: newTurn(), session: s, reads: r}
}

// Foreign reads the table as of one moment.
//
// Errors: *fencepost.UserError layout-damaged, choice-needed, table-not-found, column-missing, sql-refused, and those of
// the connection.
func (l *Layout[S]) Foreign(ctx context.Context) (f foreign.Offsets, err error) {
	if err := l.turn.take(ctx); err != nil {
		return f, err
	}
	defer l.turn.give()
	if _, err := l.session.Open(ctx); err != nil {
		return f, fmt.Errorf("read layout: %w", err)
	}
	rows, narrow, err := l.reads.Rows(l.session, ctx, l.table)
	if err != nil {
		err = l.fault(ctx, err)
	}
	l.session.Drop() // and the transaction with it: layouts are read once
	if err != nil {
		return f, fmt.Errorf("read layout: %w", err)
	}
	f, err = l.table.Foreign(rows)
	if narrow && err == nil {
		f.Notes = append(f.Notes, l.table.Narrow())
	}
	return f, err
}

// Close closes the connection.
func (l *Layout[S]) Close() error {
	_ = l.turn.take(context.Background())
	defer l.turn.give()
	l.session.Drop()
	return nil
}

// fault is Edge, with the remedies of a table that is only read.
func (l *Layout[S]) fault(ctx context.Context, err error) error {
	const mend = "mend where=, or the expression in parentheses"
	if message := l.reads.Writes(err); message != "" {
		return &fencepost.UserError{Code: "sql-refused", Err: Reasoned{"where: " + message, err}, Help: "a condition that only reads"}
	}
	err = l.reads.Edge(l.session, ctx, err)
	var f *fencepost.UserError
	var r *sink.Rejected
	switch {
	case errors.As(err, &f):
	case errors.As(err, &r):
		return &fencepost.UserError{Code: "sql-refused", Err: err, Help: mend}
	default:
		return err
	}
	help := ""
	switch f.Code {
	case "table-not-found":
		help = "mend table=" + l.table.Table + ", or the database in the URL"
	case "column-missing":
		help = "name the columns: topic=, partition=, offset=, group_column="
	case "sql-refused":
		help = mend
	case "database-denied":
		help = "as the table's owner: GRANT SELECT ON " + l.table.Table + " TO ..."
	default:
		return err
	}
	return &fencepost.UserError{Code: f.Code, Err: f.Err, Help: help}
}
