package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"pgregory.net/rapid"
)

// The guarantees of a Move, each broken by itself.
func TestMoveValidate(t *testing.T) {
	held := ledger.Position{Offset: 10, LeaderEpoch: 1, Fence: 5, TopicID: fencepost.TopicID{1}}
	other := ledger.Position{Offset: 2, LeaderEpoch: fencepost.NoEpoch, Fence: 6, TopicID: fencepost.TopicID{2}}
	for _, c := range []struct {
		what string
		ledger.Move
		want string // part of the error; empty: valid
	}{
		{"a start", ledger.Move{Next: other, Cause: ledger.CauseStart}, ""},
		{"an import", ledger.Move{Next: other, Cause: ledger.CauseImport}, ""},
		{"a start of a recreated topic", ledger.Move{Held: held, Next: other, Cause: ledger.CauseStart}, ""},
		{"a commit", ledger.Move{Held: held, Next: held.Advance(12, 2), Cause: ledger.CauseCommit}, ""},
		{"a commit of no entries", ledger.Move{Held: held, Next: held, Cause: ledger.CauseCommit}, ""},
		{"a gap", ledger.Move{Held: held, Next: other, Cause: ledger.CauseGap}, ""},
		{"a skip", ledger.Move{Held: held, Next: other, Cause: ledger.CauseSkip}, ""},
		{"a rewind", ledger.Move{Held: held, Next: other, Cause: ledger.CauseRewind}, ""},
		{"adopting a foreign row", ledger.Move{Held: ledger.Position{LeaderEpoch: fencepost.NoEpoch}, Next: other, Cause: ledger.CauseRewind}, ""},
		{"no cause", ledger.Move{Held: held, Next: other}, "cause is unset"},
		{"a cause of tomorrow", ledger.Move{Held: held, Next: other, Cause: 99}, "cause is cause(99)"},
		{"nowhere to go", ledger.Move{Held: held, Cause: ledger.CauseRewind}, "without a fence"},
		{"a negative fence", ledger.Move{Held: held, Next: ledger.Position{Fence: -1}, Cause: ledger.CauseRewind}, "without a fence"},
		{"a negative offset", ledger.Move{Held: held, Next: ledger.Position{Offset: -1, Fence: 9}, Cause: ledger.CauseRewind}, "negative"},
		{"a negative held offset", ledger.Move{Held: ledger.Position{Offset: -1, Fence: 1}, Next: other, Cause: ledger.CauseRewind}, "negative"},
		{"a negative partition", ledger.Move{TopicPartition: fencepost.TopicPartition{Partition: -1}, Held: held, Next: other, Cause: ledger.CauseRewind}, "negative"},
		{"a commit of nothing", ledger.Move{Next: other, Cause: ledger.CauseCommit}, "commit of an absent position"},
		{"a commit with another fence", ledger.Move{Held: held, Next: ledger.Position{Offset: 12, Fence: 6, TopicID: held.TopicID}, Cause: ledger.CauseCommit}, "changes the fence"},
		{"a commit of another topic", ledger.Move{Held: held, Next: ledger.Position{Offset: 12, Fence: 5, TopicID: other.TopicID}, Cause: ledger.CauseCommit}, "the topic ID"},
		{"a commit that goes back", ledger.Move{Held: held, Next: ledger.Position{Offset: 9, Fence: 5, TopicID: held.TopicID}, Cause: ledger.CauseCommit}, "goes back from 10 to 9"},
		{"a rewind that keeps the fence", ledger.Move{Held: held, Next: ledger.Position{Offset: 2, Fence: 5}, Cause: ledger.CauseRewind}, "keeps the fence"},
		{"a rewind of nothing", ledger.Move{Next: other, Cause: ledger.CauseRewind}, "rewind of an absent position"},
		{"a gap of nothing", ledger.Move{Next: other, Cause: ledger.CauseGap}, "gap of an absent position"},
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
	for c := ledger.CauseStart; c <= ledger.CauseImport; c++ {
		if got, err := ledger.ParseCause(c.String()); err != nil || got != c {
			t.Errorf("cause %s: got %s, %v", c, got, err)
		}
	}
	for _, word := range []string{"unset", "", "Commit", "cause(9)"} {
		if c, err := ledger.ParseCause(word); err == nil {
			t.Errorf("cause %q: got %s, want an error", word, c)
		}
	}
}

// Law 1 in small: an offset and a fence that agree, and a row that is there or is not.
func TestHolds(t *testing.T) {
	at := ledger.Position{Offset: 5, LeaderEpoch: 2, Fence: 7, TopicID: fencepost.TopicID{1}}
	for what, c := range map[string]struct {
		ledger, mover ledger.Position
		want          bool
	}{
		"the same":                         {at, at, true},
		"another epoch and topic ID":       {at, ledger.Position{Offset: 5, Fence: 7}, true},
		"another offset":                   {at, ledger.Position{Offset: 6, Fence: 7}, false},
		"another fence":                    {at, ledger.Position{Offset: 5, Fence: 8}, false},
		"no row on both sides":             {ledger.Position{}, ledger.Position{}, true},
		"no row, one held":                 {ledger.Position{}, at, false},
		"a foreign row at 0, none held":    {ledger.Position{LeaderEpoch: fencepost.NoEpoch}, ledger.Position{}, false},
		"no row, a foreign one at 0 held":  {ledger.Position{}, ledger.Position{LeaderEpoch: fencepost.NoEpoch}, false},
		"a foreign row at 0, and it held":  {ledger.Position{LeaderEpoch: fencepost.NoEpoch}, ledger.Position{LeaderEpoch: fencepost.NoEpoch}, true},
		"a start at 0, where none is held": {ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 1}, ledger.Position{}, false},
	} {
		if got := c.ledger.Holds(c.mover); got != c.want {
			t.Errorf("%s: holds %t, want %t", what, got, c.want)
		}
	}
}

