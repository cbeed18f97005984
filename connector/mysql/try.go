package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// try is sqlstore.TargetSQL.Try.
func (s *session) try(ctx context.Context, j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) (ended string, err error) {
	p, err := s.foreseen(ctx, j, t, columns)
	if err != nil {
		return "", err
	}
	switch {
	case p.partial != nil:
		p = p.partial // which has the statements of deletes too
	case p.deletes != nil:
		p = p.deletes // which needs more rights
	}
	err = s.flush(ctx, s.conn, p.create+"; "+p.clear+begin+p.after(s)+p.whole(s)+"rollback")
	return s.ended(ctx, j, err), err
}

// ended reports how the job's SQL ended the transaction; empty: it did not. Its RELEASE finds no savepoint (1305), or it failed and the
// rollback to the savepoint fails. What rolls back (rollsBack) ends a transaction by itself.
func (s *session) ended(ctx context.Context, j sqlstore.Job, err error) string {
	my := new(mysql.MySQLError)
	switch {
	case j.Form() != sqlstore.SQL || lost(err) || !errors.As(err, &my) || rollsBack(my):
		return ""
	case my.Number == 1305 && strings.Contains(my.Message, s.savepoint()):
		return "it holds a COMMIT or ROLLBACK, or DDL, which commits by itself"
	}
	res, err := s.Exec(ctx, "select coalesce(@fencepost_at, '')")
	if err != nil || string(res[0][0][0]) != s.secret {
		return "" // it failed before the SQL began, or behind it
	}
	_, err = s.Exec(ctx, "rollback to savepoint "+s.savepoint())
	if gone := new(mysql.MySQLError); errors.As(err, &gone) && gone.Number == 1305 {
		return fmt.Sprintf("no transaction was left when it failed: %s (%d)", my.Message, my.Number)
	}
	return ""
}
