//go:build realservers

package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Tables that are more than rows and columns: rules, views, identity columns, partitions. A batch means the same to them
// whatever way it takes.

// faults lists the findings of check, as code and remedy.
func (s *store) faults(t *testing.T, c Config, columns []fencepost.ColumnSpec) (list []string) {
	t.Helper()
	k := s.worker(t, c)
	for _, f := range k.sink.Check(t.Context(), columns) {
		if !f.OK {
			list = append(list, f.Code+" | "+f.Text+" | "+f.Help)
		}
	}
	return list
}

// V21: rules run for each batch, whether or not the table has a unique key.
func TestV21RulesRunBesideAKeyOrNone(t *testing.T) {
	for name, column := range map[string]string{"no key": "id int", "unique": "id int unique"} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.exec(t, fmt.Sprintf(`create table v21 (%[1]s, a text); create table v21a (id int);
				create rule r as on insert to v21 do also insert into v21a values (new.id);
				create table v21b (%[1]s, a text); create table v21new (id int, a text);
				create rule r as on insert to v21b do instead insert into v21new values (new.id, new.a);
				create table v21c (%[1]s, a text);
				create table v21d (%[1]s, a text); create rule r as on insert to v21d where new.id = 2 do instead nothing;
				alter table v21d disable rule r`, column))
			w := s.worker(t, Config{Table: "flights"}).start(1)
			for _, table := range []string{"v21", "v21b", "v21c", "v21d"} {
				k := s.goesOn(t, w, Config{Table: table})
				k.must(k.table(k.ids("x", 1, 2)...))
			}
			c := s.goesOn(t, w, Config{Table: "v21c"})
			c.must(c.table(c.ids("x", 3)...))
			s.exec(t, "create rule r as on insert to v21c do also insert into v21a values (10 * new.id)") // under the worker
			c.must(c.table(c.ids("x", 4)...))
			s.exec(t, "alter table v21d enable rule r")
			d := s.goesOn(t, w, Config{Table: "v21d"})
			d.must(d.table(d.ids("x", 2, 3)...)) // the rule drops 2
			for table, want := range map[string]string{"v21": "(1) (2)", "v21a": "(1) (2) (40)", "v21b": "", "v21new": "(1) (2)", "v21c": "(1) (2) (3) (4)", "v21d": "(1) (2) (3)"} {
				if name == "unique" && table == "v21d" {
					continue // 2 was there
				}
				if got := s.text(t, "(select id from "+table+")", "id"); got != want {
					t.Errorf("%s: got %s, want %s", table, got, want)
				}
			}
		})
	}
}

// V21: Postgres has no upsert into a table with rules; check reports that, and its remedy works.
func TestV21KeyBesideRules(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table v21 (id int primary key, a text); create table "V21a" (id int); create rule r as on insert to v21 do also insert into "V21a" values (new.id);
		create rule "U x" as on update to v21 do also nothing`)
	c := Config{Table: "v21", Key: []string{"id"}}
	got := s.faults(t, c, idColumns)
	want := `key-not-unique | table v21 has rules on INSERT or UPDATE (U x, r), beside which Postgres takes no upsert | DROP RULE "U x" ON v21; DROP RULE r ON v21;   or leave key out to append`
	if len(got) != 1 || got[0] != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	help, _, _ := strings.Cut(strings.Split(got[0], " | ")[2], "   ")
	s.exec(t, help)
	if got := s.faults(t, c, idColumns); len(got) > 0 {
		t.Errorf("after the remedy: %s", got)
	}
	w := s.worker(t, c).start(1)
	w.must(w.table(w.ids("x", 1, 1)...))
}

// V22: a view that Postgres can write through takes an upsert by the key of its table.
func TestV22UpdatableViews(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table base (id bigint primary key, a text, n int default 7);
		create view plain as select id, a from base; create view renamed as select a, id as k from base where id < 100 with check option;
		create view upon as select * from plain; create table parts (id int primary key, a text) partition by range (id); create table part partition of parts default;
		create view parted as select * from parts`)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for _, view := range []string{"plain", "upon", "parted", "renamed"} {
		key, columns := "id", idColumns
		if view == "renamed" {
			key, columns = "k", []fencepost.ColumnSpec{{Name: "k", Type: fencepost.Int}, {Name: "a", Type: fencepost.Text}}
		}
		c := Config{Table: view, Key: []string{key}}
		if got := s.faults(t, c, columns); len(got) > 0 {
			t.Errorf("%s: check finds %s", view, got)
		}
		k := s.goesOn(t, w, c)
		rows := func(numbers ...any) sink.Commit {
			list := k.ids(fmt.Sprint(view, numbers), numbers...)
			list[0].Name = key
			return k.table(list...)
		}
		k.must(rows(1, 2, 2))
		k.must(rows(2, 3))
		if view == "renamed" {
			if err := k.commit(t.Context(), rows(100)); !errors.As(err, new(*sink.Rejected)) {
				t.Errorf("a row that the view does not show: got %v, want a *Rejected", err)
			}
		}
		if got, want := s.text(t, "(select "+key+", a from "+view+")", key), fmt.Sprintf(`(1,"%[1]s[1 2 2]") (2,"%[1]s[2 3]") (3,"%[1]s[2 3]")`, view); got != want {
			t.Errorf("%s: got %s, want %s", view, got, want)
		}
	}
	if got := s.text(t, "(select distinct n from base)", "n"); got != "(7)" {
		t.Errorf("the column that no view has: got %s, want its default", got)
	}
}

