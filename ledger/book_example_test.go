package ledger_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// A late worker commits from its old position, and is refused with what the ledger holds.
func ExampleBook() {
	var book ledger.Book
	tp := fencepost.TopicPartition{Topic: "flights"}
	worker := ledger.Actor{Group: "delays", ClusterID: "c1", Who: "4711@host"}
	start := ledger.Move{TopicPartition: tp, Cause: ledger.CauseStart, Partitions: 1, Next: ledger.Position{Fence: 1, LeaderEpoch: fencepost.NoEpoch}}
	commit := ledger.Move{TopicPartition: tp, Cause: ledger.CauseCommit, Held: start.Next, Next: start.Next.Advance(10, 0)}
	for _, m := range []ledger.Move{start, commit, commit} {
		err := book.Compare(worker, []ledger.Move{m})
		if refused, ok := errors.AsType[*ledger.Refused](err); ok {
			fmt.Println(m.Cause, ledger.Relate(refused.Held[tp], m))
			continue
		}
		book.Record(worker, []ledger.Move{m}, time.Now(), ledger.KeepMerged)
		fmt.Println(m.Cause, "to", book.Snapshot(fencepost.LedgerID{}).Positions[tp].Offset)
	}
	// Output:
	// start to 0
	// commit to 10
	// commit done
}
