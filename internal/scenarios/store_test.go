//go:build realservers

package scenarios

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite/sqlitex"

	zsqlite "zombiezen.com/go/sqlite"

	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// seenDDL is the usual table: nothing in it prevents a row from being there twice.
const seenDDL = `create table seen (_topic text, _partition int, _offset bigint, value text)`

// insertSQL is the same as appending to it.
const insertSQL = `insert into seen select _topic, _partition, _offset, value from batch`

// row is one row of the usual table.
type row struct {
	topic     string
	partition int32
	offset    int64
	value     string
}

// store is where a scene's rows and ledger are.
type store interface {
	// sink opens it anew, as another process would: table or sql, one of the two. The test's end closes it.
	sink(t *testing.T, table, sql string) sink.Sink
	ledger() ledger.Ledger
	rows(*testing.T) []row // of the usual table, in the order in which they were written
	exec(t *testing.T, sql string)
	number(t *testing.T, sql string) int64
	errand(*errand) // says where it is
}

type postgresStore struct {
	dsn  string
	conn *pgx.Conn // apart from the connector's connections
	own  *postgres.Ledger
}

func newPostgresStore(t *testing.T, ddl string) *postgresStore {
	t.Helper()
	return openPostgresStore(t, servers.Postgres(t).Database(t), ddl)
}

func openPostgresStore(t *testing.T, dsn, ddl string) *postgresStore {
	t.Helper()
	s := &postgresStore{dsn: dsn}
	s.conn = connect(t, dsn)
	own, err := postgres.OpenLedger(dsn, ledger.KeepAll)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	s.own = own
	if ddl != "" {
		s.exec(t, ddl)
		// A row's place in the heap is not its turn: one of a later commit may fill an earlier page.
		s.exec(t, "alter table if exists seen add column place bigserial")
	}
	return s
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func (s *postgresStore) sink(t *testing.T, table, sql string) sink.Sink {
	t.Helper()
	return s.open(t, postgres.Config{Table: table, SQL: sql})
}

func (s *postgresStore) open(t *testing.T, c postgres.Config) sink.Sink {
	t.Helper()
	c.DSN, c.KeepCommits = s.dsn, ledger.KeepAll
	sink, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Errorf("close sink: %v", err)
		}
	})
	return sink
}

func (s *postgresStore) ledger() ledger.Ledger { return s.own }

func (s *postgresStore) rows(t *testing.T) (list []row) {
	t.Helper()
	rows, err := s.conn.Query(t.Context(), "select _topic, _partition, _offset, coalesce(value, '') from seen order by place")
	if err != nil {
		t.Fatal(err)
	}
	list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (w row, err error) {
		return w, r.Scan(&w.topic, &w.partition, &w.offset, &w.value)
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (s *postgresStore) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := s.conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (s *postgresStore) number(t *testing.T, sql string) (n int64) {
	t.Helper()
	if err := s.conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (s *postgresStore) errand(e *errand) { e.DSN = s.dsn }

type sqliteStore struct {
	path string
	conn *zsqlite.Conn // apart from the connector's connections
	own  ledger.Ledger
}

func newSQLiteStore(t *testing.T, ddl string) *sqliteStore {
	t.Helper()
	s := &sqliteStore{path: filepath.Join(t.TempDir(), "rows.db")}
	conn, err := zsqlite.OpenConn(s.path, zsqlite.OpenReadWrite|zsqlite.OpenCreate|zsqlite.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s.conn = conn
	s.exec(t, ddl)
	s.own = s.sink(t, "seen", "").Ledger()
	return s
}

func (s *sqliteStore) sink(t *testing.T, table, sql string) sink.Sink {
	t.Helper()
	sink, err := sqlite.Open(t.Context(), sqlite.Config{Path: s.path, Table: table, SQL: sql, KeepCommits: ledger.KeepAll})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Errorf("close sink: %v", err)
		}
	})
	return sink
}

func (s *sqliteStore) ledger() ledger.Ledger { return s.own }

func (s *sqliteStore) rows(t *testing.T) (list []row) {
	t.Helper()
	s.query(t, "select _topic, _partition, _offset, coalesce(value, '') from seen order by rowid", func(st *zsqlite.Stmt) {
		list = append(list, row{st.ColumnText(0), st.ColumnInt32(1), st.ColumnInt64(2), st.ColumnText(3)})
	})
	return list
}

func (s *sqliteStore) exec(t *testing.T, sql string) {
	t.Helper()
	s.query(t, sql, func(*zsqlite.Stmt) {})
}

func (s *sqliteStore) number(t *testing.T, sql string) (n int64) {
	t.Helper()
	s.query(t, sql, func(st *zsqlite.Stmt) { n = st.ColumnInt64(0) })
	return n
}

func (s *sqliteStore) query(t *testing.T, sql string, each func(*zsqlite.Stmt)) {
	t.Helper()
	if err := sqlitex.ExecuteTransient(s.conn, sql, &sqlitex.ExecOptions{ResultFunc: func(st *zsqlite.Stmt) error {
		each(st)
		return nil
	}}); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (s *sqliteStore) errand(e *errand) { e.Path = s.path }

func newFence() ledger.Fence { return ledger.NewFence(rand.Uint64()) }
