package fencepost_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"pgregory.net/rapid"
)

// The guarantees of a Move, each broken by itself.
func TestMoveValidate(t *testing.T) {
	held := fencepost.Position{Offset: 10, LeaderEpoch: 1, Fence: 5, TopicID: fencepost.TopicID{1}}
	other := fencepost.Position{Offset: 2, LeaderEpoch: fencepost.NoEpoch, Fence: 6, TopicID: fencepost.TopicID{2}}
	for _, c := range []struct {
		what string
		fencepost.Move
		want string // part of the error; empty: valid
	}{
		{"a start", fencepost.Move{Next: other, Cause: fencepost.CauseStart}, ""},
		{"an import", fencepost.Move{Next: other, Cause: fencepost.CauseImport}, ""},
		{"a start of a recreated topic", fencepost.Move{Held: held, Next: other, Cause: fencepost.CauseStart}, ""},
		{"a commit", fencepost.Move{Held: held, Next: held.Advance(12, 2), Cause: fencepost.CauseCommit}, ""},
		{"a commit of no entries", fencepost.Move{Held: held, Next: held, Cause: fencepost.CauseCommit}, ""},
		{"a gap", fencepost.Move{Held: held, Next: other, Cause: fencepost.CauseGap}, ""},
		{"a skip", fencepost.Move{Held: held, Next: other, Cause: fencepost.CauseSkip}, ""},
		{"a rewind", fencepost.Move{Held: held, Next: other, Cause: fencepost.CauseRewind}, ""},
		{"adopting a foreign row", fencepost.Move{Held: fencepost.Position{LeaderEpoch: fencepost.NoEpoch}, Next: other, Cause: fencepost.CauseRewind}, ""},
		{"no cause", fencepost.Move{Held: held, Next: other}, "cause is unset"},
		{"a cause of tomorrow", fencepost.Move{Held: held, Next: other, Cause: 99}, "cause is cause(99)"},
		{"nowhere to go", fencepost.Move{Held: held, Cause: fencepost.CauseRewind}, "without a fence"},
		{"a negative fence", fencepost.Move{Held: held, Next: fencepost.Position{Fence: -1}, Cause: fencepost.CauseRewind}, "without a fence"},
		{"a negative offset", fencepost.Move{Held: held, Next: fencepost.Position{Offset: -1, Fence: 9}, Cause: fencepost.CauseRewind}, "negative"},
		{"a negative held offset", fencepost.Move{Held: fencepost.Position{Offset: -1, Fence: 1}, Next: other, Cause: fencepost.CauseRewind}, "negative"},
		{"a negative partition", fencepost.Move{TopicPartition: fencepost.TopicPartition{Partition: -1}, Held: held, Next: other, Cause: fencepost.CauseRewind}, "negative"},
		{"a commit of nothing", fencepost.Move{Next: other, Cause: fencepost.CauseCommit}, "commit of an absent position"},
		{"a commit with another fence", fencepost.Move{Held: held, Next: fencepost.Position{Offset: 12, Fence: 6, TopicID: held.TopicID}, Cause: fencepost.CauseCommit}, "changes the fence"},
		{"a commit of another topic", fencepost.Move{Held: held, Next: fencepost.Position{Offset: 12, Fence: 5, TopicID: other.TopicID}, Cause: fencepost.CauseCommit}, "the topic ID"},
		{"a commit that goes back", fencepost.Move{Held: held, Next: fencepost.Position{Offset: 9, Fence: 5, TopicID: held.TopicID}, Cause: fencepost.CauseCommit}, "goes back from 10 to 9"},
		{"a rewind that keeps the fence", fencepost.Move{Held: held, Next: fencepost.Position{Offset: 2, Fence: 5}, Cause: fencepost.CauseRewind}, "keeps the fence"},
		{"a rewind of nothing", fencepost.Move{Next: other, Cause: fencepost.CauseRewind}, "rewind of an absent position"},
		{"a gap of nothing", fencepost.Move{Next: other, Cause: fencepost.CauseGap}, "gap of an absent position"},
	} {
		err := c.Validate()
		if c.want == "" && err != nil {
			t.Errorf("%s: %v, want it valid", c.what, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want an error that says %q", c.what, err, c.want)
		}
	}
}

func TestCauseComesBackFromItsWord(t *testing.T) {
	for c := fencepost.CauseStart; c <= fencepost.CauseImport; c++ {
		if got, err := fencepost.ParseCause(c.String()); err != nil || got != c {
			t.Errorf("cause %s: got %s, %v", c, got, err)
		}
	}
	for _, word := range []string{"unset", "", "Commit", "cause(9)"} {
		if c, err := fencepost.ParseCause(word); err == nil {
			t.Errorf("cause %q: got %s, want an error", word, c)
		}
	}
}

// Law 1 in small: an offset and a fence that agree, and a row that is there or is not.
func TestHolds(t *testing.T) {
	at := fencepost.Position{Offset: 5, LeaderEpoch: 2, Fence: 7, TopicID: fencepost.TopicID{1}}
	for what, c := range map[string]struct {
		ledger, mover fencepost.Position
		want          bool
	}{
		"the same":                         {at, at, true},
		"another epoch and topic ID":       {at, fencepost.Position{Offset: 5, Fence: 7}, true},
		"another offset":                   {at, fencepost.Position{Offset: 6, Fence: 7}, false},
		"another fence":                    {at, fencepost.Position{Offset: 5, Fence: 8}, false},
		"no row on both sides":             {fencepost.Position{}, fencepost.Position{}, true},
		"no row, one held":                 {fencepost.Position{}, at, false},
		"a foreign row at 0, none held":    {fencepost.Position{LeaderEpoch: fencepost.NoEpoch}, fencepost.Position{}, false},
		"no row, a foreign one at 0 held":  {fencepost.Position{}, fencepost.Position{LeaderEpoch: fencepost.NoEpoch}, false},
		"a foreign row at 0, and it held":  {fencepost.Position{LeaderEpoch: fencepost.NoEpoch}, fencepost.Position{LeaderEpoch: fencepost.NoEpoch}, true},
		"a start at 0, where none is held": {fencepost.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 1}, fencepost.Position{}, false},
	} {
		if got := c.ledger.Holds(c.mover); got != c.want {
			t.Errorf("%s: holds %t, want %t", what, got, c.want)
		}
	}
}

