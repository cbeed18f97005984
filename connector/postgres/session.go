package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/internal/text"
)

// hasFragment reports whether a URL has a #, behind which the driver reads nothing: another database or other parameters than were meant.
func hasFragment(dsn string) bool {
	return (strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")) && strings.Contains(dsn, "#")
}

// parseDSN reads a connection string. Its errors say nothing of the text: what cannot be parsed may be, or hold, a
// password in the wrong place.
func parseDSN(dsn string) (*pgx.ConnConfig, error) {
	if text.UnencodedPassword(dsn) {
		return nil, sqlstore.UnencodedPassword("Postgres")
	}
	c, err := pgx.ParseConfig(dsn)
	if err != nil || hasFragment(dsn) {
		return nil, &fencepost.UserError{Code: "dsn-invalid", Exit: 2,
			Err:  errors.New("the Postgres dsn can not be read (not shown: it may hold a password)"),
			Help: "postgres://USER:PASSWORD@HOST:5432/DATABASE, the password percent-encoded (# is %23); or host=... dbname=..."}
	}
	// What the text of a statement means must not depend on the server's settings.
	c.RuntimeParams["client_encoding"] = "UTF8"
	c.RuntimeParams["standard_conforming_strings"] = "on"
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "fencepost"
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	writable, err := wantsWritable(c.ValidateConnect)
	if err != nil {
		return nil, err
	}
	c.ValidateConnect = meet(writable)
	return c, nil
}

// wantsWritable reports whether target_session_attrs asks for more than a primary: for one whose transactions may write. A
// dsn that asks for a server on which nothing can be written is refused.
func wantsWritable(asks pgconn.ValidateConnectFunc) (bool, error) {
	is := func(f pgconn.ValidateConnectFunc) bool {
		return asks != nil && reflect.ValueOf(asks).Pointer() == reflect.ValueOf(f).Pointer()
	}
	if is(pgconn.ValidateConnectTargetSessionAttrsReadOnly) || is(pgconn.ValidateConnectTargetSessionAttrsStandby) {
		return false, &fencepost.UserError{Code: "dsn-invalid", Exit: 2, Help: "target_session_attrs=read-write, or leave it out",
			Err: errors.New("target_session_attrs asks for a server that can not be written")}
	}
	return is(pgconn.ValidateConnectTargetSessionAttrsReadWrite), nil
}

// namesMode reports whether a dsn says how the driver sends statements.
func namesMode(dsn string) bool {
	c, err := pgconn.ParseConfig(dsn)
	return err == nil && (c.RuntimeParams["default_query_exec_mode"] != "" || c.RuntimeParams["statement_cache_capacity"] != "")
}

// place is the server as messages name it: localhost:5432.
func place(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") {
		return c.Host
	}
	return net.JoinHostPort(c.Host, itoa(int64(c.Port)))
}

// session is a connection that is opened when it is needed and opened again after it broke. It is used by one
// goroutine at a time.
type session struct {
	config  *pgx.ConnConfig
	conn    *pgx.Conn
	pooled  uint32   // 1: a pooler is between, which is known since the first connection; another goroutine may read it
	answers *answers // of this connection, behind a pooler; else nil
	secret  string   // of this connection
	// process is the server's number of the connection, for other goroutines; 0: there is none, or a pooler hides it.
	process uint64
	// sparse and dense are sparseSQL and denseSQL, as the server keeps them for this connection.
	sparse, dense prepared
}

// Open is part of sqlstore.Session.
func (s *session) Open(ctx context.Context) (fresh bool, err error) {
	if s.conn != nil && !s.conn.IsClosed() {
		return false, nil
	}
	s.Drop()
	conn, err := s.connect(ctx)
	if pg := new(pgconn.PgError); err != nil && !errors.As(err, &pg) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return false, s.silent("no connection in time", err) // whatever the time was for, a batch has not taken it
	}
	if err != nil {
		return false, s.edge(ctx, err)
	}
	s.conn, s.secret = conn, sqlstore.Secret()
	if !pooled(conn) {
		atomic.StoreUint64(&s.process, uint64(conn.PgConn().PID()))
	}
	s.sparse.connected(pooled(conn))
	s.dense.connected(pooled(conn))
	return true, nil
}

