//go:build realservers

package scenarios

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
)

// pair is a primary and its streaming replica, under one dsn that names both.
type pair struct {
	a, b     *servers.OwnPostgresServer
	database string
	dsn      string
}

func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{a: servers.OwnPostgres(t)}
	u, err := url.Parse(p.a.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	p.database = strings.TrimPrefix(u.Path, "/")
	p.b = p.a.Standby(t)
	p.dsn = fmt.Sprintf("postgres://postgres@%s:%s,%s:%s/%s?sslmode=disable&target_session_attrs=read-write", p.a.Host, p.a.Port, p.b.Host, p.b.Port, p.database)
	return p
}

// at is one of the two servers, asked beside the workers.
func (p pair) at(t *testing.T, s *servers.OwnPostgresServer, ddl string) *postgresStore {
	return openPostgresStore(t, s.DSN(p.database), ddl)
}

// failover is a group whose store is a pair.
type failover struct {
	*scene
	pair
	topic string
	both  []fencepost.TopicPartition
}

func newFailover(t *testing.T) *failover {
	p := newPair(t)
	f := &failover{scene: newScene(t, servers.Kafka(t), p.at(t, p.a, seenDDL)), pair: p}
	f.topic = f.scene.topic(2)
	f.both = []fencepost.TopicPartition{at(f.topic, 0), at(f.topic, 1)}
	return f
}

// worker reaches whichever of the two takes writes, in the order of the dsn.
func (f *failover) worker() *worker {
	return f.run([]string{f.topic}, func(set *setup) { set.engine.Sink = (&postgresStore{dsn: f.dsn}).sink(f.t, "seen", "") })
}

// more appends n records to each partition.
func (f *failover) more(n int) {
	for _, tp := range f.both {
		f.fill(tp, n)
	}
}

// all waits until both partitions are at n, in the ledger and in the mirror.
func (f *failover) all(n int64) {
	f.t.Helper()
	for _, tp := range f.both {
		f.reached(tp, fencepost.Offset(n))
		f.mirrored(tp, n)
	}
}

// exact checks that each of the first n records of each partition stands there once.
func (f *failover) exact(n int64) {
	f.t.Helper()
	for _, tp := range f.both {
		f.wantRows(tp, span(0, n)...)
	}
}

// TestS17AnOldPrimaryComesBack: a primary that was killed comes back beside the one that was promoted in its place. A worker
// that is restarted meets the old one first, which is still read-write. It must not write there: the other worker and the
// group are elsewhere. Later the new one is lost, and a person goes back.
func TestS17AnOldPrimaryComesBack(t *testing.T) {
	t.Parallel()
	f := newFailover(t)
	first, second := f.worker(), f.worker()
	f.more(100)
	f.all(100)
	f.behind(t)
	f.seesTheStandby()
	f.more(50)
	f.all(150) // on the old primary alone
	f.a.Kill()
	f.b.Promote(t)
	f.store = f.at(t, f.b, "")
	f.more(50)
	f.all(200)

	f.a.Start()
	first.stop()
	<-first.done
	third := f.worker()
	f.more(50)
	other := f.both[1-f.parksAtTheOld(third).Partition]
	f.reached(other, 250)
	f.mirrored(other, 250)
	f.a.Kill() // nothing else is to be mended
	f.all(250)
	f.exact(250)
	third.end()
	second.end()

	f.b.Kill()
	f.a.Start()
	f.store = f.at(t, f.a, "")
	fourth := f.worker()
	for _, tp := range f.both {
		if at := fourth.parked(tp, "old-primary"); at.Offset != 150 {
			t.Errorf("%s is parked at %d, want 150", tp, at.Offset)
		}
	}
	f.goesBack(f.pair, f.topic)
	f.all(250)
	f.exact(250)
	fourth.end()
	fifth := f.worker() // the group is here now
	f.more(10)
	f.all(260)
	fifth.end()
	if parked := heard[engine.Parked](fifth); len(parked) > 0 {
		t.Errorf("parked again: %v", parked)
	}
}

