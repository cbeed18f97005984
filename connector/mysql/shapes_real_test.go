//go:build realservers

package mysql

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// faults lists the findings of check, as code, text and remedy.
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

// V22: rows go through a view into its table; where they cannot, check says what can be done instead.
func TestV22Views(t *testing.T) {
	s := newStore(t)
	for _, ddl := range []string{"create table base (id int primary key, a varchar(99)) engine=InnoDB", "create table more (id int, b int) engine=InnoDB", "create view plain as select id, a from base",
		"create view grouped as select id, max(a) as a from base group by id"} {
		s.exec(t, ddl)
	}
	const behind = "name the table behind it in table; or write "
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Table: "plain"}, ""},
		{Config{Table: "plain", Key: []string{"id"}}, "key-not-unique | plain is a view, which has no unique index | " + behind + "the upsert as sql"},
		{Config{Table: "grouped"}, "table-not-writable | view grouped takes no rows: the server can not tell which ones of its tables they are for | " + behind + "into its tables by sql"},
	} {
		if got := strings.Join(s.faults(t, c.config, idColumns), "\n"); got != c.want {
			t.Errorf("%s %v:\ngot  %s\nwant %s", c.config.Table, c.config.Key, got, c.want)
		}
	}
	w := s.worker(t, Config{Table: "plain"}).start(1)
	w.must(w.table(w.ids("x", 1, 2)...))
	k := s.worker(t, Config{SQL: "insert into plain select id, a from batch on duplicate key update a = values(a)"})
	k.held = w.held
	k.must(k.table(k.ids("y", 2, 3)...))
	if got := one[string](t, s, "select group_concat(id, a order by id) from base"); got != "1x,2y,3y" {
		t.Errorf("got %s, want 1x,2y,3y", got)
	}
}

// V24: names that differ in case, have dots, or are quoted.
func TestV24Names(t *testing.T) {
	s := newStore(t)
	for _, ddl := range []string{"create table orders (id int, a varchar(9)) engine=InnoDB", "create table `my.table` (id int, a varchar(9)) engine=InnoDB"} {
		s.exec(t, ddl)
	}
	db := one[string](t, s, "select database()")
	for table, want := range map[string]string{
		"Orders":   "database " + db + " has no table Orders, but it has " + db + ".orders | table: " + db + ".orders",
		"my.table": "database my has no table my.table, but it has " + db + `."my.table" | table: '` + db + `."my.table"'`,
	} {
		got := s.faults(t, Config{Table: table}, idColumns)
		if len(got) != 1 || got[0] != "table-not-found | "+want {
			t.Errorf("%s:\ngot  %s\nwant %s", table, got, want)
			continue
		}
		_, remedy, _ := strings.Cut(got[0], "| table: ")
		c := Config{Table: strings.Trim(remedy, "'")}
		if got := s.faults(t, c, idColumns); len(got) > 0 {
			t.Errorf("%s, as the remedy says: %s", c.Table, got)
		}
	}
	c := Config{Table: `"my.table"`}
	w := s.worker(t, c).start(1)
	w.must(w.table(w.ids("x", 1)...))
	for _, c := range []Config{c, {Table: c.Table, Key: []string{"id"}}} {
		for _, f := range s.faults(t, c, append(idColumns, fencepost.ColumnSpec{Name: "wide", Type: fencepost.Int})) {
			help, _, _ := strings.Cut(strings.Split(f, " | ")[2], ";")
			s.exec(t, help)
		}
	}
	if got := s.faults(t, Config{Table: c.Table, Key: []string{"id"}}, append(idColumns, fencepost.ColumnSpec{Name: "wide", Type: fencepost.Int})); len(got) > 0 {
		t.Errorf("after the remedies: %s", got)
	}
	long := strings.Repeat("x", 65)
	if got := s.faults(t, Config{Table: "orders"}, []fencepost.ColumnSpec{{Name: long, Type: fencepost.Int}}); len(got) != 1 || !strings.HasPrefix(got[0], "name-too-long | column "+long+" has 65 characters") {
		t.Errorf("a long name: got %s", got)
	}
}

// leaves makes a batch of n rows: n is left out, null, 1, and left out; a is left out in each second one.
func (w *worker) leaves(rows int) sink.Commit {
	id := fencepost.Column{Name: "id", Type: fencepost.Int}
	n, a := fencepost.Column{Name: "n", Type: fencepost.Int, Default: true}, fencepost.Column{Name: "a", Type: fencepost.Text, Default: true}
	for i := range rows {
		id.AppendInt(int64(i))
		switch i % 4 {
		case 0, 3:
			n.AppendAbsent()
		case 1:
			n.AppendNull()
		case 2:
			n.AppendInt(1)
		}
		if i%2 == 0 {
			a.AppendText("x")
		} else {
			a.AppendAbsent()
		}
	}
	return w.table(id, n, a)
}

// V25: a column that a record leaves out takes the default of the table, also where rows go through the temporary table; a
// null stays a null.
func TestV25TheTablesDefault(t *testing.T) {
	s := newStore(t)
	for _, ddl := range []string{"create table appended (id int, n bigint default 7, a varchar(9) default 'it''s', at datetime(6) not null default current_timestamp(6)) engine=InnoDB",
		"create table keyed (id int primary key, n bigint default 7, a varchar(9) default 'it''s', u varchar(36) default (uuid())) engine=InnoDB", "create table plain (id int, n int, a varchar(9)) engine=InnoDB",
		"create table counted (id int, n bigint auto_increment primary key) engine=InnoDB", "create table made (id int, n bigint default (id + 1)) engine=InnoDB", "create view seen as select * from plain"} {
		s.exec(t, ddl)
	}
	w := s.worker(t, Config{Table: "appended"}).start(1)
	for table, want := range map[string]string{"appended": "0=7x,1=-it's,2=1x,3=7it's", "keyed": "0=7x,1=-it's,2=1x,3=7it's", "plain": "0=-x,1=--,2=1x,3=--"} {
		c := Config{Table: table}
		if table == "keyed" {
			c.Key = []string{"id"}
		}
		k := s.worker(t, c)
		k.held = w.held
		for _, staged := range []bool{false, true} {
			s.exec(t, "truncate table "+table)
			if staged { // as a batch larger than a packet is sent, and an upsert that met deadlocks
				k.lane.(*lane).session.server.packet = 16 << 10
			}
			k.must(k.leaves(2_000))
			got := one[string](t, s, "select group_concat(distinct id % 4, '=', coalesce(n, '-'), coalesce(a, '-') order by id % 4) from "+table)
			if got != want || one[int](t, s, "select count(*) from "+table) != 2_000 {
				t.Errorf("%s, staged %t: got %s, want %s", table, staged, got, want)
			}
		}
		if table == "appended" {
			s.exec(t, "alter table appended alter n set default 8")
			s.exec(t, "truncate table appended")
			k.must(k.leaves(2_000))
			if got := one[string](t, s, "select group_concat(distinct coalesce(n, '-') order by n) from appended"); got != "-,1,8" {
				t.Errorf("with another default: got %s, want -,1,8", got)
			}
		}
	}
	for _, table := range []string{"counted", "made", "seen"} {
		columns := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}, {Name: "n", Type: fencepost.Int, Default: true}}
		if got := s.faults(t, Config{Table: table}, columns); len(got) != 1 || !strings.HasPrefix(got[0], "column-type | column n of table "+table+" can not be left to its default by some rows: ") {
			t.Errorf("%s: check finds %s", table, got)
		}
	}
}
