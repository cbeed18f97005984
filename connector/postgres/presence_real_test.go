//go:build realservers

package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost/internal/servers"
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

// Behind a pooler a lock outlives its client, and another client may get the session that has it: no sign is taken.
func TestNoSignBehindAPooler(t *testing.T) {
	_, through := viaPooler(t)
	if _, err := appear(t, through, ledger.NewSign(1)); !errors.Is(err, ledger.ErrNoPresence) {
		t.Errorf("got %v, want ErrNoPresence", err)
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