// V22: where it cannot be, check says what can be done instead.
func TestV22ViewsThatTakeNoBatch(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table base (id bigint, a text); create table keyed (id bigint primary key, b text);
		create view loose as select * from base; create view joined as select id, a from base join keyed using (id);
		create view grouped as select id, max(a) as a from base group by id; create view computed as select id, upper(a) as a from base;
		create materialized view kept as select * from base; create sequence counter;
		create view guided as select id, b as a from keyed join base using (id);
		create function f() returns trigger language plpgsql as $$ begin insert into base values (new.id, new.a); return new; end $$;
		create trigger t instead of insert on guided for each row execute function f()`)
	const behind = "name the table behind it in table; or write "
	for _, c := range []struct {
		table, key, want string
	}{
		{"loose", "id", "key-not-unique | view loose has no table behind it with a unique index on exactly (id) | " + behind + "the upsert as sql"},
		{"guided", "id", "key-not-unique | view guided has no table behind it with a unique index on exactly (id) | " + behind + "the upsert as sql"},
		{"joined", "", "table-not-writable | view joined takes no rows: the server can not tell which ones of its tables they are for | " + behind + "into its tables by sql"},
		{"grouped", "", "table-not-writable | view grouped takes no rows: the server can not tell which ones of its tables they are for | " + behind + "into its tables by sql"},
		{"computed", "", "column-type | column a of table computed is generated: it can not be written | drop it from schema"},
		{"kept", "", "table-not-writable | kept is a materialized view, which takes no rows | name a table"},
		{"kept", "id", "table-not-writable | kept is a materialized view, which takes no rows | name a table"},
		{"guided", "", ""},
		{"loose", "", ""},
	} {
		config := Config{Table: c.table}
		if c.key != "" {
			config.Key = []string{c.key}
		}
		if got := strings.Join(s.faults(t, config, idColumns), "\n"); got != c.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", c.table, c.key, got, c.want)
		}
	}
	if got := s.faults(t, Config{Table: "counter"}, idColumns); len(got) == 0 || !strings.HasPrefix(got[0], "table-not-writable | counter is a sequence") {
		t.Errorf("a sequence: got %s", got)
	}
	w := s.worker(t, Config{Table: "flights"}).start(1)
	k := s.goesOn(t, w, Config{Table: "guided"})
	k.must(k.table(k.ids("x", 1, 2)...))
	if got := s.text(t, "base", "id"); got != "(1,x) (2,x)" {
		t.Errorf("through the trigger: got %s", got)
	}
}

// V23: what a record says goes into a column that is generated always as identity, by every way.
func TestV23IdentityAlways(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table plain (id bigint generated always as identity, a text);
		create table single (id bigint generated always as identity unique, a text);
		create table keyed (id bigint generated always as identity primary key, a text);
		create view seen as select * from keyed;
		create table named (id bigint generated always as identity, a text primary key);
		create table other (n bigint generated always as identity, id int primary key, a text)`)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for _, c := range []Config{{Table: "plain"}, {Table: "single"}, {Table: "keyed", Key: []string{"id"}}, {Table: "seen", Key: []string{"id"}}, {Table: "other", Key: []string{"id"}}} {
		if got := s.faults(t, c, idColumns); len(got) > 0 {
			t.Errorf("%s: check finds %s", c.Table, got)
		}
		k := s.goesOn(t, w, c)
		k.must(k.table(k.ids("x", 7, 8)...))
		if got := s.text(t, "(select id, a from "+c.Table+")", "id"); got != "(7,x) (8,x)" {
			t.Errorf("%s: got %s", c.Table, got)
		}
	}
	// An upsert by another key would have to change it, which Postgres does not allow.
	c := Config{Table: "named", Key: []string{"a"}}
	want := "column-type | column id of table named is generated always as identity: an upsert by (a) can not change it | ALTER TABLE named ALTER COLUMN id SET GENERATED BY DEFAULT;   or drop it from schema"
	got := s.faults(t, c, idColumns)
	if len(got) != 1 || got[0] != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	help, _, _ := strings.Cut(strings.Split(got[0], " | ")[2], "   ")
	s.exec(t, help)
	k := s.goesOn(t, w, c)
	k.must(k.table(k.ids("x", 7)...))
	k.must(k.table(k.ids("x", 9)...))
	if got := s.text(t, "named", "id"); got != "(9,x)" {
		t.Errorf("after the remedy: got %s, want (9,x)", got)
	}
}

