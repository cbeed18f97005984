package sqlite

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// probes are values of each type that an affinity could change, as a sink binds them.
var probes = map[fencepost.Type][]any{
	fencepost.Text:      {"00742", "15E2621", " 1", "x", ""},
	fencepost.Decimal:   {"12345678901234567.89", "1.10"},
	fencepost.JSON:      {"1.10", `{"a":1}`, "1e3"},
	fencepost.Int:       {int64(5), int64(1<<53 + 1), int64(math.MaxInt64)},
	fencepost.Bool:      {int64(0), int64(1)},
	fencepost.Float:     {0.1, 12.0, 1e300, 2.5},
	fencepost.Timestamp: {"2001-01-01 00:01:00", "9999-12-31 23:59:59.500250"},
	fencepost.Bytes:     {[]byte("1"), []byte("x")},
}

// TestV11Pairs holds the rule to SQLite itself: a pair of schema type and declared type is a finding exactly where SQLite
// changes or refuses one of the probes.
func TestV11Pairs(t *testing.T) {
	path := t.TempDir() + "/pairs.db"
	execute(t, path, "CREATE TABLE other (x)")
	c, err := dial(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.run("BEGIN"); err != nil { // one transaction: nothing here is worth a sync
		t.Fatal(err)
	}
	pairs := func(options string, declaredTypes ...string) {
		for _, to := range declaredTypes {
			for _, ddl := range []string{"DROP TABLE IF EXISTS t", "CREATE TABLE t (v " + to + ")" + options} {
				if err := sqlitex.ExecuteTransient(c.db, ddl, nil); err != nil {
					t.Fatal(err)
				}
			}
			described, err := c.table("t")
			if err != nil {
				t.Fatal(err)
			}
			for from, values := range probes {
				changed := ""
				for _, v := range values {
					same := false
					err := sqlitex.Execute(c.db, "INSERT INTO t VALUES (?)", &sqlitex.ExecOptions{Args: []any{v}})
					if err == nil {
						err = sqlitex.Execute(c.db, "DELETE FROM t RETURNING +v = ?", &sqlitex.ExecOptions{Args: []any{v},
							ResultFunc: func(st *sqlite.Stmt) error { same = st.ColumnBool(0); return nil }})
					}
					if err != nil || !same {
						changed = fmt.Sprintf("%v (%v)", v, err)
					}
				}
				bad := described.misfits([]fencepost.ColumnSpec{{Name: "v", Type: from}})
				if (len(bad) > 0) != (changed != "") {
					t.Errorf("%s into %q%s: SQLite changes or refuses %q, the findings are %v", from, to, options, changed, bad)
				}
			}
		}
	}
	pairs("", "", "BLOB", "TEXT", "VARCHAR(9)", "STRING", "NUMERIC", "DECIMAL(10,2)", "DATETIME", "BOOLEAN", "JSON", "INTEGER", "INT", "BIGINT UNSIGNED",
		"CHARINT", "REAL", "DOUBLE PRECISION", "FLOAT", "ANY")
	pairs(" STRICT", "INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY")
}

func TestV11CheckAndStartRefuseWhatTheColumnWouldChange(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}, {Name: "zip", Type: fencepost.Text}, {Name: "serial", Type: fencepost.Text},
		{Name: "dec", Type: fencepost.Decimal}, {Name: "big", Type: fencepost.Int}}
	s, _ := fresh(t, Config{Table: "t", Key: []string{"id"}},
		"CREATE TABLE t (id INT PRIMARY KEY, zip STRING, serial NUMERIC, dec NUMERIC, big REAL)")
	_, err := s.Columns(t.Context(), columns)
	fault, ok := errors.AsType[*fencepost.UserError](err)
	if _, rejected := errors.AsType[*sink.Rejected](err); !ok || !rejected || fault.Code != "column-type" {
		t.Errorf("start: got %v, want column-type", err)
	}
	var keys []string
	for _, f := range s.Check(t.Context(), columns) {
		if f.OK || f.Code != "column-type" {
			continue
		}
		keys = append(keys, f.Key)
		for statement := range strings.SplitSeq(strings.TrimSuffix(f.Help, ";"), "; ") {
			execute(t, s.cfg.Path, statement)
		}
	}
	if got, want := strings.Join(keys, " "), "schema.zip schema.serial schema.dec schema.big"; got != want {
		t.Errorf("findings about %q, want %q", got, want)
	}
	for _, f := range s.Check(t.Context(), columns) {
		if !f.OK {
			t.Errorf("after the remedies of the findings: %s", f.Text)
		}
	}
}

// Another program gives the table other types while a worker runs: its next commit is refused, and goes through once the
// types are right.
func TestV11TypesThatChangeUnderAWorker(t *testing.T) {
	s, l := fresh(t, Config{Table: "things"}, "CREATE TABLE things (v TEXT, n INTEGER)")
	held := begin(t, s, topic(1)...)
	next := func(v string) error {
		c := one(held, v, 1)
		err := l.Commit(t.Context(), writer, c)
		if err == nil {
			held[topic(1)[0]] = c.Moves[0].Next
		}
		return err
	}
	if err := next("00742"); err != nil {
		t.Fatal(err)
	}
	execute(t, s.cfg.Path, "ALTER TABLE things RENAME TO was")
	execute(t, s.cfg.Path, "CREATE TABLE things (n INTEGER, v NUMERIC)")
	err := next("00743")
	if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != "column-type" {
		t.Errorf("a commit into a column that is NUMERIC by now: got %v, want column-type", err)
	}
	execute(t, s.cfg.Path, "DROP TABLE things")
	execute(t, s.cfg.Path, "CREATE TABLE things (n INTEGER, v TEXT)")
	if err := next("00744"); err != nil {
		t.Fatal(err)
	}
	if got := answer(t, s.cfg.Path, "SELECT v, n FROM things"); got != "00744|1" {
		t.Errorf("rows: got %q, want the text as it was sent", got)
	}
}