// seesTheStandby looks at a replica alone, which no worker can write to: offsets show names that, and ends with 3.
func (f *failover) seesTheStandby() {
	f.t.Helper()
	sh := &shell{t: f.t, binary: build(f.t), dir: f.t.TempDir(), env: []string{"TZ=UTC"}}
	sh.write("standby.yaml", fmt.Sprintf("group: %s\nsource: {brokers: [%s], topics: [%s]}\nschema: {value: text}\nsink: {postgres: {dsn: %q, table: seen}}\n",
		f.group, f.broker.Plaintext, f.topic, f.b.DSN(f.database)))
	sh.wants(sh.run(3, "offsets", "show", "standby.yaml"), "database-read-only")
}

// parksAtTheOld waits until a worker parks a partition, before anything is written to the old primary.
func (f *failover) parksAtTheOld(wk *worker) engine.Parked {
	f.t.Helper()
	old := connect(f.t, f.a.DSN(f.database))
	defer old.Close(f.t.Context())
	eventually(f.t, "a partition is parked", func() error {
		var n int
		if err := old.QueryRow(f.t.Context(), "select count(*) from seen").Scan(&n); err != nil || n != 300 {
			f.t.Fatalf("the old primary has %d rows, want the 300 of before: %v\n%s", n, err, wk.story())
		}
		if len(heard[engine.Parked](wk)) == 0 {
			return fmt.Errorf("none is")
		}
		return nil
	})
	parked := heard[engine.Parked](wk)[0]
	if parked.Code != "old-primary" {
		f.t.Errorf("parked as %s: %s", parked.Code, parked.Reason)
	}
	return parked
}

// goesBack tells by the command line that the group goes on at the old primary.
func (s *scene) goesBack(p pair, topic string) {
	s.t.Helper()
	sh := &shell{t: s.t, binary: build(s.t), dir: s.t.TempDir(), env: []string{"FENCEPOST_WHO=oncall@bastion", "TZ=UTC"}}
	sh.write("seen.yaml", fmt.Sprintf("group: %s\nsource: {brokers: [%s], topics: [%s]}\nschema: {value: text}\nsink:\n  postgres:\n    dsn: %s\n    table: seen\n",
		s.group, s.broker.Plaintext, topic, p.dsn))
	said := "this server is on timeline 1, and the group went on at timeline 2, where a replica was promoted"
	sh.wants(sh.run(3, "check", "seen.yaml"), "error[old-primary]", said, "fencepost offsets set seen.yaml --topic "+topic+":0 --to 150 --execute")
	sh.wants(sh.run(3, "offsets", "show", "seen.yaml"), "old primary", "parked", said, "fencepost offsets set seen.yaml --topic "+topic+":0 --to 150 --execute")
	sh.wants(sh.run(3, "offsets", "repair", "seen.yaml"), "old primary", said)
	sh.wants(sh.run(0, "offsets", "set", "seen.yaml", "--to", "150"), "rewind 2 partitions, 0 stay", "an old primary: the group went on at timeline 2")
	sh.wants(sh.run(0, "offsets", "set", "seen.yaml", "--to", "150", "--why", "INC-7", "--execute"), "2 of 2 partitions hold the new Fence")
	sh.wants(sh.run(0, "moves", "seen.yaml"), "despite", "INC-7")
}

// behind stops what the replica receives, and returns when it receives no more.
func (p pair) behind(t *testing.T) {
	t.Helper()
	b := connect(t, p.b.DSN("postgres"))
	for _, sql := range []string{"alter system set primary_conninfo = ''", "select pg_reload_conf()"} {
		if _, err := b.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the replica receives nothing", func() error {
		var n int
		if err := b.QueryRow(t.Context(), "select count(*) from pg_stat_wal_receiver").Scan(&n); err != nil || n == 0 {
			return err
		}
		return fmt.Errorf("it has a receiver")
	})
}
