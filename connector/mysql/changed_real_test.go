//go:build realservers

package mysql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// V7: SQL that writes a table of the user's own named batch does not write the temporary one instead.
func TestV7TheUsersOwnTableIsNamedBatch(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{SQL: "insert into batch (id) select 1"}).start(1)
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

// S15: MySQL does not read a temporary table twice in one statement. SQL that does so is refused; tried again, it would be for ever.
func TestS15TheBatchTwiceInOneStatement(t *testing.T) {
	s := newStore(t)
	const sql = "insert into flights (n) select b.n from batch b join batch c on c.n = b.n"
	w := s.worker(t, Config{SQL: sql}).start(1)
	columns := []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Int}}
	var codes []string
	for _, f := range w.sink.Check(t.Context(), columns) {
		codes = append(codes, f.Subject+" "+f.Code)
	}
	if got, want := strings.Join(codes, ", "), s.either("database , ledger , trial sql-refused", "database , ledger , trial "); got != want {
		t.Errorf("check: got %s, want %s", got, want)
	}
	err := w.commit(t.Context(), w.table(column("n", fencepost.Int, 1)))
	if f := new(fencepost.UserError); s.mysql != (errors.As(err, &f) && f.Code == "sql-refused" && strings.Contains(err.Error(), "1137")) {
		t.Errorf("commit: got %v, want sql-refused on MySQL, and success elsewhere", err)
	}
}

// name is the database's.
func (s *store) name(t *testing.T) string { return one[string](t, s, "select database()") }

// V8: a column of the schema may have the name of a column that a temporary table has besides.
func TestV8ColumnsWithOneOfOurNames(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table v8 (Fencepost_Row bigint, fencepost_row_ bigint, id int primary key)")
	w := s.worker(t, Config{Table: "v8", Key: []string{"id"}}).start(1)
	w.sink.races.Store(crowdedAt) // so that rows go through the temporary table
	w.must(w.table(column("Fencepost_Row", fencepost.Int, 7, 5), column("fencepost_row_", fencepost.Int, 1, 2), column("id", fencepost.Int, 1, 1)))
	if got := one[string](t, s, "select concat_ws(',', fencepost_row, fencepost_row_, id) from v8"); got != "5,2,1" {
		t.Errorf("got %s, want 5,2,1, the last row", got)
	}
}

// V1: a column whose type changes under a worker takes the value of the record, or the partition parks with column-type.
func TestV1ColumnsThatChangeTheirType(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []struct {
		from fencepost.Type
		typ  string
		then string
		put  [2]any
		want string // empty: column-type
	}{
		{fencepost.Int, "bigint", "double", [2]any{100, 300}, "100 300"},
		{fencepost.Int, "bigint", "decimal(10,2)", [2]any{5, 6}, "5.00 6.00"},
		{fencepost.Int, "bigint", "varchar(9)", [2]any{5, 6}, ""},
		{fencepost.Int, "bigint", "datetime", [2]any{20240101, 20240102}, ""},
		{fencepost.Float, "double", "bigint", [2]any{1.0, 0.25}, ""},
		{fencepost.Decimal, "decimal(9,2)", "bigint", [2]any{"1", "2"}, "1 2"},
		{fencepost.Decimal, "decimal(9,2)", "decimal(9,4)", [2]any{"1", "1.2345"}, "1.0000 1.2345"},
		{fencepost.Timestamp, "datetime", "datetime(6)", [2]any{0, 1_654_321}, "1970-01-01 00:00:00.000000 1970-01-01 00:00:01.654321"},
		{fencepost.Timestamp, "datetime(6)", "varchar(99)", [2]any{0, 1_654_321}, ""},
		{fencepost.Text, "varchar(9)", "bigint", [2]any{"1", "2"}, ""},
		{fencepost.Text, "varchar(9) character set latin1", "varchar(9) character set utf8mb4", [2]any{"1", "2ü"}, "1 2ü"},
		{fencepost.Bool, "boolean", "bigint", [2]any{true, true}, ""},
	} {
		for form, deadlocks := range map[string]int32{"append": 0, "key": 0, "key in order": crowdedAt} {
			t.Run(fmt.Sprint(form, " ", c.typ, " to ", c.then), func(t *testing.T) {
				name := fmt.Sprint("v1_", i, strings.ReplaceAll(form, " ", "_"))
				s.exec(t, "create table "+name+" (v "+c.typ+", _offset bigint primary key)")
				config := Config{Table: name}
				if form != "append" {
					config.Key = []string{"_offset"}
				}
				k := s.worker(t, config)
				k.held = w.held
				k.sink.races.Store(deadlocks)
				k.must(k.table(column("v", c.from, c.put[0])))
				s.exec(t, "alter table "+name+" modify v "+c.then)
				err := k.commit(t.Context(), k.table(column("v", c.from, c.put[1])))
				rejected, fault := new(sink.Rejected), new(fencepost.UserError)
				if c.want == "" {
					if !errors.As(err, &rejected) || !errors.As(err, &fault) || fault.Code != "column-type" {
						t.Errorf("got %v, want a *Rejected with column-type", err)
					}
					if n := one[int](t, s, "select count(*) from "+name); n != 1 {
						t.Errorf("%d rows stand, want 1", n)
					}
					return
				}
				if got := one[string](t, s, "select group_concat(v order by _offset separator ' ') from "+name); err != nil || got != c.want {
					t.Errorf("got %v, %s; want %s", err, got, c.want)
				}
			})
		}
	}
}

