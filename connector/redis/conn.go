package redis

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/gomodule/redigo/redis"
)

// The scripts. Redis keeps them by digest until it restarts, and gets the text again when it says NOSCRIPT.
var (
	//go:embed commit.lua
	commitText   string
	commitScript = redis.NewScript(-1, commitText)
	//go:embed read.lua
	readText   string
	readScript = redis.NewScript(-1, readText)
	//go:embed history.lua
	historyText   string
	historyScript = redis.NewScript(-1, historyText)
	//go:embed identity.lua
	identityText   string
	identityScript = redis.NewScript(-1, identityText)
)

// connect makes a client of at most size connections that lead to a server which keeps its keys.
func connect(c Config, size int) *client { return newClient(c, size, keepsKeys) }

// errDial is an error before anything was sent.
type errDial struct{ err error }

func (e *errDial) Error() string { return e.err.Error() }
func (e *errDial) Unwrap() error { return e.err }

// dialed connects, and shakes hands where TLS is wanted.
func (c Config) dialed(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	dial := c.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, &errDial{err}
	}
	if c.TLS == nil {
		return conn, nil
	}
	config := c.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(c.Addr)
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close() // what it says of a connection that never was adds nothing
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer in %s", c.Timeout)
		}
		return nil, &errDial{fmt.Errorf("TLS: %w", err)}
	}
	return secure, nil
}

// credentials are asked for at each connection.
func (c Config) credentials(ctx context.Context) (user, password string, err error) {
	if c.PasswordFunc == nil {
		return c.User, c.Password, nil
	}
	password, err = c.PasswordFunc(ctx)
	if err != nil {
		return "", "", &errDial{fmt.Errorf("read password: %w", err)}
	}
	return c.User, password, nil
}

// keepsKeys refuses a server that may drop keys to make room: the ledger would go, and look as if it had never been.
// It is asked of every new connection, since a server may come back with another configuration, and with every Read, since
// CONFIG SET needs no restart.
func keepsKeys(conn redis.Conn) error {
	policy, err := evictionPolicy(conn)
	if err != nil {
		return err
	}
	if policy == "noeviction" || strings.HasPrefix(policy, "volatile-") {
		return nil
	}
	return &fencepost.UserError{Code: "redis-evicts", Exit: 4,
		Err:  fmt.Errorf("maxmemory-policy is %s: Redis may drop the ledger to make room", policy),
		Help: "set it on the server: CONFIG SET maxmemory-policy noeviction (or volatile-lru), and the same in redis.conf"}
}

// evictionPolicy asks INFO, and CONFIG where that is denied.
func evictionPolicy(conn redis.Conn) (string, error) {
	info, err := redis.String(conn.Do("INFO", "memory"))
	if err == nil {
		for line := range strings.Lines(info) {
			if v, ok := strings.CutPrefix(line, "maxmemory_policy:"); ok {
				return strings.TrimSpace(v), nil
			}
		}
	} else if !replies(err, "NOPERM") {
		return "", err
	}
	config, err := redis.StringMap(conn.Do("CONFIG", "GET", "maxmemory-policy"))
	if replies(err, "NOPERM") {
		return "", &fencepost.UserError{Code: "redis-denied", Exit: 1,
			Err:  errors.New("the user may ask neither INFO nor CONFIG GET, so that nobody can say whether Redis may drop the ledger"),
			Help: "let the server's owner run: ACL SETUSER NAME +info"}
	}
	if err != nil {
		return "", err
	}
	return config["maxmemory-policy"], nil
}

// isFault reports whether err has its code already.
func isFault(err error) bool {
	_, ok := errors.AsType[*fencepost.UserError](err)
	return ok
}
