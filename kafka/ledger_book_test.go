package kafka

import (
	"testing"

	"github.com/fencepost/fencepost"
)

// A position whose copy the brokers did not take says so, and an older copy of it is then no foreign write; one that
// has a copy is told apart from every other number.
func TestUncopiedPositions(t *testing.T) {
	id := fencepost.LedgerID{7}
	at := fencepost.Position{Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: 9, TopicID: fencepost.TopicID{1}}
	older := commitment{offset: 3, ledger: id, fence: 9}
	b := newBook()
	moves, err := fencepost.InOrder([]fencepost.Move{
		{TopicPartition: tp("b", 0), Next: at, Cause: fencepost.CauseStart},
		{TopicPartition: tp("a", 0), Next: at, Cause: fencepost.CauseStart},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := b.record(fencepost.Writer{Group: "g"}, moves, fencepost.KeepAll, true)
	if err != nil {
		t.Fatal(err)
	}
	if again := e.correct([]int{1}); len(again) != 1 || again[0].tp != tp("b", 0) {
		t.Fatalf("told again: %+v, want the position of b:0, whose topic the broker does not know", again)
	}
	for _, f := range e.facts {
		b.file(f, nil)
	}
	rows := b.rows(map[fencepost.TopicPartition]commitment{tp("a", 0): older, tp("b", 0): older}, id)
	if want := (fencepost.Position{Offset: 3, LeaderEpoch: fencepost.NoEpoch}); rows[tp("a", 0)] != want {
		t.Errorf("a:0 with an older copy: %+v, want the foreign %+v", rows[tp("a", 0)], want)
	}
	if rows[tp("b", 0)] != at {
		t.Errorf("b:0, which has no copy: %+v, want %+v", rows[tp("b", 0)], at)
	}
	if again := e.correct(nil); len(again) != 1 || again[0].position.Uncopied {
		t.Errorf("once the topic is there: %+v, want b:0 with a copy again", again)
	}
}
