//go:build realservers

package servers_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost/internal/servers"
)

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatalf("connect to %s: %v", dsn, err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	var text string
	if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestDatabaseIsTheTestsOwn(t *testing.T) {
	server := servers.Postgres(t)
	var name string
	t.Run("while it lives", func(t *testing.T) {
		conn := connect(t, server.Database(t))
		exec(t, conn, "create table t (x int)")
		name = query(t, conn, "select current_database()")
		if !strings.HasPrefix(name, "testdatabaseisthetestsown_while_it_lives") {
			t.Errorf("database %q does not carry the test's name", name)
		}
		other := connect(t, server.Database(t))
		if got := query(t, other, "select count(*)::text from pg_tables where tablename = 't'"); got != "0" {
			t.Errorf("another database has our table")
		}
	})
	conn := connect(t, server.DSN("postgres"))
	if got := query(t, conn, "select count(*)::text from pg_database where datname = '"+name+"'"); got != "0" {
		t.Errorf("database %s is still there after its test", name)
	}
}

func TestPostgresSpeaksVerifiedTLS(t *testing.T) {
	server := servers.Postgres(t)
	conn := connect(t, server.SecureDSN("postgres"))
	if got := query(t, conn, "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()"); got != "true" {
		t.Errorf("ssl of our connection is %s, want true", got)
	}
	if got := query(t, conn, "select current_setting('fsync')"); got != "on" {
		t.Errorf("fsync is %s, want on", got)
	}
}

func TestPostgresKeepsItsDataThroughKill(t *testing.T) {
	server := servers.OwnPostgres(t)
	dsn := server.Database(t)
	conn := connect(t, dsn)
	exec(t, conn, "create table t as select 42 as x")
	// A backend in the middle of its work, so that Kill has a child to meet.
	busy := connect(t, dsn)
	exec(t, busy, "begin; insert into t values (43)")

	server.Kill()
	if server.Running() {
		t.Fatal("the postmaster runs after Kill")
	}
	server.Start()

	if got := query(t, connect(t, dsn), "select string_agg(x::text, ' ') from t"); got != "42" {
		t.Errorf("table holds %q after Kill and Start, want 42", got)
	}
}

func TestPostgresStopsAndStarts(t *testing.T) {
	server := servers.OwnPostgres(t, "max_connections=17")
	conn := connect(t, server.DSN("postgres"))
	if got := query(t, conn, "show max_connections"); got != "17" {
		t.Errorf("max_connections is %s, want our own 17", got)
	}
	exec(t, conn, "create table t as select 42 as x")
	server.Stop()
	server.Start()
	if got := query(t, connect(t, server.DSN("postgres")), "select x::text from t"); got != "42" {
		t.Errorf("table holds %q after Stop and Start, want 42", got)
	}
}

func TestPostgresFrozenAnswersOnlyWhenThawed(t *testing.T) {
	server := servers.OwnPostgres(t)
	conn := connect(t, server.DSN("postgres"))
	answer := make(chan error, 1)
	server.Freeze()
	go func() {
		_, err := conn.Exec(t.Context(), "select 1")
		answer <- err
	}()
	select {
	case err := <-answer:
		t.Fatalf("a frozen server answered: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	server.Thaw()
	if err := <-answer; err != nil {
		t.Errorf("query across Freeze and Thaw: %v", err)
	}
}

func TestTwoPostgresAtOnce(t *testing.T) {
	one, two := servers.OwnPostgres(t), servers.OwnPostgres(t)
	exec(t, connect(t, one.DSN("postgres")), "create table t ()")
	if got := query(t, connect(t, two.DSN("postgres")), "select count(*)::text from pg_tables where tablename = 't'"); got != "0" {
		t.Error("two servers share a table")
	}
}

func TestNothingOutlivesItsTest(t *testing.T) {
	for name, end := range map[string]func(*servers.OwnPostgresServer){
		"running": func(*servers.OwnPostgresServer) {},
		"killed":  (*servers.OwnPostgresServer).Kill,
		"frozen":  (*servers.OwnPostgresServer).Freeze,
		"stopped": (*servers.OwnPostgresServer).Stop,
	} {
		var kept *servers.OwnPostgresServer
		if !t.Run(name, func(t *testing.T) {
			kept = servers.OwnPostgres(t)
			end(kept)
		}) {
			return
		}
		if kept.Running() {
			t.Errorf("%s: the server outlived its test", name)
		}
		if _, err := os.Stat(kept.DataDir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: its data outlived its test: %v", name, err)
		}
	}
}
