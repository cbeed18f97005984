//go:build realservers

package mysql

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

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
	k := s.worker(t, c)
	k.held = w.held
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

// V20: a table without transactions keeps what was written to it, whether or not the batch commits.
func TestV20NotTransactional(t *testing.T) {
	engines := []string{"MyISAM", "MEMORY"}
	if !newStore(t).mysql {
		engines = append(engines, "Aria")
	}
	const trigger = "create table door (id int, a text) engine=InnoDB; create trigger door_in after insert on door for each row "
	for _, c := range []struct {
		name, ddl string
		config    Config
		seen      string // by what the table is refused
		about     string // what the refusal names
		stands    int    // how many rows of it
	}{
		{"table", "", Config{Table: "lost"}, "check start commit", "lost", 0},
		{"key", "alter table lost add unique (id)", Config{Table: "lost", Key: []string{"id"}}, "check start commit", "lost", 0},
		{"sql", "", Config{SQL: "/* lost */ insert ignore into `lost` select id, a from batch"}, "check start commit", "lost", 0},
		{"replace", "", Config{SQL: "replace lost select id, a from batch"}, "check start commit", "lost", 0},
		{"update", "insert into lost values (0, '')", Config{SQL: "update lost set id = 0, a = concat(a, (select group_concat(a) from batch))"}, "check start commit", "lost", 0},
		{"delete", "", Config{SQL: "delete from lost where id in (select id from batch)"}, "check start commit", "lost", 0},
		{"with", "", Config{SQL: "insert into lost with b as (select * from batch) select id, a from b"}, "check start commit", "lost", 0},
		{"a second one", "create table kept (id int) engine=InnoDB", Config{SQL: "insert into kept select id from batch; insert into lost select id, a from batch"}, "check start commit", "lost", 0},
		{"view", "create view door as select * from lost", Config{SQL: "insert into door select id, a from batch"}, "check start commit", "lost", 0},
		{"table of a view", "create view door as select * from lost", Config{Table: "door"}, "check start commit", "lost", 0},
		{"trigger", trigger + "begin if new.id > 0 then insert into lost values (new.id, new.a); end if; end", Config{Table: "door"}, "check start commit", "lost", 0},
		{"trigger behind sql", trigger + "insert into lost values (new.id, new.a)", Config{SQL: "insert into door select id, a from batch"}, "check start commit", "lost", 0},
		{"function", "create function f(n int) returns int deterministic begin insert into lost values (n, ''); return n; end", Config{SQL: "select max(f(id)) into @f from batch"}, "check start commit", "lost", 0},
		{"procedure", "create procedure f() begin insert into lost select id, a from batch; end", Config{SQL: "call f()"}, "check start commit", "lost", 0},
		{"prepared", "", Config{SQL: "set @s = concat('insert into lo', 'st select id, a from batch'); prepare s from @s; execute s; deallocate prepare s"}, "commit", "stands", 2},
		{"procedure that prepares", "create procedure f() begin set @s = concat('insert into lo', 'st select id, a from batch'); prepare s from @s; execute s; deallocate prepare s; end",
			Config{SQL: "call f()"}, "commit", "stands", 2},
		{"handler", "", Config{Handle: func(ctx context.Context, tx *sql.Tx, b *fencepost.Batch) error {
			_, err := tx.ExecContext(ctx, "insert into lost values (1, '')")
			return err
		}}, "commit", "stands", 1},
	} {
		for _, engine := range engines {
			t.Run(c.name+" "+engine, func(t *testing.T) {
				s := newStore(t)
				s.exec(t, "create table lost (id int, a varchar(20)) engine="+engine)
				for _, ddl := range strings.SplitAfter(c.ddl, "engine=InnoDB; ") {
					if ddl != "" {
						s.exec(t, ddl)
					}
				}
				w := s.worker(t, Config{Table: "flights"}).start(1)
				seen := c.seen
				if engine == "Aria" && c.stands > 0 && c.config.Handle == nil {
					seen = "check start commit" // it takes no savepoint, whether or not there were rows
				}
				if got := strings.Join(s.refusedBy(t, w, c.config, c.about), " "); got != seen {
					t.Errorf("refused by %q, want %q", got, seen)
				}
				if n := one[int](t, s, "select count(*) from lost where id > 0"); n != c.stands {
					t.Errorf("%d rows stand, want %d", n, c.stands)
				}
				s.exec(t, "alter table lost engine=InnoDB") // what the help says
				if refused := s.refusedBy(t, w, c.config, ""); len(refused) > 0 {
					t.Errorf("a table with transactions is refused by %q", refused)
				}
			})
		}
	}
}

// What a batch only reads, or keeps for itself, may be of any engine.
func TestV20ReadingIsNoWriting(t *testing.T) {
	s := newStore(t)
	for _, ddl := range []string{"create table v20 (id int, a varchar(20)) engine=InnoDB", "create table names (id int, a varchar(20)) engine=MyISAM", "insert into names values (1, 'one')",
		"create view plain as select id, a from v20",
		"create procedure f() begin create temporary table work_p (id int) engine=MyISAM; insert into work_p select id from batch; insert into v20 select id, '' from work_p; drop temporary table work_p; end"} {
		s.exec(t, ddl)
	}
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []Config{
		{SQL: "insert into v20 select id, names.a from batch join names using (id)"},
		{SQL: "insert into v20 select id, replace(a, 'x', 'y') from batch on duplicate key update a = (select max(a) from names)"},
		{SQL: "update v20 join names using (id) set v20.a = names.a"},
		{SQL: "create temporary table work as select id from batch; insert into v20 select id, '' from work; drop temporary table work"},
		{SQL: "call f()"},
		{SQL: "select 1/0; insert into v20 select id, a from batch"},
		{Table: "plain"},
	} {
		if refused := s.refusedBy(t, w, c, ""); len(refused) > 0 {
			t.Errorf("%d: refused by %q", i, refused)
		}
	}
}

// A ledger whose tables keep what was rolled back is none.
func TestV20LedgerOfAnotherEngine(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	engine, tables := "Aria", []string{"fencepost_ledger", "fencepost_groups", "fencepost_moves"}
	if s.mysql {
		engine, tables = "MEMORY", tables[:2] // no engine of MySQL's without transactions takes the third
	}
	for _, table := range tables {
		s.exec(t, "alter table "+table+" engine="+engine)
		if _, err := s.worker(t, Config{Table: "flights"}).sink.Ledger().Read(t.Context(), "g"); !isParted(err, table+" is of engine "+engine) {
			t.Errorf("read: got %v", err)
		}
		for _, f := range w.sink.Check(t.Context(), idColumns[:0]) {
			if f.Subject == "ledger" && (f.OK || f.Help != "ALTER TABLE "+table+" ENGINE=InnoDB;") {
				t.Errorf("check: got %+v", f)
			}
		}
		s.exec(t, "alter table "+table+" engine=InnoDB")
	}
}
