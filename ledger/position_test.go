package ledger_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"pgregory.net/rapid"
)

// A fence is never 0 or negative, whatever the randomness.
func TestNewFence(t *testing.T) {
	for random, want := range map[uint64]ledger.Fence{0: 1, 1: 1, 2: 1, 3: 1, 4: 2, math.MaxUint64: math.MaxInt64, 1 << 63: 1 << 62} {
		if got := ledger.NewFence(random); got != want {
			t.Errorf("fence of %d: got %d, want %d", random, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if f := ledger.NewFence(rapid.Uint64().Draw(t, "random")); f <= 0 || len(f.String()) != 16 {
			t.Fatalf("fence %d prints as %s", f, f)
		}
	})
}

// A commit that goes back is a broken law, and nothing else in this package panics.
func TestAdvance(t *testing.T) {
	p := ledger.Position{Offset: 5, LeaderEpoch: 3, Fence: 7, TopicID: fencepost.TopicID{1}}
	if got, want := p.Advance(9, 4), (ledger.Position{Offset: 9, LeaderEpoch: 4, Fence: 7, TopicID: fencepost.TopicID{1}}); got != want {
		t.Errorf("advance: got %+v, want %+v", got, want)
	}
	if got := p.Advance(9, fencepost.NoEpoch); got.LeaderEpoch != fencepost.NoEpoch {
		t.Errorf("advance without an epoch: got epoch %d, want none: the old one says nothing about offset 9", got.LeaderEpoch)
	}
	if got := p.Advance(5, fencepost.NoEpoch); got != p {
		t.Errorf("advance by nothing: got %+v, want %+v", got, p)
	}
	defer func() {
		if got, want := fmt.Sprint(recover()), "fencepost: law broken (positions, not records): a commit goes from 5 back to 4"; got != want {
			t.Errorf("advance backwards: got %q, want %q", got, want)
		}
	}()
	p.Advance(4, 3)
}

func ExampleReconcile() {
	stored := ledger.Stored{TopicPartition: fencepost.TopicPartition{Topic: "flights"}, Mirror: -1,
		Position: ledger.Position{Offset: 100, LeaderEpoch: 3, Fence: 7, TopicID: fencepost.TopicID{1}}}
	answer := ledger.Answer{LogOffsets: fencepost.LogOffsets{TopicID: fencepost.TopicID{1}, Earliest: 150, LastStableOffset: 200, HighWatermark: 200, EpochEnd: -1}}
	policy := ledger.Policy{AgedOut: ledger.Earliest}

	first := ledger.Reconcile(stored, []ledger.Answer{answer}, policy)
	fmt.Println(first.Verdict, "-> ask again:", first.Action == ledger.AskAgain)
	second := ledger.Reconcile(stored, []ledger.Answer{answer, answer}, policy)
	if second.Action == ledger.MoveOn {
		fmt.Println(second.Verdict, "-> move to", second.Next.Offset, "by", second.Cause)
	}
	fmt.Println(second.Reason)
	// Output:
	// aged out -> ask again: true
	// aged out -> move to 150 by gap
	// at most 50 records were deleted unread: [100 .. 150)
}

func ExampleRefused() {
	tp := fencepost.TopicPartition{Topic: "flights", Partition: 2}
	holds := map[fencepost.TopicPartition]ledger.Position{tp: {Offset: 160, Fence: 7}}
	late := ledger.Move{TopicPartition: tp, Held: ledger.Position{Offset: 100, Fence: 7}}
	err := ledger.Compare(holds, []ledger.Move{late})
	if refused, ok := errors.AsType[*ledger.Refused](err); ok {
		fmt.Println(refused)
	}
	// Output: refused: the ledger holds flights:2 at 160 (fence 0000000000000007)
}
