//go:build realservers

package mysql

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// faults lists what check finds wrong, as code, text and remedy.
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

// V22: rows go through a view into its table; where they can not, check says what can be done instead.
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
