package sqlite

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// altered is a table that other processes alter.
type altered struct{ *store }

func (a altered) Alterations() []sinktest.Alteration {
	const swap = "ALTER TABLE altered RENAME TO altered_tmp; ALTER TABLE altered_other RENAME TO altered; ALTER TABLE altered_tmp RENAME TO altered_other"
	const numbers = "ALTER TABLE altered RENAME TO altered_tmp; ALTER TABLE altered_numbers RENAME TO altered; ALTER TABLE altered_tmp RENAME TO altered_numbers"
	one := sinktest.Altering
	return []sinktest.Alteration{
		one("away", "ALTER TABLE altered RENAME TO altered_away", "ALTER TABLE altered_away RENAME TO altered"),
		one("column away", "ALTER TABLE altered RENAME COLUMN s TO t", "ALTER TABLE altered RENAME COLUMN t TO s"),
		one("column more", "ALTER TABLE altered ADD COLUMN c INTEGER NOT NULL DEFAULT 7", "ALTER TABLE altered DROP COLUMN c"),
		one("unique", "CREATE UNIQUE INDEX altered_a ON altered (a)", "DROP INDEX altered_a"),
		one("trigger", "CREATE TRIGGER no BEFORE INSERT ON altered BEGIN SELECT RAISE(ABORT, 'not now'); END", "DROP TRIGGER no"),
		one("swap", swap, swap),
		one("swap for numbers", numbers, numbers),
		{Name: "swap and back", Do: []string{swap, swap}},
	}
}

func (a altered) Execute(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		db := plain(t, a.path)
		db.SetBlockOnBusy()
		if err := sqlitex.ExecuteScript(db, sql, nil); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if err := shut(db); err != nil {
			t.Fatal(err)
		}
	}
}

func (a altered) Open(t *testing.T) sink.Sink {
	s, err := a.open(t.Context(), Config{Table: "altered"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (a altered) Altered(t *testing.T) map[fencepost.Offset][][]string {
	db := plain(t, a.path)
	found := map[fencepost.Offset][][]string{}
	const columns = "SELECT _offset, a, b, x, s, at FROM "
	err := sqlitex.ExecuteTransient(db, columns+"altered UNION ALL "+columns+"altered_other UNION ALL "+columns+"altered_numbers", &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		row := make([]string, 5)
		for i := range row {
			row[i] = stored(st, i+1)
		}
		o := fencepost.Offset(st.ColumnInt64(0))
		found[o] = append(found[o], row)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A hundred alterations under a running worker: every row is its record's, or its commit failed and went on once the table
// was mended.
func TestAlteredUnderAWorker(t *testing.T) {
	s := newStore(t)
	execute(t, s.path, "CREATE TABLE altered (a INTEGER, b INTEGER, x REAL, s TEXT, at TEXT, _offset INTEGER)")
	execute(t, s.path, "CREATE TABLE altered_other (at, s BLOB, x NUMERIC, b, a, _offset INTEGER)")
	execute(t, s.path, "CREATE TABLE altered_numbers (a INTEGER, b INTEGER, x REAL, s NUMERIC, at TEXT, _offset INTEGER)")
	sinktest.Altered(t, altered{s}, 100, 1)
}
