//go:build realservers

package mysql

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// H2: a table whose columns name the record has an index by which its row is found. An older one is left as it is.
func TestH2RowsAreFoundByRecord(t *testing.T) {
	s := newStore(t)
	columns := append([]fencepost.ColumnSpec{{Name: "origin", Type: fencepost.Text}}, sink.RecordColumns()...)
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
	sinktest.Retyped(t, "ALTER TABLE widened MODIFY n double;", func(statement string) { s.exec(t, statement) }, func() error {
		opened, err := s.open(t.Context(), Config{DSN: s.dsn, Table: "widened"})
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		_, err = opened.Columns(t.Context(), []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Float}})
		return err
	})
}
