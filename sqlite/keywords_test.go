package sqlite

import (
	"testing"

	"github.com/fencepost/fencepost"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The tables that DDL prints can be made whatever their columns are called.
func TestDDLOfKeywordsCanBeRun(t *testing.T) {
	for word := range keywords {
		c, err := sqlite.OpenConn(":memory:")
		if err != nil {
			t.Fatal(err)
		}
		cols := []fencepost.ColumnSpec{{Name: word, Type: fencepost.Int}, {Name: "name", Type: fencepost.Text}}
		if err := sqlitex.ExecuteScript(c, DDL(Config{Table: word, Key: []string{word}}, cols), nil); err != nil {
			t.Errorf("a table and a column called %s: %v", word, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
