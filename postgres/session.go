package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
)

// parseDSN reads a connection string. Its errors say nothing of the text: what can not be parsed may be, or hold, a
// password in the wrong place.
func parseDSN(dsn string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, &fencepost.Fault{Code: "dsn-invalid", Exit: 2,
			Err:  errors.New("the Postgres dsn can not be read (not shown: it may hold a password)"),
			Help: "postgres://USER:PASSWORD@HOST:5432/DATABASE, the password percent-encoded; or host=... dbname=..."}
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
	// A replica's answer is no answer (law 7).
	c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	return c, nil
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
	config *pgx.ConnConfig
	conn   *pgx.Conn
	// secret is 16 random hexadecimal digits of this connection. It names the savepoint and stands in the text of a
	// refusal, so that neither user SQL nor a record's value can pretend to be either.
	secret string
}

// open connects unless there is a live connection; fresh says that what the last one had (temporary tables) is gone.
func (s *session) open(ctx context.Context) (fresh bool, err error) {
	if s.conn != nil && !s.conn.IsClosed() {
		return false, nil
	}
	s.drop()
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return false, s.edge(ctx, err)
	}
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	s.conn, s.secret = conn, hex.EncodeToString(b)
	return true, nil
}

// drop closes the connection. An open transaction ends with it.
func (s *session) drop() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // whatever it says, the connection is not used again
	s.conn = nil
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

// rollback ends a failed transaction, or the connection if that can not be done.
func (s *session) rollback(ctx context.Context) {
	if s.conn == nil || s.conn.IsClosed() {
		s.drop()
		return
	}
	if s.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := s.exec(ctx, "rollback"); err != nil || s.conn.PgConn().TxStatus() != 'I' {
		s.drop()
	}
}

// turn lets one goroutine at a time through, and the others wait with their contexts.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }

// Address is the database of a dsn as people name it, without a password: postgres://app@localhost:5432/shop.
//
// Errors: *fencepost.Fault dsn-invalid.
func Address(dsn string) (string, error) {
	c, err := parseDSN(dsn)
	if err != nil {
		return "", err
	}
	return "postgres://" + c.User + "@" + place(c) + "/" + c.Database, nil
}
