//go:build realservers

package postgres

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// H2: a table whose columns name the record has an index by which its row is found, made once, and only with the table: an older
// one is left as it is. Rows may stand there twice, since a rewind repeats them.
func TestH2RowsAreFoundByRecord(t *testing.T) {
	s := newStore(t)
	columns := append([]fencepost.ColumnSpec{{Name: "origin", Type: fencepost.Text}}, sink.RecordColumns()...)
	indexes := func(table string) int {
		return one[int](t, s, "select count(*)::int from pg_index where indrelid = '"+table+"'::regclass")
	}
	made := func(table string) {
		t.Helper()
		ddl := strings.ReplaceAll(DDL(Config{DSN: s.dsn, Table: table}, columns), appRole, "current_user")
		s.exec(t, ddl)
		s.exec(t, ddl)
	}
	made("landed")
	s.exec(t, "insert into landed values ('ATL', 't', 3, 5), ('ATL', 't', 3, 5)")
	if n := indexes("landed"); n != 1 {
		t.Errorf("%d indexes, want 1", n)
	}
	if def := one[string](t, s, "select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'landed'::regclass"); !strings.Contains(def, "USING brin (_partition, _offset)") {
		t.Errorf("the index is %s", def)
	}
	s.exec(t, "create table older (origin text)")
	made("older")
	s.exec(t, "create table full_one (origin text, _topic text, _partition int, _offset bigint); insert into full_one values ('ATL', 't', 3, 5)")
	made("full_one")
	s.exec(t, "create view seen as select * from landed")
	made("seen")
	if indexes("older") != 0 || indexes("full_one") != 0 {
		t.Error("a table of before was given an index")
	}
	for _, name := range []string{"Two Words", "it's"} {
		made(name)
	}
}

// H11: a column whose type in the schema has changed is told with the statement that changes the table, which then takes it.
func TestH11TypesThatChangedAreTold(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table widened (n bigint); insert into widened values (7)")
	sinktest.Retyped(t, "ALTER TABLE widened ALTER COLUMN n TYPE double precision;", func(statement string) { s.exec(t, statement) }, func() error {
		opened, err := s.open(t.Context(), Config{DSN: s.dsn, Table: "widened"})
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		_, err = opened.Columns(t.Context(), []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Float}})
		return err
	})
}
