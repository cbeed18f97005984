package postgres

import (
	"context"
	"encoding/binary"
	"io"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

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
	met := new(newest)
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
			return met.placed(ctx, c)
		}
		c.CustomData()[pooledKey] = true
		if err := pools(ctx, c); err != nil {
			return err
		}
		return met.placed(ctx, c)
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

// behindPooler is the session's config for a connection through a pooler. Its driver names no prepared statements unless the
// dsn asks for them: types are those of the server, as with named ones, at another round trip for each statement of a handler.
func (s *session) behindPooler() *pgx.ConnConfig {
	c := s.config.Copy()
	if c.StatementCacheCapacity > 0 && !namesMode(c.ConnString()) {
		c.DefaultQueryExecMode, c.StatementCacheCapacity, c.DescriptionCacheCapacity = pgx.QueryExecModeDescribeExec, 0, 0
	}
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		s.answers = &answers{Reader: r}
		return pgproto3.NewFrontend(s.answers, w)
	}
	return c
}

// copyIn is PgConn.CopyFrom, whose rows behind a pooler wait until the server has asked for them. PgBouncer since 1.21 counts
// rows that come before as requests of their own, which are never answered, and never gives the server process to
// another client (pgbouncer#1471). The driver sends its last message of a COPY even after an error, which is one of those:
// a session whose COPY failed is to be dropped.
func (s *session) copyIn(ctx context.Context, rows io.Reader, sql string) (pgconn.CommandTag, error) {
	if s.answers != nil {
		rows = &asked{Reader: rows, begun: s.answers.next(), ctx: ctx}
	}
	return s.conn.PgConn().CopyFrom(ctx, rows, sql)
}

// asked gives out rows once the server has begun to answer.
type asked struct {
	io.Reader
	begun <-chan struct{}
	ctx   context.Context // of the one call of CopyFrom
}

func (a *asked) Read(p []byte) (int, error) {
	select {
	case <-a.begun:
		return a.Reader.Read(p)
	case <-a.ctx.Done():
		return 0, a.ctx.Err()
	}
}

// answers is what a server sends, and says when a COPY begins: by CopyInResponse, an error, or the end of the connection. It
// walks over the heads of the messages: one byte of type, four of length.
type answers struct {
	io.Reader
	head [5]byte
	have int // bytes of head
	skip int // bytes of the message's body that are still to come
	mu   struct {
		sync.Mutex
		begun chan struct{} // nil: no COPY waits
	}
}

// next is closed when the COPY that is sent now begins.
func (a *answers) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.begun = make(chan struct{})
	return a.mu.begun
}

func (a *answers) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.begun != nil {
		close(a.mu.begun)
		a.mu.begun = nil
	}
}

func (a *answers) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	a.walk(p[:n])
	if err != nil {
		a.begin()
	}
	return n, err
}

func (a *answers) walk(p []byte) {
	for len(p) > 0 {
		if step := min(a.skip, len(p)); step > 0 {
			a.skip, p = a.skip-step, p[step:]
			continue
		}
		step := copy(a.head[a.have:], p)
		a.have, p = a.have+step, p[step:]
		if a.have < len(a.head) {
			return
		}
		a.have, a.skip = 0, int(binary.BigEndian.Uint32(a.head[1:]))-4
		if kind := a.head[0]; kind == 'G' || kind == 'E' { // CopyInResponse, ErrorResponse
			a.begin()
		}
	}
}

// poolerRefused returns the error of a pooler whose configuration refuses the request; nil: pg is none.
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
