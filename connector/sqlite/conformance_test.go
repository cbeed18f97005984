package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// plain opens a connection of the driver alone, as another program would.
func plain(t testing.TB, path string) *sqlite.Conn {
	t.Helper()
	db, err := openFile(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(db) })
	return db
}

// execute runs one statement with arguments around the sink.
func execute(t testing.TB, path, query string, args ...any) {
	t.Helper()
	db := plain(t, path)
	defer shut(db)
	if err := sqlitex.ExecuteTransient(db, query, &sqlitex.ExecOptions{Args: args}); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// answer is the rows of a query around the sink, a line each, columns joined by "|".
func answer(t testing.TB, path, query string) string {
	t.Helper()
	db := plain(t, path)
	defer shut(db)
	var lines []string
	err := sqlitex.ExecuteTransient(db, query, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		var cols []string
		for i := range st.ColumnCount() {
			cols = append(cols, st.ColumnText(i))
		}
		lines = append(lines, strings.Join(cols, "|"))
		return nil
	}})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(lines, "\n")
}

// store is one file, as the suite reaches it.
type store struct {
	path string
	sql  string       // instead of the table, if not empty
	lose atomic.Int32 // what becomes of the next answer, by lost...
}

const (
	loseNothing = iota
	loseApplied
	loseUnapplied
)

// newStore makes a file with the suite's append table and no ledger.
func newStore(t *testing.T) *store {
	s := &store{path: filepath.Join(t.TempDir(), "suite.db")}
	execute(t, s.path, `CREATE TABLE suite (value TEXT, n INTEGER CHECK (n >= 0), _topic TEXT, _partition INTEGER, _offset INTEGER)`)
	return s
}

// tamper loses the answer that the suite asked to be lost.
func (s *store) tamper(p point) error {
	want := map[point]int32{beforeCommit: loseUnapplied, afterCommit: loseApplied}[p]
	if s.lose.CompareAndSwap(want, loseNothing) {
		return errors.New("the answer is lost")
	}
	return nil
}

func (s *store) open(ctx context.Context, cfg Config) (sink.Sink, error) {
	cfg.Path = s.path
	sink, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sink.tamper = s.tamper
	return sink, nil
}

func (s *store) Open(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	if s.sql != "" {
		return s.open(ctx, Config{SQL: s.sql, KeepCommits: keep})
	}
	return s.open(ctx, Config{Table: "suite", KeepCommits: keep})
}

func (s *store) Rows(t *testing.T) (rows []sinktest.Row) {
	db := plain(t, s.path)
	defer shut(db)
	err := sqlitex.ExecuteTransient(db, "SELECT _topic, _partition, _offset, value, n FROM suite", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			rows = append(rows, sinktest.Row{TopicPartition: fencepost.TopicPartition{Topic: st.ColumnText(0), Partition: st.ColumnInt32(1)},
				Offset: fencepost.Offset(st.ColumnInt64(2)), Value: st.ColumnText(3), N: st.ColumnInt64(4)})
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (s *store) DeleteRow(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition) {
	execute(t, s.path, "DELETE FROM fencepost_ledger WHERE group_name = ? AND topic = ? AND partition = ?", string(g), tp.Topic, tp.Partition)
}

func (s *store) ForeignWrite(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	execute(t, s.path, `INSERT OR REPLACE INTO fencepost_ledger (group_name, topic, partition, until, leader_epoch, fence, topic_id)
  VALUES (?, ?, ?, ?, -1, 0, '-')`, string(g), tp.Topic, tp.Partition, int64(at))
}

func (s *store) MakeNewer(t *testing.T) {
	execute(t, s.path, "UPDATE fencepost_groups SET version = 99999 WHERE group_name = ''")
}

func (s *store) LoseAnswer(_ *testing.T, applied bool) {
	if applied {
		s.lose.Store(loseApplied)
		return
	}
	s.lose.Store(loseUnapplied)
}

func (s *store) OpenTyped(ctx context.Context, columns []fencepost.ColumnSpec) (sink.Sink, error) {
	db, err := openFile(s.path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	defer shut(db)
	script := DDL(Config{Path: s.path, Table: "typed"}, append(columns, fencepost.ColumnSpec{Name: "_offset", Type: fencepost.Int}))
	if err := sqlitex.ExecuteScript(db, script, nil); err != nil {
		return nil, fmt.Errorf("run %s: %w", script, err)
	}
	return s.open(ctx, Config{Table: "typed"})
}

func (s *store) TypedRows(t *testing.T, columns []fencepost.ColumnSpec) (rows [][]any) {
	db := plain(t, s.path)
	defer shut(db)
	err := sqlitex.ExecuteTransient(db, "SELECT * FROM typed ORDER BY _offset", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			row := make([]any, len(columns))
			for i, c := range columns {
				row[i] = read(t, st, i, c.Type)
			}
			rows = append(rows, row)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (s *store) OpenKeyed(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	db, err := openFile(s.path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	defer shut(db)
	if err := sqlitex.ExecuteTransient(db, "CREATE TABLE IF NOT EXISTS keyed (k TEXT PRIMARY KEY, v INTEGER NOT NULL)", nil); err != nil {
		return nil, err
	}
	return s.open(ctx, Config{Table: "keyed", Key: []string{"k"}, KeepCommits: keep})
}

// NamesRefused: rows are refused one by one, and of SQL the row is looked for.
func (s *store) NamesRefused(*testing.T) bool { return true }

func (s *store) KeyedRows(t *testing.T) map[string]int64 {
	db := plain(t, s.path)
	defer shut(db)
	rows := map[string]int64{}
	err := sqlitex.ExecuteTransient(db, "SELECT k, v FROM keyed", &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		rows[st.ColumnText(0)] = st.ColumnInt64(1)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// read reads a value back, and fails unless SQLite holds it in the storage class that doc.go promises.
func read(t *testing.T, st *sqlite.Stmt, i int, typ fencepost.Type) any {
	if st.ColumnIsNull(i) {
		return nil
	}
	want := map[string]sqlite.ColumnType{"INTEGER": sqlite.TypeInteger, "REAL": sqlite.TypeFloat, "BLOB": sqlite.TypeBlob, "TEXT": sqlite.TypeText}[declared(typ)]
	if got := st.ColumnType(i); got != want {
		t.Errorf("a value of type %s is stored as %s, want %s", typ, got, want)
	}
	switch typ {
	case fencepost.Int:
		return st.ColumnInt64(i)
	case fencepost.Bool:
		return st.ColumnBool(i)
	case fencepost.Float:
		return st.ColumnFloat(i)
	case fencepost.Timestamp:
		return micros(t, st.ColumnText(i))
	case fencepost.Bytes:
		b := make([]byte, st.ColumnLen(i))
		st.ColumnBytes(i, b)
		return b
	case fencepost.Text, fencepost.Decimal, fencepost.JSON:
	}
	return st.ColumnText(i)
}

func TestConformanceOfTable(t *testing.T) {
	sinktest.Run(t, sinktest.Fixture{New: func(t *testing.T) sinktest.Store { return newStore(t) }})
}
