//go:build realservers

package mysql

import (
	"errors"
	"maps"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Of your own SQL, MariaDB says how many rows the INSERT had, and MySQL what the value or the key was. Where another row is meant than one of the
// batch, the row is a wrong one or none.
func TestSQLNamesTheRefusedRow(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table named (k varchar(9) primary key, n int not null, check (n >= 0))")
	held := maps.Clone(s.worker(t, Config{Table: "named"}).start(1).held)
	for _, c := range []struct {
		sql   string
		k, n  []any
		maria int
		mysql int
	}{
		{"insert into named select k, n from batch", []any{"a", "b", "c"}, []any{1, 2, -3}, 3, 0},
		{"insert into named select k, n from batch", []any{"a", "b", "b", "c"}, []any{1, 2, 3, 4}, 3, 2},
		{"insert into named select k, n from batch", []any{"a", "b", "c"}, []any{1, nil, 3}, 2, 2},
		{"update named set n = 1; insert into named select k, n from batch", []any{"a", "b", "c"}, []any{1, -2, -3}, 2, 0},
		{"insert into named select concat('x', k), n - 5 from batch", []any{"a", "b", "c"}, []any{7, 4, 8}, 2, 0},
	} {
		w := s.worker(t, Config{SQL: c.sql})
		w.held = maps.Clone(held)
		err := w.commit(t.Context(), w.table(column("k", fencepost.Text, c.k...), column("n", fencepost.Int, c.n...)))
		want := c.maria
		if s.mysql {
			want = c.mysql
		}
		if r, ok := errors.AsType[*sink.Rejected](err); !ok || r.Row != want {
			t.Errorf("%s of %v, %v: got %#v (%v), want a refusal that names row %d", c.sql, c.k, c.n, r, err, want)
		}
	}
}
