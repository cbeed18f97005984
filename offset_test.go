package fencepost_test

import (
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

func ExampleOffsetRange() {
	r := fencepost.OffsetRange{From: 100, Until: 160}
	fmt.Println(r, "spans", r.Len(), "offsets, and the next range begins at", r.Until)
	// Output: [100 .. 160) spans 60 offsets, and the next range begins at 160
}
