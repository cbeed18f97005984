//go:build realservers

package scenarios

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// beforeTheSession is within what time a dead worker's partitions have to move: its session would end later, under KIP-848 after 45 s.
const beforeTheSession = 40 * time.Second

// presenceStores are the stores whose sign of life a killed worker loses: the sink of a pipeline file, its ledger, and the rows.
var presenceStores = map[string]func(t *testing.T) (sink string, l ledger.Ledger, rows func(fencepost.Group) int64){
	"postgres": func(t *testing.T) (string, ledger.Ledger, func(fencepost.Group) int64) {
		s := newPostgresStore(t, "create table hits (n bigint)")
		l, err := postgres.OpenLedger(s.dsn, ledger.KeepMerged)
		must(t, err)
		t.Cleanup(l.Close)
		return fmt.Sprintf("{postgres: {dsn: %q, table: hits}}", s.dsn), l, func(fencepost.Group) int64 { return s.number(t, "select count(*) from hits") }
	},
	"pgbouncer": func(t *testing.T) (string, ledger.Ledger, func(fencepost.Group) int64) {
		s := newPostgresStore(t, "create table hits (n bigint)")
		l, err := postgres.OpenLedger(s.dsn, ledger.KeepMerged)
		must(t, err)
		t.Cleanup(l.Close)
		through := servers.OwnPgBouncer(t, servers.Postgres(t), servers.PgBouncerConfig{Settings: []string{"default_pool_size=4"}}).Through(s.dsn)
		return fmt.Sprintf("{postgres: {dsn: %q, table: hits}}", through), l, func(fencepost.Group) int64 { return s.number(t, "select count(*) from hits") }
	},
	"mariadb": func(t *testing.T) (string, ledger.Ledger, func(fencepost.Group) int64) {
		s := openMariaDBStore(t, servers.MariaDB(t))
		s.exec(t, "create table hits (n bigint)")
		l, err := mysql.OpenLedger(s.dsn, ledger.KeepMerged)
		must(t, err)
		t.Cleanup(l.Close)
		return fmt.Sprintf("{mysql: {dsn: %q, table: hits}}", s.dsn), l, func(fencepost.Group) int64 { return s.number(t, "select count(*) from hits") }
	},
	"sqlite": func(t *testing.T) (string, ledger.Ledger, func(fencepost.Group) int64) {
		path := filepath.Join(t.TempDir(), "hits.db")
		onSQLite(t, path, "CREATE TABLE hits (n INTEGER)")
		l, err := sqlite.OpenLedger(path, ledger.KeepMerged)
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
		return fmt.Sprintf("{sqlite: {path: %q, table: hits}}", path), l, func(fencepost.Group) (n int64) {
			_, err := fmt.Sscan(onSQLite(t, path, "SELECT count(*) FROM hits")[0], &n)
			must(t, err)
			return n
		}
	},
	"redis": func(t *testing.T) (string, ledger.Ledger, func(fencepost.Group) int64) {
		server := servers.Redis(t)
		l, err := redis.OpenLedger(redis.Config{Addr: server.Addr(), Password: servers.RedisPassword})
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
		client := goredis.NewClient(&goredis.Options{Addr: server.Addr(), Password: servers.RedisPassword})
		t.Cleanup(func() { _ = client.Close() })
		return fmt.Sprintf("{redis: {addr: %q, password: %q, commands: ['HINCRBY hits:{group} n {n}']}}", server.Addr(), servers.RedisPassword), l, func(g fencepost.Group) int64 {
			n, err := client.HGet(t.Context(), "hits:{"+string(g)+"}", "n").Int64()
			must(t, err)
			return n
		}
	},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDeadWorkersPartitionsMove kills one of two workers, and then the only one that is left: the heir commits the dead one's
// partitions long before a session ends, in both protocols, and each record counts once.
func TestDeadWorkersPartitionsMove(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for name, open := range presenceStores {
		for _, protocol := range []string{"cooperative", "consumer"} {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				sink, l, rows := open(t)
				f := newFamily(t, binary, protocol, sink, l)
				one, other := f.start(), f.start()
				f.shared(one, other)
				f.fed(10)
				one.kill()
				f.fed(10)
				third := f.start()
				f.shared(other, third)
				other.kill()
				third.kill()
				fourth := f.start()
				f.fed(10)
				f.shared(fourth)
				if n := rows(f.group); n != f.sent {
					t.Errorf("%d rows of %d records", n, f.sent)
				}
			})
		}
	}
}

