package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// layout is another program's table of offsets, on one connection of its own; callers take turns.
type layout struct {
	table   sqlstore.TableLayout
	turn    turn
	session session // guarded by turn
}

// OpenLayout reads the offsets that another program keeps in a table. It connects to nothing yet, and changes nothing
// ever: every read is a transaction that may only read, and each text is sent as one statement, so that Where can not
// end it.
//
// Errors: *fencepost.Fault dsn-invalid, layout-incomplete.
func OpenLayout(_ context.Context, dsn string, t sqlstore.TableLayout) (foreign.Layout, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	c, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return &layout{table: t, turn: newTurn(), session: session{config: c}}, nil
}

// dialect writes a TableLayout's statements.
var dialect = sqlstore.Dialect{Ident: ident, Literal: quote,
	Text: func(expr string) string { return "(" + expr + `)::text COLLATE "C"` }}

// Foreign reads the table as of one moment.
//
// Errors: *fencepost.Fault layout-damaged, choice-needed, table-not-found, column-missing, sql-refused, and those of
// the connection.
func (l *layout) Foreign(ctx context.Context) (f foreign.Offsets, err error) {
	if err := l.turn.take(ctx); err != nil {
		return f, err
	}
	defer l.turn.give()
	if _, err := l.session.open(ctx); err != nil {
		return f, fmt.Errorf("read layout: %w", err)
	}
	rows, narrow, err := l.read(ctx)
	l.session.rollback(ctx)
	if err != nil {
		return f, fmt.Errorf("read layout: %w", l.fault(ctx, err))
	}
	f, err = l.table.Foreign(rows)
	if narrow && err == nil {
		f.Notes = append(f.Notes, l.table.Narrow())
	}
	return f, err
}

// read asks for the rows, and whether the offset's type is an integer of 32 bits or less. It leaves its transaction open.
func (l *layout) read(ctx context.Context) (rows []sqlstore.TableRow, narrow bool, err error) {
	if _, err = l.session.exec(ctx, "begin isolation level repeatable read read only"); err != nil {
		return nil, false, err
	}
	// The extended protocol takes one statement at a time, whatever the dsn says.
	pg := l.session.conn.PgConn()
	probe, err := pg.Prepare(ctx, "", l.table.Probe(dialect), nil)
	if err != nil {
		return nil, false, err
	}
	switch probe.Fields[0].DataTypeOID {
	case pgtype.Int2OID, pgtype.Int4OID:
		narrow = true
	}
	res := pg.ExecParams(ctx, l.table.Query(dialect), nil, nil, nil, nil).Read()
	for _, r := range res.Rows {
		rows = append(rows, sqlstore.TableRow{Group: textOf(r[0]), TopicPartition: textOf(r[1]), Partition: textOf(r[2]),
			Offset: textOf(r[3]), From: textOf(r[4])})
	}
	return rows, narrow, res.Err
}

// textOf is a value in text form; nil is null.
func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string(b)
	return &s
}

// fault is edge with the remedies of a layout.
func (l *layout) fault(ctx context.Context, err error) error {
	if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "25006" {
		return &fencepost.Fault{Code: "sql-refused", Err: reasoned{"where: " + pg.Message, pg}, Help: "a condition that only reads"}
	}
	return asLayout(l.session.edge(ctx, err), l.table)
}

// asLayout gives a fault about a table that is read only the remedy that fits it.
func asLayout(err error, t sqlstore.TableLayout) error {
	var f *fencepost.Fault
	if !errors.As(err, &f) {
		var r *sink.Rejected
		if errors.As(err, &r) {
			return &fencepost.Fault{Code: "sql-refused", Err: err, Help: "mend where=, or the expression in parentheses"}
		}
		return err
	}
	switch f.Code {
	case "table-not-found":
		return &fencepost.Fault{Code: f.Code, Err: f.Err, Help: "mend table=" + t.Table + ", or the database in the URL"}
	case "column-missing":
		return &fencepost.Fault{Code: f.Code, Err: f.Err, Help: "name the columns: topic=, partition=, offset=, group_column="}
	case "sql-refused":
		return &fencepost.Fault{Code: f.Code, Err: f.Err, Help: "mend where=, or the expression in parentheses"}
	case "database-denied":
		return &fencepost.Fault{Code: f.Code, Err: f.Err, Help: "as the table's owner: GRANT SELECT ON " + t.Table + " TO ..."}
	}
	return err
}

// Close closes the connection.
func (l *layout) Close() error {
	_ = l.turn.take(context.Background())
	defer l.turn.give()
	l.session.drop()
	return nil
}
