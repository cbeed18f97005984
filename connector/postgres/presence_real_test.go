//go:build realservers

package postgres

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// appear takes a sign by a ledger of its own.
func appear(t *testing.T, dsn, name string) (ledger.Sign, error) {
	t.Helper()
	l, err := OpenLedger(dsn, ledger.KeepMerged)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	s, err := l.Appear(t.Context(), "g", name)
	if err == nil {
		t.Cleanup(func() { _ = s.End(context.Background()) })
	}
	return s, err
}

// Behind a pooler a lock outlives its client, and another client gets the session that has it: there a sign is a lease. It ends when
// nobody renews it, and not before, for those behind the pooler and for those that are not.
func TestSignBehindAPoolerIsALease(t *testing.T) {
	s, through := viaPooler(t)
	names := []string{ledger.NewSign(31), ledger.NewSign(32), ledger.NewSign(33), ledger.NewSign(34)}
	dead, pooledOne, direct, third := names[0], names[1], names[2], names[3]
	take := func(dsn, name string) ledger.Sign {
		t.Helper()
		held, err := appear(t, dsn, name)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	one, two := take(through, pooledOne), take(s.dsn, direct)
	c := s.connect(t)
	s.exec(t, takeSQL("fencepost_reports", "g", dead)) // by a worker that is killed now
	began := time.Now()
	type saw struct {
		who   string
		ended []string
		err   error
	}
	told := make(chan saw, 3)
	living, stop := context.WithCancel(t.Context())
	defer stop()
	watches := func(ctx context.Context, who string, sign ledger.Sign, others ...string) {
		go func() {
			ended, err := sign.Watch(ctx, others)
			told <- saw{who, ended, err}
		}()
	}
	watches(t.Context(), "behind the pooler", one, dead, direct)
	watches(t.Context(), "beside the pooler", two, dead)
	for range 2 {
		got := <-told
		if got.err != nil || !slices.Equal(got.ended, []string{dead}) || time.Since(began) < sqlstore.LeaseFor-time.Second {
			t.Errorf("%s: told of %v, %v after %s, want %v once its lease has ended", got.who, got.ended, got.err, time.Since(began), dead)
		}
	}
	// A lease that is renewed is held, for longer than one lease.
	watches(living, "beside the pooler", two, pooledOne)
	select {
	case got := <-told:
		t.Errorf("%s: told of %v, %v, whose lease is renewed", got.who, got.ended, got.err)
	case <-time.After(sqlstore.LeaseFor + time.Second):
		stop()
		<-told
	}
	// The row of a lease that has ended is taken again.
	rows := `select count(*) = 2 from fencepost_reports where subject like 'sign %'`
	last := take(through, third)
	eventually(t, c, "two rows hold two leases", rows)
	if err := last.End(t.Context()); err != nil {
		t.Error(err)
	}
	if ended, err := one.Watch(t.Context(), []string{third}); err != nil || !slices.Equal(ended, []string{third}) {
		t.Errorf("told of %v, %v, want %v, which was given back", ended, err, third)
	}
	// One that was not renewed in time has ended for good.
	s.exec(t, "update fencepost_reports set report = '' where subject = 'sign "+pooledOne+"'")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := one.Lost(ctx); err != nil {
		t.Errorf("a lease that has ended is not lost: %v", err)
	}
}

// How soon the end of a worker is known is said in the terms of the way to the server.
func TestNoticeNamesThePooler(t *testing.T) {
	s, through := viaPooler(t)
	for dsn, want := range map[string]ledger.Notice{s.dsn: presence.Notice, through: {Within: 4 * time.Second,
		Why: "by a lease of 3s, which each worker renews once a second: a pooler is between, whose sessions outlive their clients"}} {
		l, err := OpenLedger(dsn, ledger.KeepMerged)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		if got, err := l.Notice(t.Context()); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

// A server that is killed ends the sign, which its holder learns; nobody who watches takes another for dead by it.
func TestSignIsLostWithItsServer(t *testing.T) {
	server := servers.OwnPostgres(t)
	dsn := server.Database(t)
	names := []string{ledger.NewSign(11), ledger.NewSign(12)}
	one, err := appear(t, dsn, names[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := appear(t, dsn, names[1]); err != nil {
		t.Fatal(err)
	}
	watched := make(chan []string, 1)
	go func() {
		ended, err := one.Watch(t.Context(), names[1:])
		if err == nil {
			t.Error("a watch whose server was killed has no error")
		}
		watched <- ended
	}()
	time.Sleep(200 * time.Millisecond)
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := one.Lost(ctx); err != nil {
		t.Errorf("the sign is not lost: %v", err)
	}
	select {
	case ended := <-watched:
		if len(ended) > 0 {
			t.Errorf("told of %v by a server that was killed", ended)
		}
	case <-ctx.Done():
		t.Error("the watch goes on")
	}
}

// A watch holds back no VACUUM for longer than one wait, and leaves no session behind.
func TestWatchHoldsNothing(t *testing.T) {
	s := newStore(t)
	names := []string{ledger.NewSign(21), ledger.NewSign(22)}
	one, err := appear(t, s.dsn, names[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := appear(t, s.dsn, names[1]); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = one.Watch(ctx, names[1:])
	}()
	c := s.connect(t)
	const waiting = `from pg_stat_activity where datname = current_database() and query like 'select pg_advisory_lock_shared%' and state = 'active'`
	eventually(t, c, "a session waits", `select count(*) = 1 `+waiting)
	s.exec(t, "insert into flights select 't', 0, i, 'x', i from generate_series(1, 100) i")
	var after int64
	if err := c.QueryRow(t.Context(), "select txid_current()").Scan(&after); err != nil {
		t.Fatal(err)
	}
	eventually(t, c, "the wait began anew behind a later transaction", `select bool_and(backend_xmin::text::bigint >= $1) and count(*) = 1 `+waiting, after)
	stop()
	<-ended
	eventually(t, c, "no session waits", `select count(*) = 0 `+waiting)
}

// eventually waits until a question is answered with true.
func eventually(t *testing.T, c *pgx.Conn, what, sql string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var is *bool
		if err := c.QueryRow(t.Context(), sql, args...).Scan(&is); err != nil {
			t.Fatal(err)
		}
		if is != nil && *is {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within 20s: %s", what)
		}
	}
}
