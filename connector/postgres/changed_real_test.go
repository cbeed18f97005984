//go:build realservers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// What another session changes between two commits of a worker. A value arrives as the record says, or its partition
// parks with place and reason.

// text reads a whole table as one text.
func (s *store) text(t *testing.T, table, order string) string {
	return one[string](t, s, fmt.Sprintf("select coalesce(string_agg(t::text, ' ' order by %s), '') from %s t", order, table))
}

// goesOn opens another worker of the same partition for another table.
func (s *store) goesOn(t *testing.T, w *worker, c Config) *worker {
	next := s.worker(t, c)
	next.held = w.held
	return next
}

const day = 86_400_000_000

// V1: a column whose type changes under a worker takes the value of the record, or the partition parks with column-type.
func TestV1ColumnsThatChangeTheirType(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []struct {
		from fencepost.Type
		typ  string
		then string // what follows "alter table T alter v type"
		put  [2]any
		want string // empty: column-type
	}{
		{fencepost.Int, "bigint", "double precision", [2]any{100, 300}, "(100) (300)"},
		{fencepost.Int, "bigint", "numeric", [2]any{5, 6}, "(5) (6)"},
		{fencepost.Int, "int", "real", [2]any{5, 6}, ""},
		{fencepost.Int, "bigint", "int", [2]any{5, 6}, "(5) (6)"},
		{fencepost.Int, "bigint", "text", [2]any{5, 6}, ""},
		{fencepost.Float, "double precision", "bigint", [2]any{0.5, 0.25}, ""},
		{fencepost.Float, "double precision", "real", [2]any{0.5, 0.25}, "(0.25) (0.5)"},
		{fencepost.Timestamp, "timestamptz", "bigint using extract(epoch from v)::bigint", [2]any{day, 2 * day}, ""},
		{fencepost.Timestamp, "timestamp", "date", [2]any{day, 2 * day}, "(1970-01-02) (1970-01-03)"},
		{fencepost.Text, "text", `uuid using '00000000-0000-0000-0000-000000000001'::uuid`, [2]any{"a", "00000000-0000-0000-0000-000000000002"},
			"(00000000-0000-0000-0000-000000000001) (00000000-0000-0000-0000-000000000002)"},
		{fencepost.Text, "text", `bytea using v::bytea`, [2]any{"a", "b"}, ""},
		{fencepost.JSON, "jsonb", "text", [2]any{"1", "2"}, "(1) (2)"},
	} {
		for form, table := range map[string]string{"append": "(v %s)", "staged": "(v %s, n serial unique)", "key": "(v %s, _offset bigint primary key)"} {
			t.Run(fmt.Sprint(form, " ", c.typ, " to ", c.then), func(t *testing.T) {
				name := fmt.Sprint("v1_", form, i)
				s.exec(t, "create table "+name+" "+fmt.Sprintf(table, c.typ))
				config := Config{Table: name}
				if form == "key" {
					config.Key = []string{"_offset"}
				}
				k := s.goesOn(t, w, config)
				k.must(k.table(column("v", c.from, c.put[0])))
				s.exec(t, "alter table "+name+" alter v type "+c.then)
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
				if got := s.text(t, "(select v from "+name+")", "v"); err != nil || got != c.want {
					t.Errorf("got %v, %s; want %s", err, got, c.want)
				}
			})
		}
	}
}

// What decides how rows are written may change too: an index without which a key is none, one that locks while rows travel,
// or a policy that COPY does not know.
func TestATableThatIsWrittenInAnotherWay(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	w.must(w.batch(0, 1))
	for _, ddl := range []string{"create unique index on flights (_offset)", "alter table flights enable row level security"} {
		s.exec(t, ddl)
		w.must(w.batch(0, 1))
		if p := w.lane.(*lane).plan; p.create == "" {
			t.Errorf("%s: rows still go straight into the table", ddl)
		}
	}
	s.exec(t, "create table keyed (id int, v int); create unique index keyed_id on keyed (id)")
	k := s.goesOn(t, w, Config{Table: "keyed", Key: []string{"id"}})
	b := k.table(column("id", fencepost.Int, 1), column("v", fencepost.Int, 7))
	k.must(b)
	s.exec(t, "drop index keyed_id")
	b = k.table(column("id", fencepost.Int, 1), column("v", fencepost.Int, 8))
	fault := new(fencepost.UserError)
	if err := k.commit(t.Context(), b); !errors.As(err, &fault) || fault.Code != "key-not-unique" {
		t.Errorf("got %v, want key-not-unique", err)
	}
	s.exec(t, "create unique index on keyed (id)")
	k.must(b)
	if got := s.text(t, "keyed", "id"); got != "(1,8)" {
		t.Errorf("got %s, want (1,8)", got)
	}
}

