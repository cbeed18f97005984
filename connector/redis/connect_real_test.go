//go:build realservers

package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
)

// try starts a topic and commits, over a Config.
func try(t *testing.T, c Config) error {
	t.Helper()
	sink, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	lane, err := sink.Lane(t.Context(), 0)
	if err != nil {
		return err
	}
	defer lane.Close()
	w := &worker{t: t, sink: sink, lane: lane, as: ledger.Actor{Group: "g"}, held: map[fencepost.TopicPartition]ledger.Position{}}
	for _, m := range starts(1) {
		w.held[m.TopicPartition] = m.Next
		if err := sink.Ledger().Move(t.Context(), w.as, []ledger.Move{m}); err != nil {
			return err
		}
	}
	return w.commit(t.Context(), w.counts("ATL", 1))
}

func TestConnections(t *testing.T) {
	at := servers.Redis(t)
	secure, err := at.TLS.Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, code string // code: empty where all is well
		passing    bool
		change     func(*Config)
	}{
		{"password", "", false, func(*Config) {}},
		{"password by function", "", false, func(c *Config) {
			c.PasswordFunc, c.Password = func(context.Context) (string, error) { return thePassword, nil }, ""
		}},
		{"password that can not be read", "redis-unreachable", true, func(c *Config) {
			c.PasswordFunc, c.Password = func(context.Context) (string, error) { return "", errors.New("no such file") }, ""
		}},
		{"wrong password", "redis-denied", false, func(c *Config) { c.Password = "other" }},
		{"no password", "redis-denied", false, func(c *Config) { c.Password = "" }},
		{"another database", "", false, func(c *Config) { c.DB = 3 }},
		{"no such database", "redis-no-db", false, func(c *Config) { c.DB = 99 }},
		{"TLS", "", false, func(c *Config) { c.Addr, c.TLS = at.SecureAddr(), secure }},
		{"TLS of an unknown authority", "redis-tls", false, func(c *Config) { c.Addr, c.TLS = at.SecureAddr(), &tls.Config{} }},
		{"TLS on the plain port", "redis-unreachable", true, func(c *Config) { c.TLS, c.Timeout = secure, 500*time.Millisecond }},
		{"nobody there", "redis-unreachable", true, func(c *Config) { c.Addr = servers.Address(t) + ":6379" }},
		{"ACL user on its keys", "", false, func(c *Config) {
			c.User, c.Password, c.Key = servers.RedisAppUser, servers.RedisAppPassword, "app:"+c.Key
			c.Effects[0].Key = Text("app:" + servers.Name(t))
		}},
		{"ACL user, ledger outside", "redis-denied", false, func(c *Config) { c.User, c.Password = servers.RedisAppUser, servers.RedisAppPassword }},
		{"ACL user, output outside", "redis-denied", false, func(c *Config) {
			c.User, c.Password, c.Key = servers.RedisAppUser, servers.RedisAppPassword, "app:"+c.Key
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := storeOn(t, at)
			config := s.cfg
			config.Effects = []Effect{s.sum()}
			c.change(&config)
			err := try(t, config)
			if c.code == "" {
				if err != nil {
					t.Error(describe(err))
				}
				return
			}
			wantFault(t, c.name, err, c.code, c.passing)
		})
	}
}

const thePassword = servers.RedisPassword

// A right that the user lacks for the last command of a batch refuses it whole: it is asked for before the first write.
func TestLateDenialLeavesNothing(t *testing.T) {
	server := servers.OwnRedis(t, "user narrow on >pw ~* &* +@all -zadd")
	s := storeOn(t, server.RedisServer)
	s.cfg.User, s.cfg.Password = "narrow", "pw"
	w := s.worker(t, s.sum(), Effect{Op: ZAdd, Key: Text(s.out + ":top"), Name: Column("key"), Value: Column("n")}).start(1)
	wantFault(t, "commit with ZADD", w.commit(t.Context(), w.counts("ATL", 1)), "redis-denied", false)
	if got := s.sums(t); len(got) > 0 || w.read().Positions[at(0)].Offset != 0 {
		t.Errorf("the denied batch left %v at %d", got, w.read().Positions[at(0)].Offset)
	}
}

// S7, O1: a replica answers what is asked of a ledger and takes no commit. It says so to a look, which writes nothing.
func TestO1ReplicaTakesNoWrites(t *testing.T) {
	s := storeOn(t, servers.OwnRedis(t).RedisServer)
	w := s.worker(t, s.sum())
	l, able := ledger.As[ledger.Refusing](w.sink.Ledger())
	if why, err := l.RefusesWrites(t.Context()); !able || why != nil || err != nil {
		t.Fatalf("a primary: %v, %v", why, err)
	}
	s.must(t, s.beside(t).Do(t.Context(), "REPLICAOF", servers.Address(t), "6379"))
	why, err := l.RefusesWrites(t.Context())
	if err != nil {
		t.Fatal(describe(err))
	}
	wantFault(t, "a replica", why, "redis-not-ready", true)
}

// A user that may run neither INFO nor CONFIG is refused: the ledger could be evicted without a warning.
func TestPolicyThatNobodyMayAsk(t *testing.T) {
	server := servers.OwnRedis(t, "user blind on >pw ~* &* +@all -info -config", "user config on >pw ~* &* +@all -info")
	s := storeOn(t, server.RedisServer)
	s.cfg.Effects = []Effect{s.sum()}
	s.cfg.User, s.cfg.Password = "blind", "pw"
	wantFault(t, "a user without INFO and CONFIG", try(t, s.cfg), "redis-denied", false)
	s.cfg.User = "config"
	if err := try(t, s.cfg); err != nil {
		t.Errorf("a user with CONFIG only: %v", describe(err))
	}
}

// S15: check runs the script of commits too, with no move: what it would refuse, and a server on which it does not run, is
// found before a run. It writes nothing, not even a header.
func TestS15CheckRunsTheScriptOfCommits(t *testing.T) {
	s := newStore(t)
	s.cfg.Key = s.out + ":positions" // of one group, whichever comes first
	w := s.worker(t, s.sum())
	columns := []fencepost.ColumnSpec{{Name: "key"}, {Name: "n", Type: fencepost.Int}}
	trial := func(g fencepost.Group) fencepost.Finding { return w.sink.Trial(t.Context(), g, columns)[0] }
	if f := trial("g"); !f.OK {
		t.Errorf("before the first run: got %+v", f)
	}
	if keys := s.beside(t).Keys(t.Context(), s.out+"*").Val(); len(keys) > 0 {
		t.Errorf("check made %q", keys)
	}
	w.start(1)
	before := w.read()
	if f := trial("g"); !f.OK {
		t.Errorf("of a ledger as it should be: got %+v", f)
	}
	if diff := cmp.Diff(before, w.read()); diff != "" {
		t.Errorf("check changed the ledger:\n%s", diff)
	}
	if f := trial("another"); f.OK || f.Code != "redis-key-taken" {
		t.Errorf("of another group on the same key: got %+v, want redis-key-taken", f)
	}
}
