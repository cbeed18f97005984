//go:build realservers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
)

// What a batch writes shares the fate of its moves, or nothing is written: through whatever the name that it writes to
// leads.

// idColumns are what the tests of this file write.
var idColumns = []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}, {Name: "a", Type: fencepost.Text}}

// ids makes a batch of rows with these numbers.
func (w *worker) ids(a string, numbers ...any) (columns []fencepost.Column) {
	texts := make([]any, len(numbers))
	for i := range numbers {
		texts[i] = a
	}
	return []fencepost.Column{column("id", fencepost.Int, numbers...), column("a", fencepost.Text, texts...)}
}

// isParted reports the refusal of a target that does not share the ledger's fate.
func isParted(err error, name string) bool {
	f := new(fencepost.UserError)
	return errors.As(err, &f) && f.Code == "table-not-transactional" && !f.Passing && strings.Contains(f.Error(), name)
}

// refusedBy lists which of check, the start of a run and a commit refuse a sink for a table of that name.
func (s *store) refusedBy(t *testing.T, w *worker, c Config, name string) (refused []string) {
	t.Helper()
	k := s.goesOn(t, w, c)
	for _, f := range k.sink.Check(t.Context(), idColumns) {
		if f.Code == "table-not-transactional" && strings.Contains(f.Text, name) {
			refused = append(refused, "check")
		} else if !f.OK {
			t.Errorf("check: %s %s", f.Code, f.Text)
		}
	}
	if _, err := k.sink.Columns(t.Context(), idColumns); isParted(err, name) {
		refused = append(refused, "start")
	} else if err != nil {
		t.Errorf("start: %v", err)
	}
	before := w.offset(0)
	if err := k.commit(t.Context(), k.table(k.ids("x", 1, 2)...)); isParted(err, name) {
		refused = append(refused, "commit")
	} else if err != nil {
		t.Errorf("commit: %v", err)
	}
	if at := w.offset(0); slices.Contains(refused, "commit") && at != before {
		t.Errorf("the ledger moved from %d to %d", before, at)
	}
	return refused
}

// reached is an unlogged table named lost, or a foreign one, and what may lead to it.
var reached = []struct {
	name, ddl string
	config    Config
	seen      string // by what the table is refused
}{
	{"table", "", Config{Table: "lost"}, "check start commit"},
	{"key", "@key", Config{Table: "lost", Key: []string{"id"}}, "check start commit"},
	{"sql", "", Config{SQL: "insert into lost select id, a from batch"}, "check start commit"},
	{"partition", "create table door (id int, a text) partition by list (a); alter table door attach partition lost for values in ('x')",
		Config{Table: "door"}, "check start commit"},
	{"a partition that no row is for", "create table door (id int, a text) partition by list (a); alter table door attach partition lost for values in ('y'); create table kept partition of door default",
		Config{SQL: "insert into door select id, a from batch"}, "check start commit"},
	{"a partition below a view", "create table under (id int, a text) partition by list (a); alter table under attach partition lost for values in ('y'); create table kept partition of under default; create view door as select * from under",
		Config{Table: "door"}, "check start commit"},
	{"view", "create view door as select * from lost", Config{Table: "door"}, "check start commit"},
	{"rule", "create table door (id int, a text); create rule r as on insert to door do also insert into lost values (new.id, new.a)",
		Config{Table: "door"}, "check start commit"},
	{"trigger", "create table door (id int, a text); create function f() returns trigger language plpgsql as $$ begin execute 'insert into lo' || 'st values (7)'; return new; end $$; create trigger t after insert on door for each row execute function f()",
		Config{Table: "door"}, "commit"},
	{"a trigger that waits for the end", "create table door (id int, a text); create function f() returns trigger language plpgsql as $$ begin insert into lost values (7); return new; end $$; create constraint trigger t after insert on door deferrable initially deferred for each row execute function f()",
		Config{Table: "door"}, "commit"},
	{"function", "create function f(int) returns int language sql as 'insert into lost values ($1) returning 1'",
		Config{SQL: "select f(id::int) from batch"}, "check start commit"},
	{"update", "insert into lost values (0, '')", Config{SQL: "update lost set a = a || (select string_agg(a, '') from batch)"}, "check start commit"},
	{"handler", "", Config{Handle: func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
		_, err := tx.Exec(ctx, "insert into lost values (1)")
		return err
	}}, "commit"},
}