// A key that is no longer unique, or a second one, would make an upsert append its rows again, or replace other rows.
func TestAKeyThatChangesUnderAWorker(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, ddl := range []string{"drop primary key", "add unique index (v)"} {
		name := fmt.Sprint("k", i)
		s.exec(t, "create table "+name+" (id int primary key, v int not null)")
		k := s.worker(t, Config{Table: name, Key: []string{"id"}})
		k.held = w.held
		k.must(k.table(column("id", fencepost.Int, 1), column("v", fencepost.Int, 7)))
		s.exec(t, "alter table "+name+" "+ddl)
		fault := new(fencepost.UserError)
		err := k.commit(t.Context(), k.table(column("id", fencepost.Int, 2), column("v", fencepost.Int, 7)))
		if !errors.As(err, &fault) || fault.Code != "key-not-unique" {
			t.Errorf("%s: got %v, want key-not-unique", ddl, err)
		}
		if got := one[string](t, s, "select group_concat(id, '=', v) from "+name); got != "1=7" {
			t.Errorf("%s: got %s, want 1=7", ddl, got)
		}
	}
}

// V4: what a parked partition names as the cause can be mended under the running worker; its next try is applied.
func TestV4TheRemedyNeedsNoRestart(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []struct {
		typ  string
		from fencepost.Type
		bad  any
		mend string
		want string
	}{
		{"varchar(3)", fencepost.Text, "abcdef", "text", "abcdef"},
		{"smallint", fencepost.Int, 70_000, "bigint", "70000"},
		{"decimal(4,2)", fencepost.Decimal, "12345.6", "decimal(12,2)", "12345.60"},
		{"double", fencepost.Int, 1<<53 + 1, "bigint", "9007199254740993"},
		{"date", fencepost.Int, 7, "bigint", "7"},
		{"enum('a')", fencepost.Text, "b", "enum('a','b')", "b"},
		{"int not null", fencepost.Int, nil, "int", "null"},
	} {
		for form, deadlocks := range map[string]int32{"append": 0, "key": 0, "key in order": crowdedAt} {
			t.Run(form+" "+c.typ, func(t *testing.T) {
				name := fmt.Sprint("v4_", i, strings.ReplaceAll(form, " ", "_"))
				s.exec(t, "create table "+name+" (a "+c.typ+", id int primary key)")
				config := Config{Table: name}
				if form != "append" {
					config.Key = []string{"id"}
				}
				k := s.worker(t, config)
				k.held = w.held
				k.sink.races.Store(deadlocks)
				b := k.table(column("id", fencepost.Int, 1), column("a", c.from, c.bad))
				rejected := new(sink.Rejected)
				for range 2 {
					if err := k.commit(t.Context(), b); !errors.As(err, &rejected) {
						t.Fatalf("got %v, want a *Rejected", err)
					}
				}
				s.exec(t, "alter table "+name+" modify a "+c.mend)
				if err := k.commit(t.Context(), b); err != nil {
					t.Fatalf("the next try: %v", err)
				}
				if got := one[string](t, s, "select coalesce(a, 'null') from "+name); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		}
	}
}
