package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

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
	return sqlstore.NewLayout(t, &session{config: c}, sqlstore.Reading[*session]{Rows: (*session).readTable, Edge: (*session).edge, Writes: writes}), nil
}

// readTable is sqlstore.Reading.Rows.
func (s *session) readTable(ctx context.Context, t sqlstore.TableLayout) (rows []sqlstore.TableRow, narrow bool, err error) {
	if _, err = s.exec(ctx, "begin isolation level repeatable read read only"); err != nil {
		return nil, false, err
	}
	// The extended protocol takes one statement at a time, whatever the dsn says.
	pg := s.conn.PgConn()
	probe, err := pg.Prepare(ctx, "", t.Probe(spelling), nil)
	if err != nil {
		return nil, false, err
	}
	switch probe.Fields[0].DataTypeOID {
	case pgtype.Int2OID, pgtype.Int4OID:
		narrow = true
	}
	res := pg.ExecParams(ctx, t.Query(spelling), nil, nil, nil, nil).Read()
	for _, r := range res.Rows {
		rows = append(rows, sqlstore.RowOf(r))
	}
	return rows, narrow, res.Err
}

// writes is sqlstore.Reading.Writes.
func writes(err error) string {
	if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "25006" {
		return pg.Message
	}
	return ""
}
