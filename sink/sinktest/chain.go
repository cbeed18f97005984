package sinktest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Chain fails the test unless the recorded moves prove the snapshot: of each partition, the first move begins at the
// absent position, each next one where the last one ended, and the last one ends at the stored position.
// recorded is the history of a ledger that keeps its commits, merged or not.
func Chain(t *testing.T, recorded []ledger.Recorded, s ledger.Snapshot) {
	t.Helper()
	if err := Proof(recorded, s); err != nil {
		t.Errorf("the moves do not prove the positions:\n%v", err)
	}
}

// Proof is what Chain checks: nil, or every break of the chain.
func Proof(recorded []ledger.Recorded, s ledger.Snapshot) error {
	var breaks []error
	last := map[fencepost.TopicPartition]ledger.Position{}
	for i, r := range recorded {
		at := last[r.TopicPartition]
		switch {
		case !at.Holds(r.Held) && at.Fence == r.Held.Fence && r.Held.Offset > at.Offset:
			breaks = append(breaks, fmt.Errorf("move %d of %s: a hole %s", i, r.TopicPartition, fencepost.OffsetRange{From: at.Offset, Until: r.Held.Offset}))
		case !at.Holds(r.Held) && at.Fence == r.Held.Fence:
			breaks = append(breaks, fmt.Errorf("move %d of %s: an overlap %s", i, r.TopicPartition, fencepost.OffsetRange{From: r.Held.Offset, Until: at.Offset}))
		case !at.Holds(r.Held):
			breaks = append(breaks, fmt.Errorf("move %d of %s: it held %d (fence %s), but the last move left %d (fence %s)", i, r.TopicPartition,
				r.Held.Offset, r.Held.Fence, at.Offset, at.Fence))
		}
		if err := r.Validate(); err != nil {
			breaks = append(breaks, fmt.Errorf("move %d: %w", i, err))
		}
		if (r.Cause == ledger.CauseCommit) != (r.Commits > 0) {
			breaks = append(breaks, fmt.Errorf("move %d of %s: a %s that counts %d commits", i, r.TopicPartition, r.Cause, r.Commits))
		}
		last[r.TopicPartition] = r.Next
	}
	for tp, at := range last {
		if p := s.Positions[tp]; !p.Holds(at) {
			breaks = append(breaks, fmt.Errorf("%s: the moves end at %d (fence %s), the ledger holds %d (fence %s)", tp, at.Offset, at.Fence, p.Offset, p.Fence))
		}
	}
	for tp, p := range s.Positions {
		if _, ok := last[tp]; !ok {
			breaks = append(breaks, fmt.Errorf("%s: the ledger holds %d, and no move made it", tp, p.Offset))
		}
	}
	return errors.Join(breaks...)
}
