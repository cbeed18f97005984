package fencepost_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/fencepost/fencepost"
	"pgregory.net/rapid"
)

func TestTopicIDComesBackFromItsForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := fencepost.TopicID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		if got, err := fencepost.ParseTopicID(id.String()); err != nil || got != id {
			t.Fatalf("%s: got %s, %v", id, got, err)
		}
	})
	for _, none := range []string{"", "-"} {
		if id, err := fencepost.ParseTopicID(none); err != nil || id != (fencepost.TopicID{}) {
			t.Errorf("%q: got %s, %v, want none", none, id, err)
		}
	}
	if got := (fencepost.TopicID{}).String(); got != "-" {
		t.Errorf("no topic ID prints as %q, want -", got)
	}
	for _, bad := range []string{"x", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAA+AAAAAAAAAAA", "AAAAAAAAAA AAAAAAAAAAA", "AAAAAAAAAAA\nAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB"} {
		if id, err := fencepost.ParseTopicID(bad); err == nil {
			t.Errorf("%q: got %s, want an error", bad, id)
		}
	}
	// As Kafka prints it: kafka-topics --describe.
	kafka := "CGJn_mRzR1yoSNmLsQ6vbg"
	if id, err := fencepost.ParseTopicID(kafka); err != nil || id.String() != kafka {
		t.Errorf("%s: got %s, %v", kafka, id, err)
	}
}

// A fence is never 0 or negative, whatever the randomness.
func TestNewFence(t *testing.T) {
	for random, want := range map[uint64]fencepost.Fence{0: 1, 1: 1, 2: 1, 3: 1, 4: 2, math.MaxUint64: math.MaxInt64, 1 << 63: 1 << 62} {
		if got := fencepost.NewFence(random); got != want {
			t.Errorf("fence of %d: got %d, want %d", random, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if f := fencepost.NewFence(rapid.Uint64().Draw(t, "random")); f <= 0 || len(f.String()) != 16 {
			t.Fatalf("fence %d prints as %s", f, f)
		}
	})
}

func TestOffsetRangeValid(t *testing.T) {
	for r, want := range map[fencepost.OffsetRange]bool{{0, 0}: true, {3, 3}: true, {0, math.MaxInt64}: true, {-1, 2}: false, {3, 2}: false} {
		if r.Valid() != want {
			t.Errorf("%s: valid %t, want %t", r, r.Valid(), want)
		}
	}
}

// Partitions are ordered by number, not by digits, within a topic.
func TestTopicPartitionOrder(t *testing.T) {
	tps := []fencepost.TopicPartition{{"b", 0}, {"a", 10}, {"B", 0}, {"a", 2}, {"a.b", 0}}
	slices.SortFunc(tps, fencepost.TopicPartition.Compare)
	if got, want := fmt.Sprint(tps), "[B:0 a:2 a:10 a.b:0 b:0]"; got != want {
		t.Errorf("order: got %s, want %s", got, want)
	}
}

// A commit that goes back is a broken law, and nothing else in this package panics.
func TestAdvance(t *testing.T) {
	p := fencepost.Position{Offset: 5, LeaderEpoch: 3, Fence: 7, TopicID: fencepost.TopicID{1}}
	if got, want := p.Advance(9, 4), (fencepost.Position{Offset: 9, LeaderEpoch: 4, Fence: 7, TopicID: fencepost.TopicID{1}}); got != want {
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

func ExampleOffsetRange() {
	r := fencepost.OffsetRange{From: 100, Until: 160}
	fmt.Println(r, "spans", r.Len(), "offsets, and the next range begins at", r.Until)
	// Output: [100 .. 160) spans 60 offsets, and the next range begins at 160
}

func ExampleReconcile() {
	stored := fencepost.Stored{TopicPartition: fencepost.TopicPartition{Topic: "flights"}, Mirror: -1,
		Position: fencepost.Position{Offset: 100, LeaderEpoch: 3, Fence: 7, TopicID: fencepost.TopicID{1}}}
	answer := fencepost.Answer{Bounds: fencepost.Bounds{TopicID: fencepost.TopicID{1}, Earliest: 150, Stable: 200, End: 200, EpochEnd: -1}}
	policy := fencepost.Policy{AgedOut: fencepost.Earliest}

	first := fencepost.Reconcile(stored, []fencepost.Answer{answer}, policy)
	fmt.Println(first.Verdict, "-> ask again:", first.Action == fencepost.AskAgain)
	second := fencepost.Reconcile(stored, []fencepost.Answer{answer, answer}, policy)
	if second.Action == fencepost.MoveOn {
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
	ledger := map[fencepost.TopicPartition]fencepost.Position{tp: {Offset: 160, Fence: 7}}
	late := fencepost.Move{TopicPartition: tp, Held: fencepost.Position{Offset: 100, Fence: 7}}
	err := fencepost.Check(ledger, []fencepost.Move{late})
	if refused, ok := errors.AsType[*fencepost.Refused](err); ok {
		fmt.Println(refused)
	}
	// Output: refused: the ledger holds flights:2 at 160 (fence 0000000000000007)
}
