package ledger_test

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

func TestWentOnAt(t *testing.T) {
	place := func(text string) fencepost.Place { return fencepost.ParsePlace(text) }
	for _, test := range []struct {
		name, here string
		mirrored   []string
		want       string
	}{
		{"a new group", "s/1", nil, ""},
		{"the same place", "s/1", []string{"s/1", "s/1"}, ""},
		{"a replica was promoted, and one partition has come there", "s/1", []string{"s/1", "s/2", "s/1"}, "s/2"},
		{"two were, one after the other", "s/1", []string{"s/3", "s/2"}, "s/3"},
		{"this is the promoted one", "s/2", []string{"s/1"}, ""},
		{"another system: a dump that was restored", "s/1", []string{"t/7"}, ""},
		{"a store that says nothing", "", []string{"s/2"}, ""},
		{"a mirror of before", "s/1", []string{""}, ""},
	} {
		mirrored := map[fencepost.TopicPartition]fencepost.CommittedOffset{}
		for i, text := range test.mirrored {
			mirrored[fencepost.TopicPartition{Topic: "t", Partition: int32(i)}] = fencepost.CommittedOffset{Place: place(text)}
		}
		if got := ledger.WentOnAt(place(test.here), mirrored).String(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestDespite(t *testing.T) {
	left := fencepost.Place{System: "s", Timeline: 2}
	recorded := func(fence ledger.Fence, why string) ledger.Recorded {
		return ledger.Recorded{Move: ledger.Move{Next: ledger.Position{Fence: fence}, Why: why}}
	}
	moved := recorded(7, ledger.Despite(left, "INC-4411: the new one is gone"))
	commit := recorded(7, "")
	for _, test := range []struct {
		name  string
		end   ledger.LastMoves
		fence ledger.Fence
		want  bool
	}{
		{"the last move", ledger.LastMoves{Last: moved, Moved: &moved}, 7, true},
		{"commits behind it", ledger.LastMoves{Last: commit, Moved: &moved}, 7, true},
		{"a start", ledger.LastMoves{Last: recorded(7, ledger.Despite(left, ""))}, 7, true},
		{"moved since", ledger.LastMoves{Last: commit, Moved: &moved}, 8, false},
		{"another reason", ledger.LastMoves{Last: commit, Moved: &commit}, 7, false},
		{"a promotion of before", ledger.LastMoves{Last: recorded(7, ledger.Despite(fencepost.Place{System: "s", Timeline: 1}, ""))}, 7, false},
		{"nothing", ledger.LastMoves{}, 0, false},
	} {
		if got := test.end.Despite(left, ledger.Position{Offset: 5, Fence: test.fence}); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}