// Every way in which a refused mover can stand.
func TestStand(t *testing.T) {
	p := func(o fencepost.Offset, f fencepost.Fence) fencepost.Position {
		return fencepost.Position{Offset: o, LeaderEpoch: fencepost.NoEpoch, Fence: f}
	}
	commit := fencepost.Move{Held: p(5, 7), Next: p(9, 7), Cause: fencepost.CauseCommit}
	start := fencepost.Move{Next: p(0, 7), Cause: fencepost.CauseStart}
	for what, c := range map[string]struct {
		ledger fencepost.Position
		fencepost.Move
		want fencepost.Standing
	}{
		"as held":                           {p(5, 7), commit, fencepost.StandingHeld},
		"our own next":                      {p(9, 7), commit, fencepost.StandingDone},
		"another fence at our offset":       {p(5, 8), commit, fencepost.StandingMoved},
		"another fence at our next offset":  {p(9, 8), commit, fencepost.StandingMoved},
		"same fence, between":               {p(6, 7), commit, fencepost.StandingAhead},
		"same fence, beyond":                {p(10, 7), commit, fencepost.StandingAhead},
		"same fence, behind":                {p(4, 7), commit, fencepost.StandingBehind},
		"no row":                            {fencepost.Position{}, commit, fencepost.StandingForeign},
		"a row without a fence":             {p(5, 0), commit, fencepost.StandingForeign},
		"a start where none is":             {fencepost.Position{}, start, fencepost.StandingHeld},
		"a start, made already":             {p(0, 7), start, fencepost.StandingDone},
		"a start that another made":         {p(0, 8), start, fencepost.StandingMoved},
		"a start over a foreign row":        {p(40, 0), start, fencepost.StandingForeign},
		"a start over a foreign row at 0":   {p(0, 0), start, fencepost.StandingForeign},
		"a foreign row that went on by far": {p(9, 0), fencepost.Move{Held: p(5, 0), Next: p(9, 3)}, fencepost.StandingForeign},
	} {
		if got := fencepost.Stand(c.ledger, c.Move); got != c.want {
			t.Errorf("%s: stands %s, want %s", what, got, c.want)
		}
	}
}

