//go:build realservers

package mysql

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
)

// first is the line of a check about the table.
func (w *worker) first(t *testing.T, columns []fencepost.ColumnSpec) fencepost.Finding {
	t.Helper()
	list := w.sink.Check(t.Context(), columns)
	if len(list) == 0 {
		t.Fatal("check says nothing")
	}
	return list[0]
}

func TestV9KeysThatDifferStayRowsOfTheirOwn(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "name", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
	rows := func() []fencepost.Column {
		return []fencepost.Column{column("name", fencepost.Text, "Abc", "abc", "abc ", "äbc", "😀", "😁"), column("n", fencepost.Int, 1, 2, 3, 4, 5, 6)}
	}
	s := newStore(t)
	c := Config{Table: "v9", Key: []string{"name"}, DSN: s.dsn}
	create, _, _ := strings.Cut(DDL(c, columns), "-- Least grants")
	s.exec(t, create)
	w := s.worker(t, c).start(1)
	w.must(w.table(rows()...))
	if got := one[int](t, s, "select count(*) from v9"); got != 6 {
		t.Errorf("the table that ddl makes holds %d rows, want 6", got)
	}
	for _, collation := range []string{"utf8mb4_general_ci", "utf8mb4_unicode_520_ci", "utf8mb4_bin", "latin1_swedish_ci"} {
		charset, _, _ := strings.Cut(collation, "_")
		s.exec(t, "drop table v9; create table v9 (name varchar(40) character set "+charset+" collate "+collation+" not null primary key, n bigint)")
		f := w.first(t, columns)
		if f.OK || f.Code != "key-merges" || f.Key != "key" || !strings.Contains(f.Text, collation) {
			t.Errorf("check of a key in %s: got %+v, want key-merges", collation, f)
			continue
		}
		s.exec(t, f.Help)
		if f := w.first(t, columns); !f.OK || strings.Contains(f.Text, "null") {
			t.Errorf("check after %s's remedy: got %+v, want ok, and not null as before", collation, f)
		}
	}
	w.must(w.table(rows()...))
	if got := one[int](t, s, "select count(*) from v9"); got != 6 {
		t.Errorf("the mended table holds %d rows, want 6", got)
	}
	s.exec(t, "create table v9t (at datetime primary key)")
	at := s.worker(t, Config{Table: "v9t", Key: []string{"at"}})
	times := []fencepost.ColumnSpec{{Name: "at", Type: fencepost.Timestamp}}
	f := at.first(t, times)
	if f.OK || f.Code != "key-merges" || !strings.Contains(f.Text, s.either("rounded", "cut")+" to whole seconds") {
		t.Errorf("check of a key that cuts seconds: got %+v, want key-merges", f)
	}
	s.exec(t, f.Help)
	if f := at.first(t, times); !f.OK {
		t.Errorf("check after its remedy: got %+v", f)
	}
}

func TestV10CheckSaysWhatNullInAKeyDoes(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table v10 (k bigint, n bigint, unique (k))")
	columns := []fencepost.ColumnSpec{{Name: "k", Type: fencepost.Int}, {Name: "n", Type: fencepost.Int}}
	w := s.worker(t, Config{Table: "v10", Key: []string{"k"}}).start(1)
	if f := w.first(t, columns); !f.OK || !strings.Contains(f.Text, "rows with null in k are appended") {
		t.Errorf("got %+v, want it to say that such rows are appended", f)
	}
	w.must(w.table(column("k", fencepost.Int, nil, nil), column("n", fencepost.Int, 2, 3)))
	if got := one[int](t, s, "select count(*) from v10"); got != 2 {
		t.Errorf("got %d rows, want 2 as check said", got)
	}
	s.exec(t, "drop table v10; create table v10 (k bigint primary key, n bigint)")
	if f := w.first(t, columns); !f.OK || strings.Contains(f.Text, "null in") {
		t.Errorf("of a primary key: got %+v, want no word about null", f)
	}
}

func TestV12CheckSaysWhatIsRoundedAndCut(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table v12 (d decimal(10,2), f float, fd decimal(12,1), t datetime(3), s timestamp null, day date, whole datetime(6), c char(3), v varchar(3), plain decimal(65,24), e enum('Ab'))")
	columns := []fencepost.ColumnSpec{{Name: "d", Type: fencepost.Decimal}, {Name: "f", Type: fencepost.Float}, {Name: "fd", Type: fencepost.Float},
		{Name: "t", Type: fencepost.Timestamp}, {Name: "s", Type: fencepost.Timestamp}, {Name: "day", Type: fencepost.Timestamp}, {Name: "whole", Type: fencepost.Timestamp},
		{Name: "c", Type: fencepost.Text}, {Name: "v", Type: fencepost.Text}, {Name: "plain", Type: fencepost.Decimal},
		{Name: "e", Type: fencepost.Text}}
	w := s.worker(t, Config{Table: "v12"}).start(1)
	_, notes, _ := strings.Cut(w.first(t, columns).Text, "11 columns; ")
	cut := s.either("rounded", "cut")
	want := "d is rounded to 2 places; f is rounded to 24 bits; fd is rounded to 1 place; t is " + cut + " to milliseconds; s is " + cut + " to whole seconds; " +
		"day is cut to the day (UTC); c is cut at its trailing blanks; plain is rounded to 24 places; e is written as the label that the collation takes for equal"
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
	const at = int64(1_709_208_000_654_789)
	row := []any{"12.345", 0.16, 0.16, at, at, at, at, "x ", "x ", "0.0000000000000000000000001234", "aB"}
	var values []fencepost.Column
	for i, c := range columns {
		values = append(values, column(c.Name, c.Type, row[i]))
	}
	w.must(w.table(values...))
	got := one[string](t, s, "select concat_ws('|', d, fd, t, s, day, whole, concat('<', c, '>'), concat('<', v, '>'), plain, e) from v12")
	if want := "12.35|0.2|2024-02-29 12:00:00." + s.either("655|2024-02-29 12:00:01", "654|2024-02-29 12:00:00") + "|2024-02-29|2024-02-29 12:00:00.654789|<x>|<x >|0.000000000000000000000000|Ab"; got != want {
		t.Errorf("the server makes of them\n%s, check told\n%s", got, want)
	}
	sql := s.worker(t, Config{SQL: "insert into v12 (d) select d from batch"})
	if f := sql.first(t, columns[:1]); !f.OK || !strings.HasSuffix(f.Text, "table batch; d is rounded to 24 places") {
		t.Errorf("check of sql: got %+v, want it to say what the table batch rounds", f)
	}
}

func TestV13DecimalGoesIntoBigintUnsigned(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table v13 (v bigint unsigned)")
	columns := []fencepost.ColumnSpec{{Name: "v", Type: fencepost.Decimal}}
	w := s.worker(t, Config{Table: "v13"}).start(1)
	if f := w.first(t, columns); !f.OK {
		t.Errorf("check: %+v", f)
	}
	value := func(v string) sink.Commit {
		return w.table(column("v", fencepost.Decimal, v))
	}
	w.must(value("18446744073709551615"))
	w.must(value("9007199254740993.00"))
	for _, v := range []string{"-1", "18446744073709551616", "1.5", "-0.5"} {
		if r, ok := errors.AsType[*sink.Rejected](w.commit(t.Context(), value(v))); !ok {
			t.Errorf("%s: got %v, want it refused", v, r)
		}
	}
	if got := one[string](t, s, "select group_concat(v order by v) from v13"); got != "9007199254740993,18446744073709551615" {
		t.Errorf("rows: got %s", got)
	}
}
