package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// H2: a table whose columns name the record has an index by which its row is found. A table that is written over by a key has none.
func TestH2RowsAreFoundByRecord(t *testing.T) {
	columns := append([]fencepost.ColumnSpec{{Name: "origin", Type: fencepost.Text}}, sink.RecordColumns()...)
	c, err := openFile(filepath.Join(t.TempDir(), "h2.db"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(c)
	ddl := DDL(Config{Path: "h2.db", Table: "flights"}, columns)
	for range 2 {
		if err := sqlitex.ExecuteScript(c, ddl, nil); err != nil {
			t.Fatalf("%v:\n%s", err, ddl)
		}
	}
	plan := ""
	err = sqlitex.Execute(c, "EXPLAIN QUERY PLAN SELECT * FROM flights WHERE _topic = 't' AND _partition = 3 AND _offset = 5",
		&sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error { plan += s.ColumnText(3); return nil }})
	if err != nil || !strings.Contains(plan, "USING INDEX flights_record (_partition=? AND _offset=?)") {
		t.Errorf("%v: the plan is %q", err, plan)
	}
	if ddl := DDL(Config{Path: "h2.db", Table: "flights", Key: []string{"origin"}}, columns); strings.Contains(ddl, "CREATE INDEX IF NOT EXISTS \"flights") {
		t.Errorf("a table with a key:\n%s", ddl)
	}
}
