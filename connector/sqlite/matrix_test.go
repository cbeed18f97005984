package sqlite

import (
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// columns are the tables of the matrix of types.
type columns struct{ *store }

// strict ends the types of columns of STRICT tables.
const strict = " of a STRICT table"

func (columns) Types() []string {
	list := []string{"no type", "TEXT", "VARCHAR(9)", "STRING", "INTEGER", "INT", "BIGINT UNSIGNED", "REAL", "DOUBLE PRECISION", "FLOAT", "NUMERIC", "DECIMAL(10,2)", "BOOLEAN",
		"DATE", "DATETIME", "JSON", "BLOB", "ANY"}
	for _, t := range []string{"INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"} {
		list = append(list, t+strict)
	}
	return list
}

func (c columns) Create(t *testing.T, columnType string) {
	declared, isStrict := strings.CutSuffix(columnType, strict)
	options := ""
	if isStrict {
		options = " STRICT"
	}
	execute(t, c.path, "DROP TABLE IF EXISTS matrix")
	execute(t, c.path, "CREATE TABLE matrix (v "+strings.TrimPrefix(declared, "no type")+", _offset INTEGER)"+options)
}

func (c columns) Open(t *testing.T) sink.Sink {
	s, err := c.open(t.Context(), Config{Table: "matrix"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Shown reads each value as the storage class that SQLite gave it.
func (c columns) Shown(t *testing.T) map[fencepost.Offset]string {
	db := plain(t, c.path)
	defer shut(db)
	shown := map[fencepost.Offset]string{}
	err := sqlitex.ExecuteTransient(db, "SELECT _offset, v FROM matrix WHERE v IS NOT NULL", &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		shown[fencepost.Offset(st.ColumnInt64(0))] = stored(st, 1)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

func stored(st *sqlite.Stmt, i int) string {
	switch st.ColumnType(i) {
	case sqlite.TypeInteger:
		return strconv.FormatInt(st.ColumnInt64(i), 10)
	case sqlite.TypeFloat:
		return strconv.FormatFloat(st.ColumnFloat(i), 'g', -1, 64)
	case sqlite.TypeBlob:
		b := make([]byte, st.ColumnLen(i))
		st.ColumnBytes(i, b)
		return string(b)
	case sqlite.TypeText, sqlite.TypeNull:
	}
	return st.ColumnText(i)
}

// Every type of a schema into every type of column: the page of types is what this test saw.
func TestTypeMatrix(t *testing.T) {
	sinktest.Section(t, "../../docs/types.md", "SQLite", sinktest.Matrix(t, columns{newStore(t)}))
}
