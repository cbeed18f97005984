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
