//go:build realservers

package servers_test

import (
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
)

// direct has the driver prepare no statements, which would stay in the process that two clients share.
const direct = "&default_query_exec_mode=exec"

// Two clients of a pool of one get the same server process, one after the other.
func TestPgBouncerSharesItsConnections(t *testing.T) {
	postgres := servers.Postgres(t)
	dsn := postgres.Database(t)
	pooler := servers.OwnPgBouncer(t, postgres, servers.PgBouncerConfig{})
	a, b := connect(t, pooler.Through(dsn)+direct), connect(t, pooler.Through(dsn)+direct)
	const pid = "select pg_backend_pid()::text"
	one, other := query(t, a, pid), query(t, b, pid)
	if one != other {
		t.Errorf("two clients have the processes %s and %s, want one", one, other)
	}
}

func TestPgBouncerTakesSettings(t *testing.T) {
	postgres := servers.Postgres(t)
	dsn := postgres.Database(t)
	pooler := servers.OwnPgBouncer(t, postgres, servers.PgBouncerConfig{Settings: []string{"pool_mode=session", "default_pool_size=2"}})
	a, b := connect(t, pooler.Through(dsn)+direct), connect(t, pooler.Through(dsn)+direct)
	const pid = "select pg_backend_pid()::text"
	if one, other := query(t, a, pid), query(t, b, pid); one == other {
		t.Errorf("two sessions share the process %s", one)
	}
}
