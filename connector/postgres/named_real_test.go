//go:build realservers

package postgres

import (
	"errors"
	"maps"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Of your own SQL, the server says what the row is that it refuses, its key, its null, or the value that could not be cast. Where the SQL made
// another one of it, no row is named.
func TestSQLNamesTheRefusedRow(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table named (k text, n int not null check (n >= 0), d date, unique (k))")
	held := maps.Clone(s.worker(t, Config{Table: "named"}).start(1).held)
	for _, c := range []struct {
		sql  string
		k, n []any
		want int
	}{
		{"insert into named select k, n::int from batch", []any{"a", "b", "c"}, []any{"1", "2", "-3"}, 3},
		{"insert into named select k, n::int from batch", []any{"a", "b", "b"}, []any{"1", "2", "3"}, 2},
		{"insert into named select k, n::int from batch", []any{"a", "b", "c"}, []any{"1", nil, "3"}, 2},
		{"insert into named select k, n::int from batch", []any{"a", "b", "c"}, []any{"1", "2 \"m\"", "3"}, 2},
		{"insert into named select k, n::int from batch", []any{"a", "b", "c"}, []any{"1", "2", "99999999999"}, 3},
		{"insert into named select k, 1, n::date from batch", []any{"a", "b", "c"}, []any{"2001-02-03", "2001-02-30", "2001-02-04"}, 2},
		{"insert into named select k, 1, n::date from batch", []any{"a", "b", "c"}, []any{"2001-02-03", "2001-02-04", "soon"}, 3},
		{"insert into named select 'x' || k, n::int - 5 from batch", []any{"a", "b", "c"}, []any{"7", "4", "8"}, 0},
		{"insert into named select k, 1 / n::int from batch", []any{"a", "b", "c"}, []any{"7", "0", "8"}, 0},
	} {
		w := s.worker(t, Config{SQL: c.sql})
		w.held = maps.Clone(held)
		err := w.commit(t.Context(), w.table(column("k", fencepost.Text, c.k...), column("n", fencepost.Text, c.n...)))
		if r, ok := errors.AsType[*sink.Rejected](err); !ok || r.Row != c.want {
			t.Errorf("%s of %v, %v: got %#v (%v), want a refusal that names row %d", c.sql, c.k, c.n, r, err, c.want)
		}
	}
}
