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

// TestS17AnOldPrimaryComesBack: a primary that was killed comes back beside the one that was promoted in its place. A worker
// that is restarted meets the old one first, which is still read-write. It must not write there: the other worker and the
// group are elsewhere.
func TestS17AnOldPrimaryComesBack(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	s := newScene(t, servers.Kafka(t), p.at(t, p.a, seenDDL))
	name := s.topic(2)
	both := []fencepost.TopicPartition{at(name, 0), at(name, 1)}
	fill := func(n int) {
		for _, tp := range both {
			s.fill(tp, n)
		}
	}
	reached := func(n int64) {
		t.Helper()
		for _, tp := range both {
			s.reached(tp, fencepost.Offset(n))
			s.mirrored(tp, n)
		}
	}
	onBoth := func(set *setup) { set.engine.Sink = (&postgresStore{dsn: p.dsn}).sink(t, "seen", "") }

	first, second := s.run([]string{name}, onBoth), s.run([]string{name}, onBoth)
	fill(100)
	reached(100)
	p.behind(t)
	fill(50)
	reached(150) // on the old primary alone
	p.a.Kill()
	p.b.Promote(t)
	s.store = p.at(t, p.b, "")
	fill(50)
	reached(200)

	p.a.Start()
	first.stop()
	<-first.done
	third := s.run([]string{name}, onBoth)
	fill(50)
	old := p.at(t, p.a, "")
	eventually(t, "a partition is parked", func() error {
		if n := old.number(t, "select count(*) from seen"); n != 300 {
			t.Fatalf("the old primary has %d rows, want the 300 of before\n%s", n, third.story())
		}
		if len(heard[engine.Parked](third)) == 0 {
			return fmt.Errorf("none is")
		}
		return nil
	})
	parked := heard[engine.Parked](third)[0]
	if parked.Code != "old-primary" {
		t.Errorf("parked as %s: %s", parked.Code, parked.Reason)
	}
	other := both[1-parked.Partition]
	s.reached(other, 250)
	s.mirrored(other, 250)

	old.conn.Close(t.Context()) // nothing is to be mended but the old primary: it goes away
	p.a.Kill()
	reached(250)
	for _, tp := range both {
		s.wantRows(tp, span(0, 250)...)
	}
	third.end()
	second.end()

	p.b.Kill() // the new primary is lost for good, and a person goes back to the old one
	p.a.Start()
	s.store = p.at(t, p.a, "")
	fourth := s.run([]string{name}, onBoth)
	for _, tp := range both {
		if at := fourth.parked(tp, "old-primary"); at.Offset != 150 {
			t.Errorf("%s is parked at %d, want 150", tp, at.Offset)
		}
	}
	s.goesBack(p, name)
	reached(250)
	for _, tp := range both {
		s.wantRows(tp, span(0, 250)...)
	}
	fourth.end()
	fifth := s.run([]string{name}, onBoth) // the group is here now
	fill(10)
	reached(260)
	fifth.end()
	if parked := heard[engine.Parked](fifth); len(parked) > 0 {
		t.Errorf("parked again: %v", parked)
	}
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