// Check names the partitions that do not agree, and no other.
func TestCheckNamesTheRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := map[fencepost.TopicPartition]fencepost.Position{}
		want := map[fencepost.TopicPartition]bool{}
		var moves []fencepost.Move
		for i := range rapid.IntRange(0, 6).Draw(t, "partitions") {
			tp := fencepost.TopicPartition{Topic: "t", Partition: int32(i)}
			draw := func(what string) (p fencepost.Position) {
				if rapid.IntRange(0, 3).Draw(t, what+" is there") > 0 {
					p = fencepost.Position{Offset: fencepost.Offset(rapid.IntRange(0, 2).Draw(t, what)), Fence: fencepost.Fence(rapid.IntRange(1, 2).Draw(t, "fence"))}
				}
				return p
			}
			ledger, mover := draw("ledger"), draw("mover")
			if ledger != (fencepost.Position{}) {
				held[tp] = ledger
			}
			if ledger.Offset != mover.Offset || ledger.Fence != mover.Fence {
				want[tp] = true
			}
			moves = append(moves, fencepost.Move{TopicPartition: tp, Held: mover})
		}
		err := fencepost.Check(held, moves)
		r, refused := errors.AsType[*fencepost.Refused](err)
		if refused != (len(want) > 0) || (err == nil) == refused {
			t.Fatalf("check: got %v, want a refusal of %v", err, want)
		}
		for tp := range want {
			if p, ok := r.Held[tp]; !ok || p != held[tp] {
				t.Fatalf("refusal of %s: got %+v (%t), want %+v", tp, p, ok, held[tp])
			}
		}
		if refused && len(r.Held) != len(want) {
			t.Fatalf("refusal: got %v, want %v only", r.Held, want)
		}
	})
}

func TestRefusedSaysWhatIsHeld(t *testing.T) {
	r := &fencepost.Refused{Held: map[fencepost.TopicPartition]fencepost.Position{
		{Topic: "flights", Partition: 10}: {Offset: 5, Fence: 255}, {Topic: "flights", Partition: 2}: {},
		{Topic: "airports"}: {Offset: 1, Fence: 1}, {Topic: "planes"}: {Offset: 7, Fence: 1}, {Topic: "planes", Partition: 1}: {},
	}}
	want := "refused: the ledger holds airports:0 at 1 (fence 0000000000000001) flights:2 absent flights:10 at 5 (fence 00000000000000ff) and 2 more"
	if r.Error() != want {
		t.Errorf("got  %s\nwant %s", r, want)
	}
}

func ExampleStand() {
	held := fencepost.Position{Offset: 100, Fence: 7}
	mine := fencepost.Move{Held: held, Next: held.Advance(160, 3), Cause: fencepost.CauseCommit}
	for _, ledger := range []fencepost.Position{
		{Offset: 160, Fence: 7}, // our answer was lost, and it was a success
		{Offset: 200, Fence: 7}, // another worker went on: we are late
		{Offset: 100, Fence: 8}, // an operator moved it, and back to the same offset
		{Offset: 40, Fence: 7},  // the store was restored
		{},                      // the row is gone
	} {
		fmt.Println(fencepost.Stand(ledger, mine))
	}
	// Output:
	// done
	// ahead
	// moved
	// behind
	// foreign
}

// A list comes out in partition order and as it was given stays; one bad move, or a partition twice, spoils it whole.
func TestInOrder(t *testing.T) {
	start := func(p int32) fencepost.Move {
		return fencepost.Move{TopicPartition: fencepost.TopicPartition{Topic: "trips", Partition: p}, Cause: fencepost.CauseStart, Next: fencepost.Position{Fence: 7}}
	}
	given := []fencepost.Move{start(2), start(0), start(1)}
	got, err := fencepost.InOrder(given)
	if err != nil || got[0].Partition != 0 || got[1].Partition != 1 || got[2].Partition != 2 || given[0].Partition != 2 {
		t.Errorf("InOrder gives %v, %v, and leaves %v", got, err, given)
	}
	bad := start(3)
	bad.Next.Fence = 0
	for what, moves := range map[string][]fencepost.Move{"a partition twice": {start(1), start(0), start(1)}, "an invalid move": {start(1), bad}} {
		if _, err := fencepost.InOrder(moves); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
