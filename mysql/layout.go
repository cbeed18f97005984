package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

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
	return &layout{table: t, turn: newTurn(), session: session{config: c, foreign: true}}, nil
}

// dialect writes a TableLayout's statements. The collations of names say that Orders and orders are the same: bytes do not.
var dialect = sqlstore.Spelling{Ident: ident, Literal: quote,
	Text: func(expr string) string { return "cast(convert(" + expr + " using utf8mb4) as binary)" }}

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
	l.session.drop() // and the transaction with it: layouts are read once
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
	if _, err = l.session.exec(ctx, "set transaction isolation level repeatable read; start transaction read only"); err != nil {
		return nil, false, err
	}
	err = l.one(ctx, l.table.Probe(dialect), func(res *sql.Rows) (err error) {
		narrow, err = narrowColumn(res)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	err = l.one(ctx, l.table.Query(dialect), func(res *sql.Rows) error {
		for res.Next() {
			var g, t, p, o, f sql.NullString
			if err := res.Scan(&g, &t, &p, &o, &f); err != nil {
				return err
			}
			rows = append(rows, sqlstore.TableRow{Group: textOf(g), TopicPartition: textOf(t), Partition: textOf(p), Offset: textOf(o), From: textOf(f)})
		}
		return nil
	})
	return rows, narrow, err
}

// one runs a single statement and reads its rows: the server prepares no more than one.
func (l *layout) one(ctx context.Context, text string, read func(*sql.Rows) error) error {
	st, err := l.session.conn.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer st.Close()
	rows, err := st.QueryContext(ctx)
	if err != nil {
		return err
	}
	defer rows.Close()
	return errors.Join(read(rows), rows.Err())
}

// narrowColumn reports whether the one column of rows is an integer of 32 bits or less.
func narrowColumn(rows *sql.Rows) (bool, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return false, err
	}
	switch strings.TrimPrefix(types[0].DatabaseTypeName(), "UNSIGNED ") {
	case "INT", "MEDIUMINT", "SMALLINT", "TINYINT":
		return true, nil
	}
	return false, nil
}

// textOf is a value in text form; nil is null.
func textOf(s sql.NullString) *string {
	if !s.Valid {
		return nil
	}
	return &s.String
}

// fault is edge with the remedies of a layout.
func (l *layout) fault(ctx context.Context, err error) error {
	if my := new(mysql.MySQLError); errors.As(err, &my) && my.Number == 1792 {
		return &fencepost.Fault{Code: "sql-refused", Err: reasoned{"where: " + my.Message, my}, Help: "a condition that only reads"}
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