// connect connects, and once more where the first connection shows that a pooler is between.
func (s *session) connect(ctx context.Context) (*pgx.Conn, error) {
	if s.answers = nil; atomic.LoadUint32(&s.pooled) == 1 {
		return pgx.ConnectConfig(ctx, s.behindPooler())
	}
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil || !pooled(conn) {
		return conn, err
	}
	_ = conn.Close(ctx)
	atomic.StoreUint32(&s.pooled, 1)
	return pgx.ConnectConfig(ctx, s.behindPooler())
}

// Drop is part of sqlstore.Session.
func (s *session) Drop() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // whatever it says, the connection is not used again
	s.conn = nil
	atomic.StoreUint64(&s.process, 0)
}

// exec sends statements as one simple Query and reads all results. Its errors are the driver's own; where a connection
// breaks within a result, the driver keeps the cause there and answers "conn closed" for the whole.
func (s *session) exec(ctx context.Context, sql string) ([]*pgconn.Result, error) {
	res, err := s.conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		for _, r := range res {
			if r.Err != nil {
				return res, r.Err
			}
		}
	}
	return res, err
}

// Exec is part of sqlstore.Session.
func (s *session) Exec(ctx context.Context, sql string) (rows []sqlstore.Rows, err error) {
	res, err := s.exec(ctx, sql)
	for _, r := range res {
		if r.CommandTag.Select() {
			rows = append(rows, r.Rows)
		}
	}
	return rows, err
}

// Flush is part of sqlstore.Session.
func (s *session) Flush(ctx context.Context, sql string) error {
	res, err := s.exec(ctx, sql)
	if err != nil {
		return err
	}
	var tag pgconn.CommandTag
	if len(res) > 0 {
		tag = res[len(res)-1].CommandTag
	}
	return s.committed(tag)
}

// committed reads the answer of a Query without an error: a COMMIT after a failure answers ROLLBACK, and that is no
// error to the server.
func (s *session) committed(tag pgconn.CommandTag) error {
	if tag.String() != "COMMIT" || s.conn.PgConn().TxStatus() != 'I' {
		return fmt.Errorf("the server answered %q instead of COMMIT: nothing happened", tag)
	}
	s.sparse.committed()
	s.dense.committed()
	return nil
}

// Rollback is part of sqlstore.Session.
func (s *session) Rollback(ctx context.Context, err error) {
	s.sparse.rolledBack()
	s.dense.rolledBack()
	if s.conn == nil || s.conn.IsClosed() {
		s.Drop()
		return
	}
	if pg := new(pgconn.PgError); errors.As(err, &pg) && classOf(pg) == sqlstore.ReadOnly {
		s.Drop() // the dsn may lead to another server, or the setting was taken back: a new session shows
		return
	}
	if s.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := s.exec(ctx, "rollback"); err != nil || s.conn.PgConn().TxStatus() != 'I' {
		s.Drop()
	}
}

// readOnly is part of sqlstore.Dialect. A server that is no primary is never open; one whose transactions may not write is.
func (s *session) readOnly(ctx context.Context) (why, err error) {
	res, err := s.exec(ctx, "show transaction_read_only")
	if err != nil || string(res[0].Rows[0][0]) != "on" {
		return nil, err
	}
	return system.Fault(sqlstore.ReadOnly, place(s.config), sqlstore.Reasoned{Reason: "its transactions may not write (default_transaction_read_only)",
		Err: errors.New("transaction_read_only is on")}), nil
}

// savepoint is a name that no SQL can know.
func (s *session) savepoint() string { return "fencepost_" + s.secret }

// Address is the database of a dsn as people name it, without a password: postgres://app@localhost:5432/shop.
//
// Errors: *fencepost.UserError dsn-invalid.
func Address(dsn string) (string, error) {
	c, err := parseDSN(dsn)
	if err != nil {
		return "", err
	}
	return "postgres://" + c.User + "@" + place(c) + "/" + c.Database, nil
}
