package sqlite

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"zombiezen.com/go/sqlite/sqlitex"
)

// What DDL prints, and the remedy for a missing column, can be run whatever the columns are called.
func TestDDLOfKeywordsCanBeRun(t *testing.T) {
	for word := range keywords {
		c, err := openFile(":memory:", 0)
		if err != nil {
			t.Fatal(err)
		}
		cols := []fencepost.ColumnSpec{{Name: word, Type: fencepost.Int}, {Name: "name", Type: fencepost.Text}}
		if err := sqlitex.ExecuteScript(c, DDL(Config{Table: word, Key: []string{word}}, cols), nil); err != nil {
			t.Errorf("a table and a column called %s: %v", word, err)
		}
		remedy, _, _ := strings.Cut(addColumn(word, fencepost.ColumnSpec{Name: word + "2", Type: fencepost.Int}), ";")
		if err := sqlitex.ExecuteScript(c, remedy+";", nil); err != nil {
			t.Errorf("the remedy %s: %v", remedy, err)
		}
		if err := shut(c); err != nil {
			t.Error(err)
		}
	}
}
