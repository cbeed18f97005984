//go:build realservers

package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// ops is the column of what rows do: d for nil, else u.
func ops(values ...any) fencepost.Column {
	op := fencepost.Column{Name: fencepost.MetaOp, Type: fencepost.Text}
	for _, v := range values {
		if v == nil {
			op.AppendText(fencepost.OpDelete)
		} else {
			op.AppendText("u")
		}
	}
	return op
}

// A delete finds the row that an upsert of the same key would write over, whatever type and collation the key has.
func TestDeletesCompareKeysAsTheTableDoes(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create extension citext; create type mood as enum ('glad', 'sad'); create domain short as varchar(3); create domain feeling as mood")
	s.exec(t, "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []struct {
		typ         string
		from        fencepost.Type
		first, then []any // then: the last one but one deletes, the last one is deleted and set
	}{
		{"citext", fencepost.Text, []any{"a", "b", "c"}, []any{"A", "B", "B"}},
		{"text collate ci", fencepost.Text, []any{"a", "b", "c"}, []any{"A", "B", "B"}},
		{"varchar(3)", fencepost.Text, []any{"abc", "b", "c"}, []any{"abc  ", "b", "b"}},
		{"short", fencepost.Text, []any{"abc", "b", "c"}, []any{"abc  ", "b", "b"}},
		{"char(3)", fencepost.Text, []any{"a", "b", "c"}, []any{"a ", "b  ", "b"}},
		{"name", fencepost.Text, []any{"a", "b", "c"}, []any{"a", "b", "b"}},
		{"feeling", fencepost.Text, []any{"glad", "sad", "sad"}, []any{"glad", "sad", "sad"}},
		{"numeric(4,1)", fencepost.Decimal, []any{"1.2", "1.3", "9"}, []any{"1.24", "1.31", "1.3"}},
		{"timestamp(0)", fencepost.Timestamp, []any{100, 2_000_000, 9_000_000}, []any{200, 2_000_001, 2_000_000}},
		{"uuid", fencepost.UUID, []any{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
			[]any{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"}},
	} {
		table := fmt.Sprint("k", i)
		s.exec(t, "create table "+table+" (k "+c.typ+" primary key, v int not null)")
		k := s.goesOn(t, w, Config{Table: table, Key: []string{"k"}})
		k.must(k.table(column("k", c.from, c.first...), column("v", fencepost.Int, 1, 2, 3), ops(1, 1, 1)))
		k.must(k.table(column("k", c.from, c.then...), column("v", fencepost.Int, nil, nil, 7), ops(nil, nil, 7)))
		want := map[bool]string{true: "3 7", false: "7"}[c.first[2] != c.first[1]]
		if got := one[string](t, s, "select string_agg(v::text, ' ' order by v) from "+table); got != want {
			t.Errorf("%s: got %s, want %s", c.typ, got, want)
		}
		*w = *k
	}
}

// A key with a null is no row's key, unless the index has nulls for equal. A table that has the column _op keeps what upserted rows say.
func TestDeletesOfNullKeys(t *testing.T) {
	s := newStore(t)
	equal := one[bool](t, s, "select current_setting('server_version_num')::int >= 150000")
	for _, how := range []string{"", "nulls not distinct"} {
		if how != "" && !equal {
			continue
		}
		s.exec(t, "drop table if exists u; create table u (a text, b int, v int not null, _op text not null, unique "+how+" (a, b))")
		w := s.worker(t, Config{Table: "u", Key: []string{"a", "b"}})
		w.as.Group = fencepost.Group("g" + how)
		w.start(1)
		w.must(w.table(column("a", fencepost.Text, "x", "x", nil), column("b", fencepost.Int, 1, nil, nil), column("v", fencepost.Int, 1, 2, 3), ops(1, 1, 1)))
		w.must(w.table(column("a", fencepost.Text, "x", nil, "y"), column("b", fencepost.Int, nil, nil, 1), column("v", fencepost.Int, nil, nil, 9), ops(nil, nil, 9)))
		want := map[string]string{"": "1u 2u 3u 9u", "nulls not distinct": "1u 9u"}[how]
		if got := one[string](t, s, "select string_agg(v || _op, ' ' order by v) from u"); got != want {
			t.Errorf("%q: got %s, want %s", how, got, want)
		}
	}
}

// The user of ddl's grants can delete, and one without the right is found by check. Tables that a delete could not be told from a row in are refused.
func TestCheckOfDeletes(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table u (value text primary key, n bigint not null)")
	columns := append(sinktest.Columns(), fencepost.ColumnSpec{Name: fencepost.MetaOp, Type: fencepost.Text})
	ddl := DDL(Config{DSN: s.dsn, Table: "u", Key: []string{"value"}}, columns)
	if !strings.Contains(ddl, "GRANT DELETE ON u TO") || strings.Contains(ddl, "_op") {
		t.Errorf("ddl grants no DELETE, or makes a column _op:\n%s", ddl)
	}
	for _, c := range []struct {
		config Config
		want   string // of the finding; empty: all is well
	}{
		{Config{Table: "u", Key: []string{"value"}}, ""},
		{Config{Table: "u"}, "deletes-not-taken"},
		{Config{SQL: "insert into flights (n) select n from batch"}, "deletes-not-taken"},
		{Config{SQL: "insert into flights (n) select n from batch where _op <> 'd'"}, ""},
	} {
		o, err := s.open(t.Context(), c.config)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		got := ""
		for _, f := range o.Check(t.Context(), columns) {
			if !f.OK {
				got = f.Code
				if f.Help == "" {
					t.Errorf("%+v: no remedy", f)
				}
			}
		}
		if got != c.want {
			t.Errorf("check of %+v: got %q, want %q", c.config, got, c.want)
		}
		if _, err := o.Columns(t.Context(), columns); (err != nil) != (c.want != "") {
			t.Errorf("needs of %+v: %v", c.config, err)
		}
	}
}