// V18: rows in an unlogged table are gone after a crash, which the ledger's are not.
func TestV18UnloggedTable(t *testing.T) {
	for _, c := range reached {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			s.exec(t, "create unlogged table lost (id int, a text); "+strings.ReplaceAll(c.ddl, "@key", "alter table lost add primary key (id)"))
			w := s.worker(t, Config{Table: "flights"}).start(1)
			if got := strings.Join(s.refusedBy(t, w, c.config, "unlogged table lost"), " "); got != c.seen {
				t.Errorf("refused by %q, want %q", got, c.seen)
			}
			rows := one[int](t, s, "select count(*) from lost where id > 0")
			s.exec(t, "alter table lost set logged") // what the help says
			if refused := s.refusedBy(t, w, c.config, "lost"); rows > 0 || len(refused) > 0 {
				t.Errorf("%d rows stood; a logged table is refused by %q", rows, refused)
			}
		})
	}
}

// A table that becomes unlogged, or is reached only by some rows, is refused by the commit that writes it.
func TestV18UnloggedUnderAWorker(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table v18 (id int, a text); create table parts (id int, a text) partition by list (a);
		create table part partition of parts default; create unlogged table lost (id int, a text);
		create table seldom (id int, a text);
		create function f() returns trigger language plpgsql as $$ begin if new.a = 'y' then insert into lost values (new.id); end if; return new; end $$;
		create trigger t after insert on seldom for each row execute function f()`)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for _, c := range []struct{ table, ddl, a, name string }{
		{"v18", "alter table v18 set unlogged", "x", "v18"},
		{"parts", "create unlogged table part_y partition of parts for values in ('y')", "y", "part_y"},
		{"seldom", "", "y", "lost"},
	} {
		k := s.goesOn(t, w, Config{Table: c.table})
		k.must(k.table(k.ids("x", 1)...))
		s.exec(t, c.ddl)
		if err := k.commit(t.Context(), k.table(k.ids(c.a, 2)...)); !isParted(err, "unlogged table "+c.name) {
			t.Errorf("%s: got %v, want the refusal of %s", c.table, err, c.name)
		}
		if n := one[int](t, s, "select count(*) from "+c.table); n != 1 {
			t.Errorf("%s: %d rows stand, want 1", c.table, n)
		}
	}
}

// What a batch only reads, or keeps for itself, may be of any kind.
func TestV18ReadingIsNoWriting(t *testing.T) {
	s := newStore(t)
	unlogged := "unlogged"
	if one[int](t, s, "select current_setting('server_version_num')::int") >= 180_000 {
		unlogged = "" // 18 refuses what meant nothing
	}
	s.exec(t, `create table v18 (id int, a text); create unlogged table names (id int, a text); insert into names values (1, 'one');
		create `+unlogged+` table parts (id int, a text) partition by list (a); create table part partition of parts default;
		create view named as select * from v18 where id in (select id from names)`)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []Config{
		{SQL: "insert into v18 select id, names.a from batch join names using (id)"},
		{SQL: "create temporary table work on commit drop as select * from batch; insert into work select * from batch; insert into v18 select id, a from work"},
		{Table: "parts"},
		{Table: "named"},
	} {
		if refused := s.refusedBy(t, w, c, ""); len(refused) > 0 {
			t.Errorf("%d: refused by %q", i, refused)
		}
	}
}

// foreignTable makes a server of the database itself, and a foreign table named lost of its table there.
func (s *store) foreignTable(t *testing.T) {
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	s.exec(t, fmt.Sprintf(`create extension postgres_fdw; create table there (id int, a text);
		create server elsewhere foreign data wrapper postgres_fdw options (host '%s', port '%s', dbname '%s');
		create user mapping for current_user server elsewhere options (user '%s');
		create foreign table lost (id int, a text) server elsewhere options (table_name 'there')`,
		u.Hostname(), u.Port(), strings.TrimPrefix(u.Path, "/"), u.User.Username()))
}

// V19: a foreign table commits on its own server, which may do so where this one does not.
func TestV19ForeignTable(t *testing.T) {
	for _, c := range reached {
		if strings.Contains(c.ddl, "@key") {
			continue // it takes no key
		}
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			s.foreignTable(t)
			s.exec(t, c.ddl)
			w := s.worker(t, Config{Table: "flights"}).start(1)
			if got := strings.Join(s.refusedBy(t, w, c.config, "foreign table lost"), " "); got != c.seen {
				t.Errorf("refused by %q, want %q", got, c.seen)
			}
			if rows := one[int](t, s, "select count(*) from there where id > 0"); rows > 0 {
				t.Errorf("%d rows stand", rows)
			}
		})
	}
}

// The remedy of a foreign table: with the ledger elsewhere the promise is at least once, and a foreign table keeps that.
func TestV19ForeignTableWithALedgerApart(t *testing.T) {
	s := newStore(t)
	s.foreignTable(t)
	for _, c := range []Config{{Table: "lost", NoLedger: true}, {SQL: "insert into lost select id, a from batch", NoLedger: true}} {
		if c.Table != "" {
			keyed := Config{Table: "lost", Key: []string{"id"}, NoLedger: true}
			if got := s.faults(t, keyed, idColumns); len(got) != 1 || got[0] != "key-not-unique | foreign table lost takes no upsert by a key | leave key out to append" {
				t.Errorf("by key: check finds %s", got)
			}
		}
		w := s.worker(t, c)
		for _, f := range w.sink.Check(t.Context(), idColumns) {
			if !f.OK {
				t.Errorf("check: %s %s", f.Code, f.Text)
			}
		}
		if err := w.lane.(*lane).Apply(t.Context(), w.table(w.ids("x", 1)...).Batch); err != nil {
			t.Error(err)
		}
	}
	if rows := one[int](t, s, "select count(*) from there"); rows != 2 {
		t.Errorf("%d rows, want 2", rows)
	}
}

// Statements that dblink sends run in a transaction of their own.
func TestV18Dblink(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create extension dblink; create table v18 (id int, a text);
		create function send(int) returns text language plpgsql as $$ begin return dblink_exec('dbname=postgres', 'select 1'); end $$;
		create function f() returns trigger language plpgsql as $$ begin perform send(new.id); return new; end $$;
		create trigger t after insert on v18 for each row execute function f()`)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for _, c := range []Config{
		{SQL: "select dblink_exec('dbname=postgres', 'select 1') from batch"},
		{SQL: "select send(id::int) from batch"},
		{SQL: "insert into v18 select id, a from batch"},
		{Table: "v18"},
	} {
		if got := strings.Join(s.refusedBy(t, w, c, "dblink"), " "); got != "check start commit" {
			t.Errorf("%+v: refused by %q, want all", c, got)
		}
	}
	if w.offset(0) != 0 {
		t.Error("the ledger moved")
	}
	s.exec(t, "drop trigger t on v18")
	if refused := s.refusedBy(t, w, Config{Table: "v18"}, ""); len(refused) > 0 {
		t.Errorf("refused by %q", refused)
	}
}

// A ledger that is emptied by a crash is none.
func TestV18UnloggedLedger(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for _, table := range []string{"fencepost_ledger", "fencepost_groups", "fencepost_moves"} {
		s.exec(t, "alter table "+table+" set unlogged")
		if f := w.sink.checkLedgerAlone(t); f.OK || f.Code != "table-not-transactional" || f.Help != "ALTER TABLE public."+table+" SET LOGGED;" {
			t.Errorf("check: got %+v", f)
		}
		next := s.worker(t, Config{Table: "flights"})
		if _, err := next.sink.Ledger().Read(t.Context(), "g"); !isParted(err, table) {
			t.Errorf("read: got %v", err)
		}
		s.exec(t, "alter table "+table+" set logged")
	}
}
