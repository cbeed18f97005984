//go:build realservers

package postgres

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
)

func TestV12CheckSaysWhatIsRounded(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table v12 (d numeric(10,2), i numeric(5,-2), f real, t timestamptz(3), s timestamp(0), day date, c char(3), whole timestamptz, plain numeric)")
	columns := []fencepost.ColumnSpec{{Name: "d", Type: fencepost.Decimal}, {Name: "i", Type: fencepost.Int}, {Name: "f", Type: fencepost.Float},
		{Name: "t", Type: fencepost.Timestamp}, {Name: "s", Type: fencepost.Timestamp}, {Name: "day", Type: fencepost.Timestamp}, {Name: "c", Type: fencepost.Text},
		{Name: "whole", Type: fencepost.Timestamp}, {Name: "plain", Type: fencepost.Decimal}}
	w := s.worker(t, Config{Table: "v12"}).start(1)
	_, notes, _ := strings.Cut(w.sink.Check(t.Context(), columns)[0].Text, "9 columns; ")
	want := "d is rounded to 2 places; i is rounded to -2 places; f is rounded to 24 bits; t is rounded to milliseconds; s is rounded to whole seconds; " +
		"day is cut to the day (UTC); c is padded with blanks"
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
	const at = int64(1_709_208_000_654_789)
	row := []any{"12.345", 42, 0.1, at, at, at, "x", at, "0.0000000000000000000000000001234"}
	var values []fencepost.Column
	for i, c := range columns {
		values = append(values, column(c.Name, c.Type, row[i]))
	}
	w.must(w.table(values...))
	got := one[string](t, s, "select concat_ws('|', d, i, t at time zone 'UTC', s, day, c, whole at time zone 'UTC', plain) from v12")
	if want := "12.35|0|2024-02-29 12:00:00.655|2024-02-29 12:00:01|2024-02-29|x  |2024-02-29 12:00:00.654789|0.0000000000000000000000000001234"; got != want {
		t.Errorf("the server makes of them\n%s, check told\n%s", got, want)
	}
}

func TestV9CheckFindsAKeyThatMergesByItsType(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table v9 (at timestamptz(0) primary key)")
	w := s.worker(t, Config{Table: "v9", Key: []string{"at"}})
	columns := []fencepost.ColumnSpec{{Name: "at", Type: fencepost.Timestamp}}
	f := w.sink.Check(t.Context(), columns)[0]
	if f.OK || f.Code != "key-merges" || f.Key != "key" || !strings.Contains(f.Text, "key column at of table v9 is rounded to whole seconds") {
		t.Errorf("got %+v, want key-merges", f)
	}
	s.exec(t, f.Help)
	if f := w.sink.Check(t.Context(), columns)[0]; !f.OK {
		t.Errorf("after its remedy: got %+v", f)
	}
}

func TestV10NullInAKey(t *testing.T) {
	s := newStore(t)
	columns := []fencepost.ColumnSpec{{Name: "k", Type: fencepost.Int}, {Name: "n", Type: fencepost.Int}}
	s.exec(t, "create table v10 (k bigint unique, n bigint)")
	check := func() fencepost.Finding {
		return s.worker(t, Config{Table: "v10", Key: []string{"k"}}).sink.Check(t.Context(), columns)[0]
	}
	if f := check(); !f.OK || !strings.Contains(f.Text, "rows with null in k are appended") {
		t.Errorf("a key with nulls: got %+v, want it to say that such rows are appended", f)
	}
	u := s.worker(t, Config{Table: "v10", Key: []string{"k"}}).start(1)
	u.must(u.table(column("k", fencepost.Int, nil, 7, nil, 7), column("n", fencepost.Int, 2, 3, 4, 5)))
	if got := one[string](t, s, "select string_agg(concat(k, '=', n), ' ' order by n) from v10"); got != "=2 =4 7=5" {
		t.Errorf("rows: got %s, want both with null, and the last of the key 7", got)
	}
	s.exec(t, "drop table v10; create table v10 (k bigint, n bigint, unique nulls not distinct (k))")
	if f := check(); !f.OK || !strings.Contains(f.Text, "rows with null in k replace each other") {
		t.Errorf("with NULLS NOT DISTINCT: got %+v, want it to say that they are one key", f)
	}
	u.must(u.table(column("k", fencepost.Int, nil, nil), column("n", fencepost.Int, 2, 3)))
	u.must(u.table(column("k", fencepost.Int, nil), column("n", fencepost.Int, 4)))
	if got := one[string](t, s, "select string_agg(n::text, ' ') from v10"); got != "4" {
		t.Errorf("rows: got %s, want the last alone, as check said", got)
	}
}
