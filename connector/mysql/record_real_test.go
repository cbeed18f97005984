//go:build realservers

package mysql

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// H2: a table whose columns name the record has an index by which its row is found. An older one is left as it is.
func TestH2RowsAreFoundByRecord(t *testing.T) {
	s := newStore(t)
	columns := append([]fencepost.ColumnSpec{{Name: "origin", Type: fencepost.Text}}, fencepost.MetaColumns()[:3]...)
	made := func(table string) {
		t.Helper()
		ddl, _, _ := strings.Cut(DDL(Config{DSN: s.dsn, Table: table}, columns), "-- Least grants")
		s.exec(t, ddl)
		s.exec(t, ddl)
	}
	made("landed")
	s.exec(t, "insert into landed values ('ATL', 't', 3, 5), ('ATL', 't', 3, 5)")
	s.exec(t, "create table older (origin text)")
	made("older")
	for table, want := range map[string]int{"landed": 2, "older": 0} { // a row for each of the index's columns
		if n := one[int](t, s, "select count(*) from information_schema.statistics where table_schema = database() and table_name = '"+table+"'"); n != want {
			t.Errorf("table %s: %d columns in indexes, want %d", table, n, want)
		}
	}
}

// H11: a column whose type in the schema has changed is told with the statement that changes the table, which then takes it.
func TestH11TypesThatChangedAreTold(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table widened (n bigint); insert into widened values (7)")
	columns := []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Float}}
	look := func() (fault *fencepost.UserError) {
		sink, err := s.open(t.Context(), Config{DSN: s.dsn, Table: "widened"})
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		_, err = sink.Columns(t.Context(), columns)
		errors.As(err, &fault)
		return fault
	}
	statement, _, _ := strings.Cut(look().Help, "   ")
	if want := "ALTER TABLE widened MODIFY n double;"; statement != want {
		t.Fatalf("the help begins with %q, want %q", statement, want)
	}
	s.exec(t, statement)
	if fault := look(); fault != nil {
		t.Errorf("after it: %v", fault)
	}
}