// V26: keys are those of the index that an upsert goes by, in its collation, so that the rows of a batch are one commit.
func TestV26NondeterministicCollation(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		create domain cased as text collate ci;
		create table "column" (name text collate ci primary key, v int); create view seen as select * from "column";
		create table "domain" (name cased primary key, v int);
		create table "index" (name text, v int); create unique index on "index" (name collate ci); create unique index on "index" (name, v);
		create table plain (name text primary key, v int); create unique index on plain (name collate ci, v)`)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	var names, numbers []any
	for i := range 2_000 {
		name := fmt.Sprintf("name%d", i%500)
		if i >= 1_000 {
			name = strings.ToUpper(name)
		}
		names, numbers = append(names, name), append(numbers, i)
	}
	for table, want := range map[string]string{"column": "500 1500 1999", "seen": "500 1500 1999", "domain": "500 1500 1999", "index": "500 1500 1999", "plain": "1000 500 1999"} {
		s.exec(t, `truncate "column"`)
		k := s.goesOn(t, w, Config{Table: table, Key: []string{"name"}})
		k.must(k.table(column("name", fencepost.Text, names...), column("v", fencepost.Int, numbers...)))
		got := one[string](t, s, "select concat_ws(' ', count(*), min(v), max(v)) from "+ident(table))
		if got != want {
			t.Errorf("%s: got %s, want %s", table, got, want)
		}
	}
}

// leaves makes a batch of four rows: n is left out, null, 1, and left out; a is left out in the second and the last.
func (w *worker) leaves() sink.Commit {
	id := column("id", fencepost.Int, 1, 2, 3, 4)
	n, a := fencepost.Column{Name: "n", Type: fencepost.Int, Default: true}, fencepost.Column{Name: "a", Type: fencepost.Text, Default: true}
	n.AppendAbsent()
	n.AppendNull()
	n.AppendInt(1)
	n.AppendAbsent()
	a.AppendText("x")
	a.AppendAbsent()
	a.AppendNull()
	a.AppendAbsent()
	return w.table(id, n, a)
}

// V25: a column that a record leaves out takes the default of the table; a null stays a null.
func TestV25TheTablesDefault(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create sequence counter; create table appended (id int, n bigint default 7, a text default 'it''s' || ' so', at timestamptz not null default now());
		create table keyed (id int primary key, n bigint default 7, a text default 'it''s so'); create table plain (id int, n int, a text);
		create table counted (id int, n bigint default nextval('counter'), a text default 'it''s so');
		create table identity (id int, n bigint generated always as identity, a text); create view seen as select * from plain`)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	const want = `(1,7,x) (2,,"it's so") (3,1,) (4,7,"it's so")`
	for table, want := range map[string]string{"appended": want, "keyed": want, "counted": strings.Replace(strings.Replace(want, "7", "1", 1), "7", "2", 1), "plain": "(1,,x) (2,,) (3,1,) (4,,)"} {
		c := Config{Table: table}
		if table == "keyed" {
			c.Key = []string{"id"}
		}
		k := s.goesOn(t, w, c)
		columns := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}, {Name: "n", Type: fencepost.Int, Default: true}, {Name: "a", Type: fencepost.Text, Default: true}}
		for _, line := range show(k.sink.Check(t.Context(), columns)) {
			if !strings.Contains(line, " | ok | ") || table == "plain" && strings.HasPrefix(line, "database") && !strings.Contains(line, "n has no default: null where it is missing") {
				t.Errorf("%s: %s", table, line)
			}
		}
		k.must(k.leaves())
		if got := s.text(t, "(select id, n, a from "+table+")", "id"); got != want {
			t.Errorf("%s: got %s, want %s", table, got, want)
		}
		if table == "keyed" { // the default changes under the worker, and goes
			s.exec(t, "alter table keyed alter n set default 8")
			k.must(k.leaves())
			s.exec(t, "alter table keyed alter a drop default")
			k.must(k.leaves())
			if got, want := s.text(t, "keyed", "id"), "(1,8,x) (2,,) (3,1,) (4,8,)"; got != want {
				t.Errorf("with other defaults: got %s, want %s", got, want)
			}
		}
	}
	key := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int, Default: true}}
	if got := s.faults(t, Config{Table: "keyed", Key: []string{"id"}}, key); len(got) != 1 || !strings.HasPrefix(got[0], "key-unknown | key column id may be left to the table's default") {
		t.Errorf("a key that is left out: check finds %s", got)
	}
	s.exec(t, "create table single (id int, n int default 7)") // one column that is left, which the planner knows as a constant
	k := s.goesOn(t, w, Config{Table: "single"})
	k.must(k.table(k.leaves().Columns[:2]...))
	if got, want := s.text(t, "single", "id"), "(1,7) (2,) (3,1) (4,7)"; got != want {
		t.Errorf("one column: got %s, want %s", got, want)
	}
	for _, table := range []string{"identity", "seen"} {
		columns := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}, {Name: "n", Type: fencepost.Int, Default: true}}
		if got := s.faults(t, Config{Table: table}, columns); len(got) != 1 || !strings.HasPrefix(got[0], "column-type | column n of table "+table+" can not be left to its default by some rows: ") {
			t.Errorf("%s: check finds %s", table, got)
		}
	}
}
