//go:build realservers

package mysql

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// A batch in several pieces that loses a deadlock is applied once: its last piece is not in the temporary table twice.
func TestPiecesLoseADeadlock(t *testing.T) {
	s := newStore(t)
	s.exec(t, latestDDL)
	s.exec(t, "insert into latest values ('a', 0), ('b', 0)")
	w := s.worker(t, Config{SQL: "update latest set v = v + (select count(*) from batch where n >= 0) where k = 'a';" +
		" update latest set v = v + (select count(*) from batch where n >= 0) where k = 'b'"}).start(1)
	l := w.lane.(*lane)
	numbers := func(n int) sink.Commit {
		c := fencepost.Column{Name: "n", Type: fencepost.Int}
		for i := range n {
			c.AppendInt(int64(i))
		}
		return w.table(c)
	}
	w.must(numbers(1))
	l.session.server.packet = 16 << 10
	tx, done := s.other(t), make(chan error, 1)
	write(t, tx, "update latest set k = k, v = v + 1000000 where k = 'b'")
	go func() { done <- w.commit(t.Context(), numbers(5000)) }()
	s.waiting(t)
	write(t, tx, "update latest set v = v + 1000000 where k = 'a'")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(l.encoder.pieces); n < 2 {
		t.Fatalf("the batch went in %d pieces, want several", n)
	}
	if got := one[string](t, s, "select group_concat(k, v order by k) from latest"); got != "a1005001,b1005001" {
		t.Errorf("got %s, want 5001 rows counted in each", got)
	}
}
