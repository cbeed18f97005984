package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// A pooler (PgBouncer, Odyssey, pgcat and others) gives a client another server process for each transaction. What a
// session keeps from one transaction to the next (prepared statements, temporary tables, settings) is then another
// client's. So a commit keeps nothing, and what the driver keeps by default it does not keep behind a pooler.

// greeting is what a server says of itself when it is connected to.
const greeting = "select pg_is_in_recovery(), current_setting('transaction_read_only'), pg_backend_pid()"

// pooledKey is where a connection's data says that it goes through a pooler.
const pooledKey = "fencepost.pooled"

// meet makes the function that looks at a new connection. A replica's answer is no answer (law 7). A pooler invents the
// process that it names to a client: that of the server is another one.
func meet(writable bool) pgconn.ValidateConnectFunc {
	return func(ctx context.Context, c *pgconn.PgConn) error {
		res, err := c.Exec(ctx, greeting).ReadAll()
		if err != nil {
			return err
		}
		row := res[0].Rows[0]
		switch {
		case string(row[0]) == "t":
			return pgconn.ErrStandbyConnection
		case writable && string(row[1]) == "on":
			return pgconn.ErrReadOnlyConnection
		case string(row[2]) == itoa(int64(c.PID())):
			return nil
		}
		c.CustomData()[pooledKey] = true
		return pools(ctx, c)
	}
}

// pools returns the error of a pooler that takes no transaction of several requests, as a handler's is.
func pools(ctx context.Context, c *pgconn.PgConn) error {
	for _, sql := range []string{"begin", "rollback"} {
		if _, err := c.Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

// pooled reports whether a connection goes through a pooler.
func pooled(c *pgx.Conn) bool { return c.PgConn().CustomData()[pooledKey] == true }

// unnamed is a config whose connections name no prepared statements. Types are those of the server, as with named ones,
// at another round trip for each statement of a handler.
func unnamed(c *pgx.ConnConfig) *pgx.ConnConfig {
	c = c.Copy()
	c.DefaultQueryExecMode, c.StatementCacheCapacity, c.DescriptionCacheCapacity = pgx.QueryExecModeDescribeExec, 0, 0
	return c
}

// poolerRefused is the fault of a pooler that is set up so that it can not carry what is asked of it; nil: pg is none.
func (s *session) poolerRefused(pg *pgconn.PgError) error {
	fault := &fencepost.UserError{Code: "pooler-refused", Err: sqlstore.Reasoned{Reason: place(s.config) + ": " + reasoned(pg).Reason, Err: pg}}
	if pg.Code != "08P01" {
		return nil
	}
	switch {
	case strings.HasPrefix(pg.Message, "unsupported startup parameter"):
		_, name, _ := strings.Cut(pg.Message, ": ")
		name, _, _ = strings.Cut(name, "=")
		fault.Help = "take " + name + " out of the dsn, and set it where the server keeps it: ALTER ROLE ... SET " + name +
			"; or ignore it: ignore_startup_parameters = " + name + " in pgbouncer.ini"
	case strings.HasPrefix(pg.Message, "transaction blocks not allowed"):
		fault.Help = "pool_mode = transaction (or session) for this database, in pgbouncer.ini"
	default:
		return nil
	}
	return fault
}
