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
