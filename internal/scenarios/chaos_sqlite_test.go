//go:build realservers

package scenarios

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// chaosSQLite is a file.
type chaosSQLite struct {
	r    *ring
	path string
	book ledger.Ledger
	lock *zsqlite.Conn // holds the file
}

func newChaosSQLite(t *testing.T, r *ring) chaosStore {
	s := &chaosSQLite{r: r, path: filepath.Join(t.TempDir(), "rows.db")}
	onSQLite(t, s.path, "CREATE TABLE seen (_topic TEXT, _partition INTEGER, _offset INTEGER, n INTEGER)")
	book, err := sqlite.OpenLedger(s.path, ledger.KeepAll)
	must(t, err)
	t.Cleanup(func() { _ = book.Close() })
	s.book = book
	return s
}

func (s *chaosSQLite) sink() string          { return `{sqlite: {path: "${STORE}", table: seen}}` }
func (s *chaosSQLite) upstream() string      { return "" }
func (s *chaosSQLite) address(string) string { return s.path }
func (s *chaosSQLite) ledger() ledger.Ledger { return s.book }
func (s *chaosSQLite) server() *servers.Own  { return nil }
func (s *chaosSQLite) kinds() []chaos.Kind   { return []chaos.Kind{chaos.LockStore} }

func (s *chaosSQLite) strike(step chaos.Step) {
	if step.Undo {
		if s.lock != nil {
			_ = s.lock.Close()
			s.lock = nil
		}
		return
	}
	conn, err := zsqlite.OpenConn(s.path, zsqlite.OpenReadWrite)
	if err == nil {
		conn.SetBusyTimeout(5 * time.Second)
		err = sqlitex.ExecuteTransient(conn, "BEGIN IMMEDIATE", nil)
		s.lock = conn
	}
	if err != nil {
		s.r.say("%s: %v", step.Kind, err)
	}
}

func (s *chaosSQLite) rows(context.Context, int) (map[fencepost.TopicPartition][]chaos.Entry, error) {
	conn, err := zsqlite.OpenConn(s.path, zsqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	all := map[fencepost.TopicPartition][]chaos.Entry{}
	err = sqlitex.ExecuteTransient(conn, "SELECT _topic, _partition, _offset, n FROM seen ORDER BY rowid", &sqlitex.ExecOptions{ResultFunc: func(st *zsqlite.Stmt) error {
		tp := at(st.ColumnText(0), st.ColumnInt32(1))
		all[tp] = append(all[tp], chaos.Entry{Offset: fencepost.Offset(st.ColumnInt64(2)), Value: st.ColumnInt64(3)})
		return nil
	}})
	return all, err
}