// V2: a table that another one replaces by rename takes the next batch in its own types. Columns that swap names take what
// is theirs by name, or the partition parks.
func TestV2TablesAndColumnsThatAreRenamed(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table v2 (id bigint, v bigint); create table v2_new (id bigint, v float8); create table v2x (id int, a bigint, b float8)`)
	w := s.worker(t, Config{Table: "v2"}).start(1)
	w.must(w.table(column("id", fencepost.Int, 1), column("v", fencepost.Int, 5)))
	s.exec(t, "alter table v2 rename to v2_old; alter table v2_new rename to v2")
	w.must(w.table(column("id", fencepost.Int, 2), column("v", fencepost.Int, 6)))
	if got := s.text(t, "v2_old", "id") + s.text(t, "v2", "id"); got != "(1,5)(2,6)" {
		t.Errorf("got %s, want (1,5) in the old table and (2,6) in the new one", got)
	}
	x := s.goesOn(t, w, Config{Table: "v2x"})
	x.must(x.table(column("id", fencepost.Int, 1), column("a", fencepost.Int, 5), column("b", fencepost.Float, 0.5)))
	s.exec(t, "alter table v2x rename a to t; alter table v2x rename b to a; alter table v2x rename t to b")
	err := x.commit(t.Context(), x.table(column("id", fencepost.Int, 2), column("a", fencepost.Int, 5), column("b", fencepost.Float, 0.5)))
	if r := new(sink.Rejected); !errors.As(err, &r) || !strings.Contains(r.Reason, "column b is float, and bigint") {
		t.Errorf("got %v, want column-type: b is a bigint now", err)
	}
	s.exec(t, "alter table v2x alter b type numeric")
	x.must(x.table(column("id", fencepost.Int, 2), column("a", fencepost.Int, 5), column("b", fencepost.Float, 0.5)))
	if got := s.text(t, "(select id, a, b from v2x)", "id"); got != "(1,0.5,5) (2,5,0.5)" {
		t.Errorf("got %s, want 5 and 0.5 of row 2 in the columns of those names", got)
	}
}

// V3: rows on their way into a table by key are not rounded, cut or padded to types that its columns had before.
func TestV3StagingFollowsTheTable(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table v3 (id int primary key, a numeric(6,2), f real, ts timestamp(0), c char(3))`)
	w := s.worker(t, Config{Table: "v3", Key: []string{"id"}}).start(1)
	row := func(id int) sink.Commit {
		return w.table(column("id", fencepost.Int, id), column("a", fencepost.Decimal, "1.234567"), column("f", fencepost.Float, 0.1),
			column("ts", fencepost.Timestamp, 654321), column("c", fencepost.Text, "x"))
	}
	w.must(row(1))
	s.exec(t, "alter table v3 alter a type numeric(12,6), alter f type float8, alter ts type timestamp(6), alter c type text")
	w.must(row(2))
	want := `(2,1.234567,0.1,"1970-01-01 00:00:00.654321",x)`
	if got := s.text(t, "(select * from v3 where id = 2)", "id"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// V4: what a parked partition names as the cause can be mended under the running worker; its next try is applied.
func TestV4TheRemedyNeedsNoRestart(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create type mood as enum ('glad', 'sad')")
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []struct {
		typ  string
		from fencepost.Type
		bad  any
		code string
		mend string
		want string
	}{
		{"varchar(3)", fencepost.Text, "abcdef", "22001", "alter a type text", "abcdef"},
		{"char(3)", fencepost.Text, "abcdef", "22001", "alter a type char(6)", "abcdef"},
		{"smallint", fencepost.Int, 70_000, "22003", "alter a type bigint", "70000"},
		{"numeric(4,2)", fencepost.Decimal, "12345.6", "22003", "alter a type numeric(12,2)", "12345.60"},
		{"real", fencepost.Float, 1e39, "22003", "alter a type float8", "1e+39"},
		{"double precision", fencepost.Int, 1<<53 + 1, "22003", "alter a type numeric", "9007199254740993"},
		{"mood", fencepost.Text, "calm", "22P02", "alter a type text", "calm"},
		{"uuid", fencepost.Text, "no uuid", "22P02", "alter a type text", "no uuid"},
		{"date", fencepost.Int, 7, "", "alter a type bigint using 1", "7"},
		{"int not null", fencepost.Int, nil, "23502", "alter a drop not null", "null"},
		{"int check (a < 5)", fencepost.Int, 5, "23514", "drop constraint @_a_check", "5"},
	} {
		for form, table := range map[string]string{"append": "(id int, a %s)", "staged": "(id int unique, a %s)", "key": "(id int primary key, a %s)"} {
			t.Run(form+" "+c.typ, func(t *testing.T) {
				name := fmt.Sprint("v4_", form, i)
				s.exec(t, "create table "+name+" "+fmt.Sprintf(table, c.typ))
				config := Config{Table: name}
				if form == "key" {
					config.Key = []string{"id"}
				}
				k := s.goesOn(t, w, config)
				b := k.table(column("id", fencepost.Int, 1), column("a", c.from, c.bad))
				rejected := new(sink.Rejected)
				for range 2 {
					if err := k.commit(t.Context(), b); !errors.As(err, &rejected) || rejected.Code != c.code {
						t.Fatalf("got %v, want a *Rejected %s", err, c.code)
					}
				}
				s.exec(t, "alter table "+name+" "+strings.ReplaceAll(c.mend, "@", name))
				if err := k.commit(t.Context(), b); err != nil {
					t.Fatalf("the next try: %v", err)
				}
				if got := one[string](t, s, "select coalesce(a::text, 'null') from "+name); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		}
	}
}

// V5: an idle worker keeps no migration from going through.
func TestV5AnIdleWorkerBlocksNoMigration(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create extension citext; create type v5m as enum ('a', 'b'); create domain v5d as int check (value > 0);
	create table v5 (id bigint primary key, v v5m, d v5d, c citext)`)
	w := s.worker(t, Config{Table: "v5", Key: []string{"id"}}).start(1)
	row := func(id int, v string) sink.Commit {
		return w.table(column("id", fencepost.Int, id), column("v", fencepost.Text, v), column("d", fencepost.Int, id), column("c", fencepost.Text, v))
	}
	w.must(row(1, "a"))
	s.exec(t, `alter type v5m rename to v5o; create type v5m as enum ('a', 'b', 'c'); alter table v5 alter v type v5m using v::text::v5m; drop type v5o;
	alter table v5 alter d type int, alter c type text; drop domain v5d; drop extension citext`)
	w.must(row(2, "c"))
	if got := s.text(t, "v5", "id"); got != "(1,a,1,a) (2,c,2,c)" {
		t.Errorf("got %s, want (1,a,1,a) (2,c,2,c)", got)
	}
}

// S1: two pipelines whose commits take turns on one server connection, as behind a pooler in transaction mode, do not
// meet in what they leave there.
func TestS1TwoPipelinesOnOneServerConnection(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table s1a (id bigint primary key, v bigint); create table s1b (id bigint primary key, v double precision); create table s1c (v text)")
	a := s.worker(t, Config{Table: "s1a", Key: []string{"id"}}).start(1)
	b := s.worker(t, Config{Table: "s1b", Key: []string{"id"}})
	q := s.worker(t, Config{SQL: "insert into s1c select id || ':' || v from batch"})
	for i, w := range []*worker{b, q} {
		w.as.Group = fencepost.Group(fmt.Sprint("s1", i))
		w.start(1)
		*w.lane.(*lane).session = *a.lane.(*lane).session
	}
	for i := range 3 {
		for _, w := range []*worker{a, b, q} {
			w.must(w.table(column("id", fencepost.Int, i), column("v", fencepost.Int, 100*i)))
		}
	}
	got := s.text(t, "s1a", "id") + " | " + s.text(t, "s1b", "id") + " | " + s.text(t, "s1c", "v")
	if want := "(0,0) (1,100) (2,200) | (0,0) (1,100) (2,200) | (0:0) (1:100) (2:200)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// refusesNamesake wants the finding and the error of a commit that name the user's own table.
func refusesNamesake(t *testing.T, w *worker, b sink.Commit, table string) {
	t.Helper()
	columns := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}, {Name: "a", Type: fencepost.Text}}
	found := strings.Join(show(w.sink.Check(t.Context(), columns)), "\n")
	if !strings.Contains(found, " | sql-refused sql | the SQL's batch can mean table "+table) {
		t.Errorf("check says\n%s\nwant a finding that names %s", found, table)
	}
	fault := new(fencepost.UserError)
	if err := w.commit(t.Context(), b); !errors.As(err, &fault) || fault.Code != "sql-refused" || !strings.Contains(err.Error(), table) {
		t.Errorf("got %v, want sql-refused that names %s", err, table)
	}
	if got := w.offset(0); got != w.held[at(0)].Offset {
		t.Errorf("the ledger moved to %d", got)
	}
}

// V6: a search path in which another table named batch comes before temporary tables does not feed that one to the SQL.
func TestV6AnotherBatchFirstInTheSearchPath(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table batch (id bigint, a text); insert into batch values (777, 'permanent'); create table v6 (id bigint, a text)")
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", "public,pg_temp")
	u.RawQuery = q.Encode()
	w := s.worker(t, Config{DSN: u.String(), SQL: "insert into v6 select id, a from batch"}).start(1)
	b := w.table(column("id", fencepost.Int, 1, 2), column("a", fencepost.Text, "x", "y"))
	refusesNamesake(t, w, b, "public.batch")
	if got := s.text(t, "v6", "id"); got != "" {
		t.Errorf("v6 holds %s", got)
	}
	s.exec(t, "drop table batch")
	w.must(b)
	if got := s.text(t, "v6", "id"); got != "(1,x) (2,y)" {
		t.Errorf("v6 holds %s, want (1,x) (2,y)", got)
	}
	s.exec(t, "create table batch (id bigint, a text)")
	refusesNamesake(t, w, w.table(column("id", fencepost.Int, 3), column("a", fencepost.Text, "z")), "public.batch")
	s.exec(t, "drop table batch; create schema other; create table other.batch (id bigint, a text)")
	elsewhere := s.goesOn(t, w, Config{SQL: "set local search_path = other, pg_temp; insert into public.v6 select id, a from batch"})
	refusesNamesake(t, elsewhere, elsewhere.table(column("id", fencepost.Int, 3), column("a", fencepost.Text, "z")), "other.batch")
}

// V7: SQL that writes a table of the user's own named batch does not write the temporary one instead.
func TestV7TheUsersOwnTableIsNamedBatch(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create schema elsewhere; create table elsewhere.batch (id bigint); create index batch on flights (n)")
	w := s.worker(t, Config{SQL: "insert into elsewhere.batch (id) select id from batch"}).start(1)
	w.must(w.table(column("id", fencepost.Int, 1), column("a", fencepost.Text, "x")))
	if got := s.text(t, "elsewhere.batch", "id"); got != "(1)" {
		t.Errorf("got %s, want (1): a table outside of the search path is no other meaning", got)
	}
	for _, ddl := range []string{"drop index batch; create table batch (id bigint)", "drop table batch; create view batch as select n as id from flights"} {
		s.exec(t, ddl)
		w := s.goesOn(t, w, Config{SQL: "insert into batch (id) select id from batch"})
		refusesNamesake(t, w, w.table(column("id", fencepost.Int, 2), column("a", fencepost.Text, "x")), "public.batch")
	}
}

// V8: a column of the schema may have the name of a column that a temporary table has besides.
func TestV8ColumnsWithOneOfOurNames(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table v8 (fencepost_row bigint, fencepost_row_ bigint, id int primary key)`)
	w := s.worker(t, Config{Table: "v8", Key: []string{"id"}}).start(1)
	w.must(w.table(column("fencepost_row", fencepost.Int, 7, 5), column("fencepost_row_", fencepost.Int, 1, 2), column("id", fencepost.Int, 1, 1)))
	if got := s.text(t, "v8", "id"); got != "(5,2,1)" {
		t.Errorf("got %s, want (5,2,1), the last row", got)
	}
}

// S12: a statement that a handler has prepared before its table changed was not executed: the batch is tried again, on a
// connection that has prepared nothing. S3: so is one that meets, behind a pooler, what another client has prepared.
func TestS12PreparedStatementsOfAnEarlierTable(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *store, *lane){
		"ALTER TABLE": func(t *testing.T, s *store, _ *lane) { s.exec(t, "alter table rates add column since date") },
		"another client's deallocate": func(t *testing.T, s *store, l *lane) {
			if _, err := l.session.exec(t.Context(), "deallocate all"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.exec(t, "create table rates (k int, v int); insert into rates values (1, 10)")
			w := s.worker(t, Config{Handle: func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
				rows, err := tx.Query(ctx, "select * from rates where k = $1", 1)
				if err != nil {
					return err
				}
				if rows.Close(); rows.Err() != nil {
					return fmt.Errorf("read the rate: %w", rows.Err())
				}
				_, err = tx.Exec(ctx, "insert into flights (n) values ($1)", b.Rows())
				return err
			}}).start(1)
			w.must(w.batch(0, 1))
			spoil(t, s, w.lane.(*lane))
			b := w.batch(0, 2)
			fault, rejected := new(fencepost.UserError), new(sink.Rejected)
			err := w.commit(t.Context(), b)
			if err == nil || errors.As(err, &fault) || errors.As(err, &rejected) || errors.Is(err, ledger.ErrUnknown) {
				t.Errorf("got %v, want an error after which the batch is tried again", err)
			}
			w.must(b)
			if got := s.text(t, "(select n from flights)", "n"); got != "(1) (2)" {
				t.Errorf("got %s, want (1) (2)", got)
			}
		})
	}
}
