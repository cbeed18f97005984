package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// V25: a column that a record leaves out takes the default of the table; a null stays a null.
func TestV25TheTablesDefault(t *testing.T) {
	for name, key := range map[string][]string{"append": nil, "key": {"id"}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "v25.db")
			execute(t, path, `create table v25 (id integer primary key, n int default 7, a text default 'it''s')`)
			s, err := Open(t.Context(), Config{Path: path, Table: "v25", Key: key})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			id := fencepost.Column{Name: "id", Type: fencepost.Int}
			n, a := fencepost.Column{Name: "n", Type: fencepost.Int, Default: true}, fencepost.Column{Name: "a", Type: fencepost.Text, Default: true}
			for i := range 250 {
				id.AppendInt(int64(i))
				switch i % 5 {
				case 0:
					n.AppendAbsent()
					a.AppendText("x")
				case 1:
					n.AppendNull()
					a.AppendAbsent()
				case 2:
					n.AppendAbsent()
					a.AppendAbsent()
				default:
					n.AppendInt(1)
					a.AppendNull()
				}
			}
			b := &fencepost.Batch{Columns: []fencepost.Column{id, n, a}}
			for i := range 250 {
				b.Offsets, b.Times = append(b.Offsets, fencepost.Offset(i)), append(b.Times, 0)
			}
			l, err := s.Lane(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			tp := fencepost.TopicPartition{Topic: "flights"}
			w := ledger.Actor{Group: "g", ClusterID: "c", Who: "w"}
			start := ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: ledger.NewFence(7)}
			if err := s.Ledger().Move(t.Context(), w, []ledger.Move{{TopicPartition: tp, Cause: ledger.CauseStart, Partitions: 1, Next: start}}); err != nil {
				t.Fatal(err)
			}
			if err := l.Commit(t.Context(), w, sinktest.One(b, tp, start, 250)); err != nil {
				t.Fatal(err)
			}
			got := answer(t, path, `select id % 5 as k, count(*), count(distinct n), min(n), min(a) from v25 group by k order by k`)
			if want := "0|50|1|7|x\n1|50|0||it's\n2|50|1|7|it's\n3|50|1|1|\n4|50|1|1|"; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
