package sinktest_test

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// Each way in which a chain can break is named as what it is.
func TestProofFindsBreaks(t *testing.T) {
	tp := fencepost.TopicPartition{Topic: "flights"}
	at := func(o fencepost.Offset, f ledger.Fence) ledger.Position {
		return ledger.Position{Offset: o, Fence: f}
	}
	chain := func() ([]ledger.Recorded, ledger.Snapshot) {
		move := func(held, next ledger.Position, c ledger.Cause, commits int64) ledger.Recorded {
			return ledger.Recorded{Move: ledger.Move{TopicPartition: tp, Held: held, Next: next, Cause: c}, Commits: commits}
		}
		return []ledger.Recorded{
			move(ledger.Position{}, at(5, 1), ledger.CauseStart, 0),
			move(at(5, 1), at(9, 1), ledger.CauseCommit, 3),
			move(at(9, 1), at(2, 7), ledger.CauseRewind, 0),
			move(at(2, 7), at(4, 7), ledger.CauseCommit, 1),
		}, ledger.Snapshot{Positions: map[fencepost.TopicPartition]ledger.Position{tp: at(4, 7)}}
	}
	if err := sinktest.Proof(chain()); err != nil {
		t.Fatalf("a whole chain: %v", err)
	}
	for want, spoil := range map[string]func([]ledger.Recorded, ledger.Snapshot) []ledger.Recorded{
		"a hole [5 .. 6)": func(r []ledger.Recorded, _ ledger.Snapshot) []ledger.Recorded {
			r[1].Held.Offset = 6
			return r
		},
		"an overlap [4 .. 5)": func(r []ledger.Recorded, _ ledger.Snapshot) []ledger.Recorded {
			r[1].Held.Offset = 4
			return r
		},
		"but the last move left 9 (fence 0000000000000001)": func(r []ledger.Recorded, _ ledger.Snapshot) []ledger.Recorded {
			return append(r[:2], r[3])
		},
		"the ledger holds 3": func(r []ledger.Recorded, s ledger.Snapshot) []ledger.Recorded {
			s.Positions[tp] = at(3, 7)
			return r
		},
		"the ledger holds 0": func(r []ledger.Recorded, s ledger.Snapshot) []ledger.Recorded {
			delete(s.Positions, tp)
			return r
		},
		"no move made it":  func(_ []ledger.Recorded, _ ledger.Snapshot) []ledger.Recorded { return nil },
		"cause is unset":   func(r []ledger.Recorded, _ ledger.Snapshot) []ledger.Recorded { r[2].Cause = 0; return r },
		"counts 0 commits": func(r []ledger.Recorded, _ ledger.Snapshot) []ledger.Recorded { r[1].Commits = 0; return r },
	} {
		r, s := chain()
		r = spoil(r, s)
		if err := sinktest.Proof(r, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a broken chain: got %v, want an error that says %q", err, want)
		}
	}
}
