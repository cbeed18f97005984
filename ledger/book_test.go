package ledger_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// A Book that is loaded from stored content goes on as the one that was stored: runs of commits are merged on.
func TestLoadedBookGoesOn(t *testing.T) {
	as := ledger.Actor{Group: "g", ClusterID: "c", Who: "w"}
	tp := func(p int32) fencepost.TopicPartition { return fencepost.TopicPartition{Topic: "t", Partition: p} }
	start := func(p int32) ledger.Move {
		return ledger.Move{TopicPartition: tp(p), Cause: ledger.CauseStart, Partitions: 3, Next: ledger.Position{Fence: ledger.Fence(p + 1), LeaderEpoch: fencepost.NoEpoch}}
	}
	commit := func(held ledger.Position, p int32, until fencepost.Offset) ledger.Move {
		return ledger.Move{TopicPartition: tp(p), Cause: ledger.CauseCommit, Held: held, Next: held.Advance(until, 0)}
	}
	var one ledger.Book
	stored := func() *ledger.Book {
		b := &ledger.Book{}
		b.Load(one.Snapshot(fencepost.LedgerID{}), one.Moves())
		return b
	}
	moves := []ledger.Move{start(0), start(1), start(2)}
	first := commit(moves[0].Next, 0, 5)
	rewound := ledger.Move{TopicPartition: tp(1), Cause: ledger.CauseRewind, Held: moves[1].Next, Next: ledger.Position{Fence: 9, LeaderEpoch: fencepost.NoEpoch}}
	for i, step := range [][]ledger.Move{moves, {first}, {rewound}, {commit(first.Next, 0, 8)}, {commit(rewound.Next, 1, 3)}, {commit(commit(first.Next, 0, 8).Next, 0, 9)}} {
		two := stored()
		if err := two.Compare(as, step); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		at := time.Unix(int64(i), 0)
		one.Record(as, step, at, ledger.KeepMerged)
		two.Record(as, step, at, ledger.KeepMerged)
		if !reflect.DeepEqual(one.Snapshot(fencepost.LedgerID{}), two.Snapshot(fencepost.LedgerID{})) || !reflect.DeepEqual(one.Moves(), two.Moves()) {
			t.Fatalf("step %d: the stored Book has\n%v, want\n%v", i, two.Moves(), one.Moves())
		}
	}
	if kept := one.Moves(); len(kept) != 6 || kept[3].Commits != 3 {
		t.Errorf("kept %v, want three starts, a run of three commits, a rewind and a commit", kept)
	}
}
