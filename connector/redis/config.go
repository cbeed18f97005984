package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

const (
	defaultPort        = "6379"
	defaultTimeout     = 10 * time.Second
	defaultKey         = "fencepost:" + groupMark
	defaultMaxCommands = 5_000
)

// Config says which server, and what becomes of a batch.
type Config struct {
	// Addr is host:port; a host alone gets port 6379. A primary: a replica refuses writes.
	Addr string
	// DB is the number of the database. A cluster has only 0.
	DB int
	// User is the ACL user; empty: default.
	User string
	// Password is the user's; empty: none.
	Password string
	// PasswordFunc, where set, is asked in place of Password whenever a connection is made, so that a rotated secret is
	// read again.
	PasswordFunc func(context.Context) (string, error)
	// TLS, where set, is how connections are secured. An empty ServerName is the host of Addr.
	TLS *tls.Config
	// Timeout bounds connecting, and each answer. 0: 10 s.
	Timeout time.Duration

	// Key is the group's hash, in which {group} stands for the group's name as a hash tag. Empty: fencepost:{group}. A
	// key without {group}, such as the one that a pattern-A job filled, belongs to one group only.
	Key string
	// Group is what {group} stands for in the keys of effects. Empty: the group of a commit's Actor; effects that are
	// applied alone, because the ledger is elsewhere, have none. A backfill writes to the keys of the group that it is of.
	Group fencepost.Group
	// NoLedger says that the ledger is elsewhere (package atleastonce): nothing is looked for, tried or granted for one. Commit
	// is refused.
	NoLedger bool
	// Effects is what becomes of each row; with Deletes, of each row that is no delete.
	Effects []Effect
	// Deletes is what becomes of each row whose fencepost.MetaOp is fencepost.OpDelete: mostly Del, HDel, SRem and ZRem, which are for Deletes
	// alone. Rows are then taken in their order: what a row takes away stands only where a later one has written it again.
	// Empty: the columns of a batch may have fencepost.MetaOp only where each effect names it.
	Deletes []Effect
	// MaxCommands is how many changes one script makes at most, after summing: a script keeps all other clients waiting
	// while it runs. 0: 5,000.
	MaxCommands int

	// KeepCommits says what is kept of the commit moves. Zero: merged.
	KeepCommits ledger.KeepCommits

	dial dialer // for tests: what connects. nil: net.Dialer
}

// effects are those of all rows.
func (c Config) effects() []Effect { return slices.Concat(c.Effects, c.Deletes) }

// dialer connects to the server.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// validate joins all errors of a Config and fills what was left out.
func (c Config) validate() (Config, error) {
	var errs []error
	if c.Addr == "" {
		errs = append(errs, errors.New("Addr is empty: want host:port"))
	} else if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		c.Addr = net.JoinHostPort(strings.Trim(c.Addr, "[]"), defaultPort)
	}
	if c.DB < 0 {
		errs = append(errs, fmt.Errorf("DB is %d", c.DB))
	}
	if c.Timeout < 0 {
		errs = append(errs, fmt.Errorf("Timeout is %s", c.Timeout))
	}
	if c.MaxCommands < 0 {
		errs = append(errs, fmt.Errorf("MaxCommands is %d", c.MaxCommands))
	}
	if c.Password != "" && c.PasswordFunc != nil {
		errs = append(errs, errors.New("Password and PasswordFunc exclude each other"))
	}
	if strings.Count(c.Key, groupMark) > 1 {
		errs = append(errs, fmt.Errorf("Key %q has %s twice", c.Key, groupMark))
	}
	if !strings.Contains(c.Key, groupMark) && strings.ContainsAny(c.Key, "{}") && !tagged(c.Key) {
		errs = append(errs, fmt.Errorf("Key %q has a brace and no hash tag, so that no other key can share its slot", c.Key))
	}
	for i, e := range c.Effects {
		if err := e.validate(); err != nil {
			errs = append(errs, fmt.Errorf("Effects[%d]: %w", i, err))
		} else if e.Op.removes() {
			errs = append(errs, fmt.Errorf("Effects[%d]: %s is for Deletes", i, e.Op))
		}
	}
	for i, e := range c.Deletes {
		if err := e.validate(); err != nil {
			errs = append(errs, fmt.Errorf("Deletes[%d]: %w", i, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return c, &fencepost.UserError{Code: "sink-config", Err: fmt.Errorf("open redis: %w", err), Exit: 2}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Key == "" {
		c.Key = defaultKey
	}
	if c.MaxCommands == 0 {
		c.MaxCommands = defaultMaxCommands
	}
	return c, nil
}
