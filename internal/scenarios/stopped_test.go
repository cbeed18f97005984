//go:build realservers

package scenarios

import (
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/wire"
)

// These stop a worker process (SIGSTOP) at a place of a commit, and want its heir to commit while it is stopped, and
// the count to be exact once it goes on. Postgres only: SQLite's one lock waits (law 11 excepts it).

// inCopy finds sessions whose rows are on their way and whose client is silent.
const inCopy = `state = 'active' and query like 'begin%; copy %' and wait_event = 'ClientRead'`

// inSQL finds sessions in which the user's SQL runs.
const inSQL = `state = 'active' and wait_event = 'PgSleep'`

// sessions counts those of the store's database that are so.
func (s *scene) sessions(so string) int64 {
	s.t.Helper()
	return s.store.number(s.t, "select count(*) from pg_stat_activity where datname = current_database() and "+so)
}

// stopWhere stops p at a moment at which one of its sessions is so, and stays so. Until it is met so, work is called
// again and again, to keep it busy.
func (s *scene) stopWhere(p *process, so string, work func()) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if s.sessions(so) == 0 {
			work()
			continue
		}
		p.stop()
		if s.sessions(so) > 0 { // nothing more comes from the process: what the server has, it has
			return
		}
		p.resume()
	}
	s.t.Fatalf("the worker was not met where %s within %s", so, patience)
}

// heir starts a worker beside the one that was stopped just now, and waits until it has committed something.
func (s *scene) heir(topic string) *worker {
	s.t.Helper()
	began := time.Now()
	wk := s.run([]string{topic}, func(set *setup) { set.engine.Batch.Records = 5000 })
	await(wk, "the heir commits", func(c engine.Committed) bool { return c.Rows > 0 })
	s.t.Logf("the heir committed %s after the worker was stopped, whose session lasts %s", time.Since(began).Round(10*time.Millisecond), sessionOfProcesses)
	return wk
}

// exact waits until a partition is at its end, and wants each of n records once.
func (s *scene) exact(tp fencepost.TopicPartition, n int64) {
	s.t.Helper()
	s.reached(tp, fencepost.Offset(n))
	rows, offsets := s.store.number(s.t, "select count(*) from seen"), s.store.number(s.t, "select count(distinct _offset) from seen")
	if rows != n || offsets != n {
		s.t.Errorf("%d rows of %d offsets stand, want %d of each", rows, offsets, n)
	}
}

// awake wakes the stopped process and waits until it has nothing left to do: it is back in the group and
// everything is applied.
func (s *scene) awake(p *process, tp fencepost.TopicPartition, n int64) {
	s.t.Helper()
	p.resume()
	p.says("joined") // again: it was put out of the group
	s.exact(tp, n)
}

func TestC13StoppedInsideCopy(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	const n = 100_000
	s.fill(tp, n)
	e := s.errand(name)
	e.Records = 20_000
	var w *wire.Wire
	e.DSN, w = wired(t, e.DSN)
	w.Set(wire.Fault{Drip: wire.Drip{Way: wire.Requests, Bytes: 10_000, Every: 10 * time.Millisecond}}) // a batch of a megabyte is inside its COPY for seconds
	p := send(t, e)
	p.says("joined")
	s.stopWhere(p, inCopy, func() {})
	wk := s.heir(name)
	if s.sessions(inCopy) == 0 {
		t.Error("the stopped worker's COPY ended before its heir committed: this tests nothing")
	}
	w.Mend()
	s.awake(p, tp, n)
	wk.end()
	s.fill(tp, 10) // the survivor goes on
	s.exact(tp, n+10)
}

// wired is a database behind a wire.
func wired(t *testing.T, dsn string) (string, *wire.Wire) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	w := servers.Proxy(t, net.JoinHostPort(servers.Address(t), "5432"), u.Host)
	u.Host = w.Addr()
	return u.String(), w
}

func TestC13StoppedInsideUserSQL(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	const n = 1000
	s.fill(tp, n)
	e := s.errand(name)
	e.Table, e.SQL, e.Records = "", insertSQL+"; do $$ begin perform pg_sleep(20); end $$", 600
	p := send(t, e)
	p.says("joined")
	s.stopWhere(p, inSQL, func() {})
	wk := s.heir(name)
	if s.sessions(inSQL) == 0 {
		t.Error("the stopped worker's SQL ended before its heir committed: this tests nothing")
	}
	s.reached(tp, n)
	p.resume()
	eventually(t, "the late worker's SQL has ended", func() error {
		if n := s.sessions(inSQL); n > 0 {
			return fmt.Errorf("%d sessions sleep", n)
		}
		return nil
	})
	s.awake(p, tp, n)
	wk.end()
}

// In hand: the batch is cut, and nothing of it was sent. This is C6 too: it lasts longer than the session.
func TestC13StoppedWithABatchInHand(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 100)
	e := s.errand(name)
	e.Stop = "in-hand"
	p := send(t, e)
	p.says("at in-hand")
	p.stopped()
	wk := s.heir(name)
	s.awake(p, tp, 100)
	wk.end()
}

// Before COMMIT, in your handler: its effects are made, and the server waits for the process. The heir needs no lock of
// it; the server's time-out ends the transaction.
func TestC13StoppedBeforeCommit(t *testing.T) {
	t.Parallel()
	store := newPostgresStore(t, seenDDL)
	s := newScene(t, servers.Kafka(t), store)
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 100)
	e := s.errand(name)
	e.Handle, e.Stop = true, "in-handler"
	p := send(t, e)
	p.says("at in-handler")
	p.stopped()
	wk := s.heir(name)
	eventually(t, "the server ends the stopped worker's transaction", func() error {
		if n := s.sessions("state = 'idle in transaction'"); n > 0 {
			return fmt.Errorf("%d wait", n)
		}
		return nil
	})
	s.awake(p, tp, 100)
	wk.end()
}