// TestKilledWorkersLeaveNoSession kills workers while they wait for the signs of others that live, again and again: the server must not keep
// what waited for them, or a crash loop would fill its connections. Redis has no such wait, and SQLite no server.
func TestKilledWorkersLeaveNoSession(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for name, open := range map[string]func(t *testing.T) (sink string, l ledger.Ledger, sessions, waits func() int64){
		"postgres": func(t *testing.T) (string, ledger.Ledger, func() int64, func() int64) {
			s := newPostgresStore(t, "create table hits (n bigint)")
			l, err := postgres.OpenLedger(s.dsn, ledger.KeepMerged)
			must(t, err)
			t.Cleanup(l.Close)
			const all = "select count(*) from pg_stat_activity where datname = current_database()"
			return fmt.Sprintf("{postgres: {dsn: %q, table: hits}}", s.dsn), l, func() int64 { return s.number(t, all) },
				func() int64 {
					return s.number(t, all+" and state = 'active' and query like 'select pg_advisory_lock_shared%'")
				}
		},
		"mariadb": func(t *testing.T) (string, ledger.Ledger, func() int64, func() int64) {
			s := openMariaDBStore(t, servers.MariaDB(t))
			s.exec(t, "create table hits (n bigint)")
			l, err := mysql.OpenLedger(s.dsn, ledger.KeepMerged)
			must(t, err)
			t.Cleanup(l.Close)
			const all = "select count(*) from information_schema.processlist where db = database()"
			return fmt.Sprintf("{mysql: {dsn: %q, table: hits}}", s.dsn), l, func() int64 { return s.number(t, all) },
				func() int64 { return s.number(t, all+" and info like 'select get_lock%'") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, l, sessions, waits := open(t)
			f := newFamily(t, binary, "cooperative", sink, l)
			one, two, three := f.start(), f.start(), f.start()
			f.shared(one, two, three)
			f.fed(5)
			each := int64(1) // where one tells the others, each watches one of them
			if name == "mariadb" {
				each = 2
			}
			f.soon("each waits for others", func() error { return same("waits", waits(), 3*each) })
			const kills = 5
			for range kills {
				three.kill()
				three = f.start()
				f.shared(one, two, three)
			}
			three.kill()
			f.shared(one, two)
			f.soon("nothing waits for the dead", func() error { return same("waits", waits(), 2) })
			before := sessions()
			two.kill()
			f.shared(one)
			f.soon("nothing waits", func() error { return same("waits", waits(), 0) })
			f.soon("the sessions of the dead have ended", func() error {
				if now := sessions(); now > before-2 { // the one that held its sign, and the one that watched
					return fmt.Errorf("%d sessions, and %d before", now, before)
				}
				return nil
			})
			f.fed(5)
		})
	}
}

// same is nil where a count is what it has to be.
func same(what string, got, want int64) error {
	if got != want {
		return fmt.Errorf("%d %s, want %d", got, what, want)
	}
	return nil
}

// family is the workers of one pipeline.
type family struct {
	*scene
	binary, file, topic string
	ledger              ledger.Ledger
	members             *kafka.Source
	sent                int64
}

const familyPartitions = 6

// newFamily is a pipeline of which no worker runs yet; more are further keys of its source.
func newFamily(t *testing.T, binary, protocol, sink string, l ledger.Ledger, more ...string) *family {
	f := &family{scene: newScene(t, servers.Kafka(t), nil), binary: binary, file: filepath.Join(t.TempDir(), "pipeline.yaml"), ledger: l}
	f.topic = f.scene.topic(familyPartitions)
	session := ", session_timeout: 1m"
	if protocol == "consumer" {
		session = ""
		f.longSession()
	}
	for _, key := range more {
		session += ", " + key
	}
	text := fmt.Sprintf("group: %s\nsource: {brokers: [%s], topics: [%s], start: earliest, group_protocol: %s%s}\nschema: {n: int}\nsink: %s\nlog_format: json\n",
		f.group, f.broker.Plaintext, f.topic, protocol, session, sink)
	must(t, os.WriteFile(f.file, []byte(text), 0o600))
	var err error
	f.members, err = kafka.Open(kafka.Config{Brokers: []string{f.broker.Plaintext}, Group: f.group})
	must(t, err)
	t.Cleanup(func() { _ = f.members.Leave(t.Context()) })
	return f
}

// longSession makes the session timeout of a KIP-848 group a minute too: it is the broker's to say, for the group.
func (f *family) longSession() {
	f.t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeGroupConfig, string(f.group)
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = "consumer.session.timeout.ms", kmsg.StringPtr("60000")
	r.Configs = append(r.Configs, c)
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(f.t.Context(), f.cl)
	must(f.t, err)
	must(f.t, kerr.ErrorForCode(resp.Resources[0].ErrorCode))
}

func (f *family) start() *process { return launch(f.t, exec.Command(f.binary, "run", f.file)) }

// shared waits until these workers have entered themselves, and share the partitions.
func (f *family) shared(workers ...*process) {
	f.t.Helper()
	f.soon(fmt.Sprintf("%d workers share the partitions", len(workers)), func() error {
		entered, err := ledger.ReadWorkers(f.t.Context(), f.ledger, f.group)
		if err != nil {
			return err
		}
		members, err := f.members.Members(f.t.Context())
		if err != nil {
			return err
		}
		if len(members) != len(workers) {
			return fmt.Errorf("%d members, %d workers", len(members), len(workers))
		}
		for _, w := range workers {
			if len(shareOf(w, entered, members)) == 0 {
				return fmt.Errorf("worker %d has no share: entered %+v, members %+v", w.pid, entered, members)
			}
		}
		return nil
	})
}

// fed writes n records to each partition, and waits until all are committed.
func (f *family) fed(n int) {
	f.t.Helper()
	var all []int32
	for p := range int32(familyPartitions) {
		all = append(all, p)
	}
	f.feedTo(n, all)
}

// soon waits for what has to be before a dead member's session would end.
func (f *family) soon(what string, holds func() error) {
	f.t.Helper()
	var err error
	within(f.t, beforeTheSession, func() bool { err = holds(); return err == nil })
	if err != nil {
		f.t.Fatalf("%s: not within %s: %v", what, beforeTheSession, err)
	}
}
