//go:build realservers

package postgres

import (
	"errors"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// keep is what a row leaves unchanged.
const keep = "(unchanged)"

// partly makes a column of rows that may leave it unchanged.
func partly(name string, typ fencepost.Type, values ...any) fencepost.Column {
	c := fencepost.Column{Name: name, Type: typ, Partial: true}
	for _, v := range values {
		if v == keep {
			c.AppendUnchanged()
			continue
		}
		one := column(name, typ, v)
		c.AppendFrom(&one, 0)
	}
	return c
}

// Columns of every kind of type are left alone, one by one, beside others that change; in batches with deletes and without.
func TestPartialRowsOfManyTypes(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create type mood as enum ('glad', 'sad'); create domain short as varchar(9)")
	s.exec(t, `create table u (k int, l text, j jsonb, x json, b bytea, tags text[], n numeric(9,2), at timestamptz, m mood, d short, i int default 42, primary key (k, l))`)
	w := s.worker(t, Config{Table: "u", Key: []string{"k", "l"}}).start(1)
	batch := func(deletes bool, k, l, j, x, b, tags, n, at, m, d, i []any) sink.Commit {
		columns := []fencepost.Column{column("k", fencepost.Int, k...), column("l", fencepost.Text, l...), partly("j", fencepost.JSON, j...), partly("x", fencepost.JSON, x...),
			partly("b", fencepost.Bytes, b...), partly("tags", fencepost.JSON, tags...), partly("n", fencepost.Decimal, n...), partly("at", fencepost.Timestamp, at...),
			partly("m", fencepost.Text, m...), partly("d", fencepost.Text, d...), partly("i", fencepost.Int, i...)}
		if deletes {
			op := make([]any, len(k))
			for i := range op {
				op[i] = "u"
			}
			columns = append(columns, ops(op...))
		}
		return w.table(columns...)
	}
	all := func(v ...any) []any { return v }
	const look = `select string_agg(concat_ws(' ', k, l, j, x, encode(b, 'hex'), tags, n, extract(epoch from at)::int, m, d, i), ', ' order by k) from u`
	for _, deletes := range []bool{false, true} {
		s.exec(t, "delete from u")
		w.must(batch(deletes, all(1, 2), all("a", "a"), all(`{"a":1}`, "[]"), all("1", "2"), all("x", "y"), all(`["q"]`, `["r"]`), all("1.5", "2.5"), all(int64(1_000_000), int64(2_000_000)), all("glad", "sad"), all("d1", "d2"), all(7, 8)))
		w.must(batch(deletes, all(1, 2, 1), all("a", "a", "a"), all(keep, "[3]", keep), all(keep, keep, "4"), all(keep, keep, keep), all(keep, `["s"]`, keep), all("9", keep, keep), all(keep, nil, keep),
			all(keep, keep, "sad"), all(keep, "d3", keep), all(keep, keep, nil)))
		want := `1 a {"a": 1} 4 78 {q} 9.00 1 sad d1, 2 a [3] 2 79 {s} 2.50 sad d3 8`
		if got := one[string](t, s, look); got != want {
			t.Errorf("deletes %t:\n got %s\nwant %s", deletes, got, want)
		}
	}
}

// Two keys that the table takes for one, in one batch: the second would leave alone what the first says, so that both together are refused, and one after the
// other is taken. So is a null in a key, which is no row's.
func TestPartialRowsOfMergedKeys(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create extension citext; create table u (k citext unique, v int, o int)")
	w := s.worker(t, Config{Table: "u", Key: []string{"k"}}).start(1)
	row := func(k any, v any, o int) []fencepost.Column {
		return []fencepost.Column{column("k", fencepost.Text, k), partly("v", fencepost.Int, v), column("o", fencepost.Int, o)}
	}
	refused := func(b sink.Commit) {
		t.Helper()
		held := w.held
		err := w.commit(t.Context(), b)
		if r, ok := errors.AsType[*sink.Rejected](err); !ok || r.Reason != sink.RowNotThere().Reason {
			t.Errorf("got %v, want a refusal", err)
		}
		w.held = held
	}
	w.must(w.table(row("a", 1, 1)...))
	refused(w.table(column("k", fencepost.Text, "a", "A"), partly("v", fencepost.Int, 2, keep), column("o", fencepost.Int, 2, 3)))
	w.must(w.table(row("a", 2, 2)...))
	w.must(w.table(row("A", keep, 3)...))
	if got := one[string](t, s, "select string_agg(concat_ws(' ', k, v, o), ',') from u"); got != "a 2 3" {
		t.Errorf("got %s, want what the rows leave one after the other", got)
	}
	w.must(w.table(row(nil, 5, 5)...))
	refused(w.table(row(nil, keep, 6)...))
}
