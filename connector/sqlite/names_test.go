package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/fencepost/fencepost"
)

// V24: a name in double quotes is the same table as in the other SQL stores.
func TestV24QuotedTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v24.db")
	execute(t, path, `create table "my.table" (id int)`)
	for _, table := range []string{"my.table", `"my.table"`} {
		s, err := Open(t.Context(), Config{Path: path, Table: table})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Check(t.Context(), []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}}) {
			if !f.OK {
				t.Errorf("%s: %s %s", table, f.Code, f.Text)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
