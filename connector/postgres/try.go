package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// try is sqlstore.TargetSQL.Try.
func (s *session) try(ctx context.Context, j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) (ended string, err error) {
	p := makePlan(j, t, columns)
	switch {
	case p.partial != nil:
		p = p.partial // which has the statements of deletes too
	case p.deletes != nil:
		p = p.deletes // which needs more rights
	}
	if p.open {
		if err := s.remote(ctx, j, t); err != nil {
			return "", err
		}
	}
	sql := begin + "set local lock_timeout = '5s'; " + p.query(s) + "rollback"
	e := newEncoder(p.fields, &fencepost.Batch{}, nil)
	tag, err := s.copyIn(ctx, e, sql)
	e.stop()
	switch {
	case err != nil:
		return s.ended(j, tag, err), err
	case tag.String() != "ROLLBACK":
		return "", fmt.Errorf("the server answered %q to ROLLBACK", tag)
	}
	return "", nil
}

// ended reports, by the server's error, how the job's SQL ended the transaction; empty: it did not. The savepoint is gone with it
// (3B001), or there is no transaction any more where one must be (25P01, or idle after any other error). Before the
// first statement ran (a syntax error: no tag) nothing can have ended, and these classes of errors end a transaction
// by themselves at COMMIT: serialization, resources, the operator, the system.
func (s *session) ended(j sqlstore.Job, tag pgconn.CommandTag, err error) string {
	pg := new(pgconn.PgError)
	if j.Form() != sqlstore.SQL || s.conn.IsClosed() || !errors.As(err, &pg) {
		return ""
	}
	switch {
	case pg.Code == "3B001" && strings.Contains(pg.Message, s.savepoint()),
		pg.Code == "25P01" && strings.Contains(pg.Message, "RELEASE SAVEPOINT"):
		return "it holds a COMMIT, ROLLBACK or the like"
	case s.conn.PgConn().TxStatus() != 'I' || tag.String() == "":
		return ""
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "40", "53", "57", "58", "XX":
		return ""
	}
	return fmt.Sprintf("no transaction was left when it failed: %s (%s)", pg.Message, pg.Code)
}
