//go:build realservers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// TestS17AWorkerNeverGoesBack: a worker has met the promoted replica. When its connections break while the old primary, which
// the dsn names first, takes writes again, it comes back to the replica: each of its sessions connects by itself, and the
// position of an idle partition is the same on both.
func TestS17AWorkerNeverGoesBack(t *testing.T) {
	a := servers.OwnPostgres(t)
	u, err := url.Parse(a.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	database := strings.TrimPrefix(u.Path, "/")
	b := a.Standby(t)
	both := fmt.Sprintf("postgres://postgres@%s:%s,%s:%s/%s?sslmode=disable&target_session_attrs=read-write", a.Host, a.Port, b.Host, b.Port, database)
	s := &store{dsn: a.DSN(database), wire: &wire{}}
	s.exec(t, "create table flights (_topic text, _partition int, _offset bigint, value text, n bigint)")
	w := s.worker(t, Config{DSN: both, Table: "flights"}).start(2)
	w.must(w.batch(0, 10))
	caughtUp(t, s)

	a.Kill()
	b.Promote(t)
	on := &store{dsn: b.DSN(database), wire: &wire{}}
	w.insist(w.batch(1, 10)) // its connection is dead
	a.Start()
	on.exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fencepost'")
	w.insist(w.batch(0, 10)) // at 10 on both servers
	if old, rows := len(s.Rows(t)), len(on.Rows(t)); old != 10 || rows != 30 {
		t.Errorf("the old primary has %d rows, the new one %d; want 10 and 30", old, rows)
	}
	_, _ = w.sink.Ledger().Read(t.Context(), "g") // its connection was ended too
	snap, err := w.sink.Ledger().Read(t.Context(), "g")
	if err != nil || snap.Place.Timeline != 2 {
		t.Errorf("the ledger is at %v: %v", snap.Place, err)
	}

	b.Kill()
	on = nil
	err = w.commit(t.Context(), w.batch(0, 10))
	for f := new(fencepost.UserError); !errors.As(err, &f) || f.Code != "old-primary" || !f.Passing; err = w.commit(t.Context(), w.batch(0, 10)) {
		if err == nil {
			t.Fatal("a commit went to the old primary")
		}
	}
	if old := len(s.Rows(t)); old != 10 {
		t.Errorf("the old primary has %d rows, want 10", old)
	}
}

// insist commits a batch as an engine does, until it is done.
func (w *worker) insist(b sink.Commit) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), soon)
	defer cancel()
	for {
		err := w.commit(ctx, b)
		if ref := new(ledger.Refused); errors.As(err, &ref) && ledger.Relate(ref.Held[b.Moves[0].TopicPartition], b.Moves[0]) == ledger.RelationDone {
			return
		}
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			w.t.Fatal(err)
		}
	}
}

// caughtUp waits until the replica has applied what the server has written.
func caughtUp(t *testing.T, s *store) {
	t.Helper()
	c := s.connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for caught := false; !caught; {
		if err := c.QueryRow(ctx, "select pg_current_wal_flush_lsn() = replay_lsn from pg_stat_replication").Scan(&caught); err != nil {
			t.Fatal(err)
		}
	}
}

// A user with no right but to log in is told which server it is on. One that may not ask has a ledger all the same, of which
// that is not known.
func TestS17WhoMayAskWhereItIs(t *testing.T) {
	server := servers.OwnPostgres(t)
	s := &store{dsn: server.Database(t), wire: &wire{}}
	s.exec(t, "create table flights (_topic text, _partition int, _offset bigint, value text, n bigint)")
	s.worker(t, Config{Table: "flights"}).start(1) // makes the ledger
	s.exec(t, "create role app login; grant select on all tables in schema public to app")
	read := func() fencepost.Place {
		t.Helper()
		l := must[*Ledger](t)(OpenLedger(strings.Replace(s.dsn, "postgres://postgres@", "postgres://app@", 1), ledger.KeepAll))
		defer l.Close()
		snap := must[ledger.Snapshot](t)(l.Read(t.Context(), "g"))
		if len(snap.Positions) != 1 {
			t.Errorf("it reads %v", snap.Positions)
		}
		return snap.Place
	}
	if at := read(); at.Timeline != 1 || at.System != one[string](t, s, "select system_identifier::text from pg_control_system()") {
		t.Errorf("it is at %v", at)
	}
	s.exec(t, "revoke execute on function pg_control_system() from public")
	if at := read(); at != (fencepost.Place{}) {
		t.Errorf("it is at %v, and nobody said so", at)
	}
}
