package ledgertest_test

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledgertest"
)

// Each way in which a chain can break is named as what it is.
func TestProofFindsBreaks(t *testing.T) {
	tp := fencepost.TopicPartition{Topic: "flights"}
	at := func(o fencepost.Offset, f fencepost.Fence) fencepost.Position {
		return fencepost.Position{Offset: o, Fence: f}
	}
	chain := func() ([]fencepost.Recorded, fencepost.Snapshot) {
		move := func(held, next fencepost.Position, c fencepost.Cause, commits int64) fencepost.Recorded {
			return fencepost.Recorded{Move: fencepost.Move{TopicPartition: tp, Held: held, Next: next, Cause: c}, Commits: commits}
		}
		return []fencepost.Recorded{
			move(fencepost.Position{}, at(5, 1), fencepost.CauseStart, 0),
			move(at(5, 1), at(9, 1), fencepost.CauseCommit, 3),
			move(at(9, 1), at(2, 7), fencepost.CauseRewind, 0),
			move(at(2, 7), at(4, 7), fencepost.CauseCommit, 1),
		}, fencepost.Snapshot{Positions: map[fencepost.TopicPartition]fencepost.Position{tp: at(4, 7)}}
	}
	if err := ledgertest.Proof(chain()); err != nil {
		t.Fatalf("a whole chain: %v", err)
	}
	for want, spoil := range map[string]func([]fencepost.Recorded, fencepost.Snapshot) []fencepost.Recorded{
		"a hole [5 .. 6)": func(r []fencepost.Recorded, _ fencepost.Snapshot) []fencepost.Recorded {
			r[1].Held.Offset = 6
			return r
		},
		"an overlap [4 .. 5)": func(r []fencepost.Recorded, _ fencepost.Snapshot) []fencepost.Recorded {
			r[1].Held.Offset = 4
			return r
		},
		"but the last move left 9 (fence 0000000000000001)": func(r []fencepost.Recorded, _ fencepost.Snapshot) []fencepost.Recorded {
			return append(r[:2], r[3])
		},
		"the ledger holds 3": func(r []fencepost.Recorded, s fencepost.Snapshot) []fencepost.Recorded {
			s.Positions[tp] = at(3, 7)
			return r
		},
		"the ledger holds 0": func(r []fencepost.Recorded, s fencepost.Snapshot) []fencepost.Recorded {
			delete(s.Positions, tp)
			return r
		},
		"no move made it":  func(_ []fencepost.Recorded, _ fencepost.Snapshot) []fencepost.Recorded { return nil },
		"cause is unset":   func(r []fencepost.Recorded, _ fencepost.Snapshot) []fencepost.Recorded { r[2].Cause = 0; return r },
		"counts 0 commits": func(r []fencepost.Recorded, _ fencepost.Snapshot) []fencepost.Recorded { r[1].Commits = 0; return r },
	} {
		r, s := chain()
		r = spoil(r, s)
		if err := ledgertest.Proof(r, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a broken chain: got %v, want an error that says %q", err, want)
		}
	}
}
