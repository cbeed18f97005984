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
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The scripts. Redis keeps them by digest until it restarts, and gets the text again when it says NOSCRIPT.
var (
	//go:embed commit.lua
	commitText   string
	commitScript = goredis.NewScript(commitText)
	//go:embed read.lua
	readText   string
	readScript = goredis.NewScript(readText)
	//go:embed history.lua
	historyText   string
	historyScript = goredis.NewScript(historyText)
	//go:embed identity.lua
	identityText   string
	identityScript = goredis.NewScript(identityText)
)

// connect makes a client of at most size connections; it dials at the first command. Nothing is retried by the client
// itself: a script that was sent twice would be refused by its own success.
func connect(c Config, size int) *goredis.Client {
	options := c.options(size)
	options.OnConnect = func(ctx context.Context, conn *goredis.Conn) error { return unwrappable(keepsKeys(ctx, conn)) }
	return goredis.NewClient(options)
}

// options are those of a client of at most size connections, which retries nothing.
func (c Config) options(size int) *goredis.Options {
	return &goredis.Options{
		Addr: c.Addr, DB: c.DB, PoolSize: size, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, PoolTimeout: c.Timeout,
		ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10,
		Dialer:                     c.dialed,
		CredentialsProviderContext: c.credentials,
		DisableIdentity:            true,
		MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

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
		return "", "", unwrappable(&errDial{fmt.Errorf("read password: %w", err)})
	}
	return c.User, password, nil
}

// keepsKeys refuses a server that may drop keys to make room: the ledger would go, and look as if it had never been.
// It is asked of every new connection, since a server may come back with another configuration, and with every Read, since
// CONFIG SET needs no restart.
func keepsKeys(ctx context.Context, conn goredis.Cmdable) error {
	policy, err := evictionPolicy(ctx, conn)
	if err != nil {
		return err
	}
	if policy == "noeviction" || strings.HasPrefix(policy, "volatile-") {
		return nil
	}
	return &fencepost.Fault{Code: "redis-evicts", Exit: 4,
		Err:  fmt.Errorf("maxmemory-policy is %s: Redis may drop the ledger to make room", policy),
		Help: "set it on the server: CONFIG SET maxmemory-policy noeviction (or volatile-lru), and the same in redis.conf"}
}

// unwrappable is an error that go-redis may unwrap once, which it does to those of a connection's beginning.
func unwrappable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w", err)
}

// evictionPolicy asks INFO, and CONFIG where that is denied.
func evictionPolicy(ctx context.Context, conn goredis.Cmdable) (string, error) {
	info, err := conn.Info(ctx, "memory").Result()
	if err == nil {
		for line := range strings.Lines(info) {
			if v, ok := strings.CutPrefix(line, "maxmemory_policy:"); ok {
				return strings.TrimSpace(v), nil
			}
		}
	} else if !goredis.HasErrorPrefix(err, "NOPERM") {
		return "", err
	}
	config, err := conn.ConfigGet(ctx, "maxmemory-policy").Result()
	if goredis.HasErrorPrefix(err, "NOPERM") {
		return "", &fencepost.Fault{Code: "redis-denied", Exit: 1,
			Err:  errors.New("the user may ask neither INFO nor CONFIG GET, so that nobody can say whether Redis may drop the ledger"),
			Help: "let the server's owner run: ACL SETUSER NAME +info"}
	}
	if err != nil {
		return "", err
	}
	return config["maxmemory-policy"], nil
}

// ask runs a script that may run twice. After a restart of the server each of the client's connections fails once, so it
// asks as often as there are connections, and once more.
func ask(ctx context.Context, c *goredis.Client, s *goredis.Script, keys []string, args []any) (r []any, err error) {
	for range c.Options().PoolSize + 1 {
		var (
			reply goredis.Error
			dial  *errDial
			ours  *fencepost.Fault
			slow  net.Error
		)
		r, err = eval(ctx, c, s, keys, args)
		if err == nil || ctx.Err() != nil || errors.As(err, &reply) || errors.As(err, &dial) || errors.As(err, &ours) ||
			errors.As(err, &slow) && slow.Timeout() {
			return r, err
		}
	}
	return r, err
}

// eval runs a script, and sends its text where the server has forgotten it: NOSCRIPT says that nothing ran.
func eval(ctx context.Context, c *goredis.Client, s *goredis.Script, keys []string, args []any) ([]any, error) {
	r := s.EvalSha(ctx, c, keys, args...)
	if goredis.HasErrorPrefix(r.Err(), "NOSCRIPT") {
		r = s.Eval(ctx, c, keys, args...)
	}
	return r.Slice()
}
