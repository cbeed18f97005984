package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// client is at most so many connections to one server, each dialed when it is first needed. It retries nothing: a script
// that was sent twice would be refused by its own success. It is safe for concurrent use; a connection serves one caller
// at a time.
//
// The design that lost is the library's pool: it keeps the caller from the connection, which has to be closed under a
// command whose context ends, since a script cannot be called back.
type client struct {
	cfg   Config
	begin func(redis.Conn) error // asked of each new connection
	slots chan redis.Conn        // a nil one is still to be dialed
	over  chan struct{}          // closed by Close
}

// errUnsent is the end of a context before anything was sent.
type errUnsent struct{ error }

func (e *errUnsent) Unwrap() error { return e.error }

// errReply is an error reply of the server. An error of a connection is none.
type errReply = redis.Error

func newClient(c Config, size int, begin func(redis.Conn) error) *client {
	cl := &client{cfg: c, begin: begin, slots: make(chan redis.Conn, size), over: make(chan struct{})}
	for range size {
		cl.slots <- nil
	}
	return cl
}

// size is how many connections there are at most.
func (c *client) size() int { return cap(c.slots) }

// Close closes the idle connections, and each other one when its caller is done with it.
func (c *client) Close() error {
	select {
	case <-c.over:
		return nil
	default:
	}
	close(c.over)
	var errs []error
	for {
		select {
		case conn := <-c.slots:
			if conn != nil {
				errs = append(errs, conn.Close())
			}
		default:
			return errors.Join(errs...)
		}
	}
}

var errClosed = errors.New("the client is closed")

// on runs f on a connection. When ctx ends, the connection is closed under it, and f's error is that of ctx.
func (c *client) on(ctx context.Context, f func(redis.Conn) error) error {
	conn, err := c.take(ctx)
	if err != nil {
		return err
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = conn.Close() // what f then returns says that it was cut
	})
	err = f(conn)
	if !stop() {
		<-closed
	}
	c.give(conn)
	if ctx.Err() != nil && err != nil && !errors.As(err, new(errReply)) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// take waits for a connection, and dials it where it is new.
func (c *client) take(ctx context.Context) (conn redis.Conn, err error) {
	wait := time.NewTimer(c.cfg.Timeout)
	defer wait.Stop()
	select {
	case conn = <-c.slots:
	case <-ctx.Done():
		return nil, &errUnsent{ctx.Err()}
	case <-c.over:
		return nil, &errDial{errClosed}
	case <-wait.C:
		return nil, &errDial{fmt.Errorf("no connection is free in %s", c.cfg.Timeout)}
	}
	if conn != nil {
		return conn, nil
	}
	if conn, err = c.dial(ctx); err != nil {
		c.give(nil)
	}
	return conn, err
}

// give puts a connection back, or a new place for one that broke.
func (c *client) give(conn redis.Conn) {
	if conn != nil && conn.Err() != nil {
		conn = nil
	}
	select {
	case <-c.over:
		if conn != nil {
			_ = conn.Close()
		}
	default:
		c.slots <- conn
	}
}

// dial makes a connection, and sends the user and the database on it.
func (c *client) dial(ctx context.Context) (redis.Conn, error) {
	raw, err := c.cfg.dialed(ctx, "tcp", c.cfg.Addr)
	if err != nil {
		return nil, err
	}
	conn := redis.NewConn(raw, c.cfg.Timeout, c.cfg.Timeout)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := c.greet(ctx, conn); err != nil {
		_ = conn.Close() // nothing was asked of it yet
		if ctx.Err() != nil {
			return nil, &errUnsent{ctx.Err()}
		}
		return nil, err
	}
	return conn, nil
}

// greet logs in.
func (c *client) greet(ctx context.Context, conn redis.Conn) error {
	user, password, err := c.cfg.credentials(ctx)
	if err != nil {
		return err
	}
	switch {
	case user != "":
		_, err = conn.Do("AUTH", user, password)
	case password != "":
		_, err = conn.Do("AUTH", password)
	}
	if err == nil && c.cfg.DB != 0 {
		_, err = conn.Do("SELECT", c.cfg.DB)
	}
	if err == nil && c.begin != nil {
		err = c.begin(conn)
	}
	if err == nil || errors.As(err, new(errReply)) || isFault(err) {
		return err
	}
	return &errDial{err} // before anything of a caller was sent
}

// do runs one command, which may run twice.
func (c *client) do(ctx context.Context, command string, args ...any) (v any, err error) {
	err = c.again(ctx, func(conn redis.Conn) error {
		v, err = conn.Do(command, args...)
		return err
	})
	return v, err
}

// eval runs a script, and sends its text where the server has forgotten it: NOSCRIPT says that nothing ran.
func eval(conn redis.Conn, s *redis.Script, keys []string, args []any) ([]any, error) {
	all := make([]any, 0, 1+len(keys)+len(args))
	all = append(all, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	return redis.Values(s.Do(conn, append(all, args...)...))
}

// ask runs a script that may run twice. After a restart of the server each of the client's connections fails once, so it
// asks as often as there are connections, and once more.
func ask(ctx context.Context, c *client, s *redis.Script, keys []string, args []any) (r []any, err error) {
	err = c.again(ctx, func(conn redis.Conn) error {
		r, err = eval(conn, s, keys, args)
		return err
	})
	return r, err
}

// again is on for what may be done twice: it goes on with another connection where one was found broken.
func (c *client) again(ctx context.Context, f func(redis.Conn) error) (err error) {
	for range c.size() + 1 {
		err = c.on(ctx, f)
		var slow net.Error
		if err == nil || ctx.Err() != nil || errors.As(err, new(errReply)) || errors.As(err, new(*errDial)) || isFault(err) ||
			errors.As(err, &slow) && slow.Timeout() {
			return err
		}
	}
	return err
}

// replies reports whether err is an error reply with this word in front.
func replies(err error, word string) bool {
	var reply errReply
	return errors.As(err, &reply) && strings.HasPrefix(string(reply), word)
}

// text is a value of an answer as text, empty for anything else.
func text(v any) string {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case string:
		return v
	}
	return ""
}
