//go:build realservers

package mysql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// ops is the column of what rows do: d for nil, else u.
func ops(values ...any) fencepost.Column {
	op := fencepost.Column{Name: fencepost.MetaOp, Type: fencepost.Text}
	for _, v := range values {
		if v == nil {
			op.AppendText(fencepost.OpDelete)
		} else {
			op.AppendText("u")
		}
	}
	return op
}

// A delete finds the row that an upsert of the same key would write over, whatever type, scale and collation the key has. Other columns of
// a delete are null, and no NOT NULL refuses them. A null is no row's key.
func TestDeletesCompareKeysAsTheTableDoes(t *testing.T) {
	s := newStore(t)
	for i, c := range []struct {
		typ         string
		from        fencepost.Type
		first, then []any // the first of then deletes, the second is deleted and set
	}{
		{"varchar(9) character set utf8mb4 collate utf8mb4_general_ci not null", fencepost.Text, []any{"a", "b", "c"}, []any{"A", "B ", "b"}},
		{"varchar(9) character set utf8mb4 collate utf8mb4_bin not null", fencepost.Text, []any{"a", "b", "c"}, []any{"a ", "b", "b"}},
		{"varchar(9) character set latin1 not null", fencepost.Text, []any{"ä", "b", "c"}, []any{"ä", "B", "b"}},
		{"char(9) character set utf8mb4 not null", fencepost.Text, []any{"a", "b", "c"}, []any{"a ", "b", "b"}},
		{"decimal(4,1) not null", fencepost.Decimal, []any{"1.2", "1.3", "9"}, []any{"1.24", "1.31", "1.3"}},
		{"datetime not null", fencepost.Timestamp, []any{86_400_000_000, 86_402_000_000, 86_409_000_000}, []any{86_400_100_000, 86_402_000_001, 86_402_000_000}},
		{"bigint", fencepost.Int, []any{1, 2, nil}, []any{1, 2, 2}},
		{"bigint", fencepost.Int, []any{1, 2, nil}, []any{1, nil, 2}},
	} {
		table := fmt.Sprint("k", i)
		s.exec(t, "create table "+table+" (k "+c.typ+", v int not null, unique (k))")
		w := s.worker(t, Config{Table: table, Key: []string{"k"}})
		w.as.Group = fencepost.Group(table)
		w.start(1)
		w.must(w.table(column("k", c.from, c.first...), column("v", fencepost.Int, 1, 2, 3), ops(1, 1, 1)))
		w.must(w.table(column("k", c.from, c.then...), column("v", fencepost.Int, nil, nil, 7), ops(nil, nil, 7)))
		if got := one[string](t, s, "select group_concat(v order by v) from "+table); got != "3,7" {
			t.Errorf("%s %v %v: got %s, want 3,7", c.typ, c.first, c.then, got)
		}
	}
}

// A batch of several packets deletes too, and the user of ddl's grants may.
func TestDeletesInPieces(t *testing.T) {
	s := newStore(t)
	s.exec(t, latestDDL)
	columns := append(sinktest.Columns(), fencepost.ColumnSpec{Name: fencepost.MetaOp, Type: fencepost.Text})
	if ddl := DDL(Config{DSN: s.dsn, Table: "u", Key: []string{"value"}}, columns); !strings.Contains(ddl, "SELECT, INSERT, UPDATE, DELETE ON ") || strings.Contains(ddl, "_op") {
		t.Errorf("ddl grants no DELETE, or makes a column _op:\n%s", ddl)
	}
	w := s.worker(t, Config{Table: "latest", Key: []string{"k"}}).start(1)
	w.lane.(*lane).session.server.packet = 64 << 10
	const size = 5_000
	keys, values := make([]any, 2*size), make([]any, 2*size)
	for i := range size {
		keys[i], values[i] = fmt.Sprintf("%05d", i), i
		keys[size+i] = keys[i]
		if i%3 != 0 {
			values[size+i] = -i
		}
	}
	w.must(w.table(column("k", fencepost.Text, keys...), column("v", fencepost.Int, values...), ops(values...)))
	if n := len(w.lane.(*lane).encoder.pieces); n < 2 {
		t.Fatalf("%d pieces, want several", n)
	}
	if got, want := one[int](t, s, "select count(*) from latest where v <= 0"), size-(size+2)/3; got != want {
		t.Errorf("%d keys hold their last row, want %d", got, want)
	}
	if got, want := one[int](t, s, "select count(*) from latest"), size-(size+2)/3; got != want {
		t.Errorf("%d keys, want %d", got, want)
	}
}
