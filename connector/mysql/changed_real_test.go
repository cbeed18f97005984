//go:build realservers

package mysql

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// V7: SQL that writes a table of the user's own named batch does not write the temporary one instead.
func TestV7TheUsersOwnTableIsNamedBatch(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{SQL: "insert into batch (id) select id from batch"}).start(1)
	b := w.table(column("id", fencepost.Int, 1))
	for _, ddl := range []string{"create table batch (id bigint)", "create view batch as select n as id from flights"} {
		s.exec(t, "drop table if exists batch")
		s.exec(t, ddl)
		own := s.name(t) + ".batch"
		found := ""
		for _, f := range w.sink.Check(t.Context(), []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}}) {
			found += f.Subject + " " + f.Code + " " + f.Key + " " + f.Text + "\n"
		}
		if !strings.Contains(found, "database sql-refused sql the SQL's batch can mean table "+own) {
			t.Errorf("check says\n%s\nwant a finding that names %s", found, own)
		}
		fault := new(fencepost.UserError)
		for range 2 {
			if err := w.commit(t.Context(), b); !errors.As(err, &fault) || fault.Code != "sql-refused" || !strings.Contains(err.Error(), own) {
				t.Errorf("%s: got %v, want sql-refused that names %s", ddl, err, own)
			}
		}
		if got := w.offset(0); got != 0 {
			t.Errorf("the ledger moved to %d", got)
		}
	}
	s.exec(t, "drop view batch")
	w.must(b)
}

// name is the database's.
func (s *store) name(t *testing.T) string { return one[string](t, s, "select database()") }

// V8: a column of the schema may have the name of a column that a temporary table has besides.
func TestV8ColumnsWithOneOfOurNames(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table v8 (Fencepost_Row bigint, fencepost_row_ bigint, id int primary key)")
	w := s.worker(t, Config{Table: "v8", Key: []string{"id"}}).start(1)
	w.sink.deadlocks.Store(crowdedAt) // so that rows go through the temporary table
	w.must(w.table(column("Fencepost_Row", fencepost.Int, 7, 5), column("fencepost_row_", fencepost.Int, 1, 2), column("id", fencepost.Int, 1, 1)))
	if got := one[string](t, s, "select concat_ws(',', fencepost_row, fencepost_row_, id) from v8"); got != "5,2,1" {
		t.Errorf("got %s, want 5,2,1, the last row", got)
	}
}