// Every Relation of a refused mover.
func TestStand(t *testing.T) {
	p := func(o fencepost.Offset, f ledger.Fence) ledger.Position {
		return ledger.Position{Offset: o, LeaderEpoch: fencepost.NoEpoch, Fence: f}
	}
	commit := ledger.Move{Held: p(5, 7), Next: p(9, 7), Cause: ledger.CauseCommit}
	start := ledger.Move{Next: p(0, 7), Cause: ledger.CauseStart}
	for what, c := range map[string]struct {
		ledger ledger.Position
		ledger.Move
		want ledger.Relation
	}{
		"as held":                           {p(5, 7), commit, ledger.RelationHeld},
		"our own next":                      {p(9, 7), commit, ledger.RelationDone},
		"another fence at our offset":       {p(5, 8), commit, ledger.RelationMoved},
		"another fence at our next offset":  {p(9, 8), commit, ledger.RelationMoved},
		"same fence, between":               {p(6, 7), commit, ledger.RelationAhead},
		"same fence, beyond":                {p(10, 7), commit, ledger.RelationAhead},
		"same fence, behind":                {p(4, 7), commit, ledger.RelationBehind},
		"no row":                            {ledger.Position{}, commit, ledger.RelationForeign},
		"a row without a fence":             {p(5, 0), commit, ledger.RelationForeign},
		"a start where none is":             {ledger.Position{}, start, ledger.RelationHeld},
		"a start, made already":             {p(0, 7), start, ledger.RelationDone},
		"a start that another made":         {p(0, 8), start, ledger.RelationMoved},
		"a start over a foreign row":        {p(40, 0), start, ledger.RelationForeign},
		"a start over a foreign row at 0":   {p(0, 0), start, ledger.RelationForeign},
		"a foreign row that went on by far": {p(9, 0), ledger.Move{Held: p(5, 0), Next: p(9, 3)}, ledger.RelationForeign},
	} {
		if got := ledger.Relate(c.ledger, c.Move); got != c.want {
			t.Errorf("%s: stands %s, want %s", what, got, c.want)
		}
	}
}

// Check names the partitions that do not agree, and no other.
func TestCheckNamesTheRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := map[fencepost.TopicPartition]ledger.Position{}
		want := map[fencepost.TopicPartition]bool{}
		var moves []ledger.Move
		for i := range rapid.IntRange(0, 6).Draw(t, "partitions") {
			tp := fencepost.TopicPartition{Topic: "t", Partition: int32(i)}
			draw := func(what string) (p ledger.Position) {
				if rapid.IntRange(0, 3).Draw(t, what+" is there") > 0 {
					p = ledger.Position{Offset: fencepost.Offset(rapid.IntRange(0, 2).Draw(t, what)), Fence: ledger.Fence(rapid.IntRange(1, 2).Draw(t, "fence"))}
				}
				return p
			}
			has, mover := draw("ledger"), draw("mover")
			if has != (ledger.Position{}) {
				held[tp] = has
			}
			if has.Offset != mover.Offset || has.Fence != mover.Fence {
				want[tp] = true
			}
			moves = append(moves, ledger.Move{TopicPartition: tp, Held: mover})
		}
		err := ledger.Compare(held, moves)
		r, refused := errors.AsType[*ledger.Refused](err)
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
	r := &ledger.Refused{Held: map[fencepost.TopicPartition]ledger.Position{
		{Topic: "flights", Partition: 10}: {Offset: 5, Fence: 255}, {Topic: "flights", Partition: 2}: {},
		{Topic: "airports"}: {Offset: 1, Fence: 1}, {Topic: "planes"}: {Offset: 7, Fence: 1}, {Topic: "planes", Partition: 1}: {},
	}}
	want := "refused: the ledger holds airports:0 at 1 (fence 0000000000000001) flights:2 absent flights:10 at 5 (fence 00000000000000ff) and 2 more"
	if r.Error() != want {
		t.Errorf("got  %s\nwant %s", r, want)
	}
}

func ExampleRelate() {
	held := ledger.Position{Offset: 100, Fence: 7}
	mine := ledger.Move{Held: held, Next: held.Advance(160, 3), Cause: ledger.CauseCommit}
	for _, holds := range []ledger.Position{
		{Offset: 160, Fence: 7}, // our answer was lost, and it was a success
		{Offset: 200, Fence: 7}, // another worker went on: we are late
		{Offset: 100, Fence: 8}, // an operator moved it, and back to the same offset
		{Offset: 40, Fence: 7},  // the store was restored
		{},                      // the row is gone
	} {
		fmt.Println(ledger.Relate(holds, mine))
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
	start := func(p int32) ledger.Move {
		return ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "trips", Partition: p}, Cause: ledger.CauseStart, Next: ledger.Position{Fence: 7}}
	}
	given := []ledger.Move{start(2), start(0), start(1)}
	got, err := ledger.InOrder(given)
	if err != nil || got[0].Partition != 0 || got[1].Partition != 1 || got[2].Partition != 2 || given[0].Partition != 2 {
		t.Errorf("InOrder gives %v, %v, and leaves %v", got, err, given)
	}
	bad := start(3)
	bad.Next.Fence = 0
	for what, moves := range map[string][]ledger.Move{"a partition twice": {start(1), start(0), start(1)}, "an invalid move": {start(1), bad}} {
		if _, err := ledger.InOrder(moves); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
