package mysql

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// OpenLayout reads the offsets that another program keeps in a table. It connects to nothing yet, and changes nothing
// ever: every read is a transaction that may only read, and each text is sent as one statement, so that Where cannot
// end it.
//
// Errors: *fencepost.UserError dsn-invalid, layout-incomplete.
func OpenLayout(_ context.Context, dsn string, t sqlstore.TableLayout) (foreign.Layout, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	c, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return sqlstore.NewLayout(t, &session{config: c, foreign: true}, sqlstore.Reading[*session]{Rows: (*session).readTable, Edge: (*session).edge, Writes: writes}), nil
}

// readTable is sqlstore.Reading.Rows.
func (s *session) readTable(ctx context.Context, t sqlstore.TableLayout) (rows []sqlstore.TableRow, narrow bool, err error) {
	if _, err = s.Exec(ctx, "set transaction isolation level repeatable read; start transaction read only"); err != nil {
		return nil, false, err
	}
	err = s.one(ctx, t.Probe(spelling), func(res *sql.Rows) (err error) {
		narrow, err = narrowColumn(res)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	err = s.one(ctx, t.Query(spelling), func(res *sql.Rows) error {
		_, err := eachOf(res, func(row [][]byte) (bool, error) {
			rows = append(rows, sqlstore.RowOf(row))
			return true, nil
		})
		return err
	})
	return rows, narrow, err
}

// one runs a single statement and reads its rows: the server prepares no more than one.
func (s *session) one(ctx context.Context, text string, read func(*sql.Rows) error) error {
	st, err := s.conn.PrepareContext(ctx, text)
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

// writes is sqlstore.Reading.Writes.
func writes(err error) string {
	if my := new(mysql.MySQLError); errors.As(err, &my) && my.Number == 1792 {
		return my.Message
	}
	return ""
}
