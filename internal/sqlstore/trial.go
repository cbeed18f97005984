package sqlstore

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Trial returns moves of an unused group, each with the way to keep it. A ledger takes them one after the other, in a
// transaction that is rolled back: a server that does not run their statements, and a right that is missing, are found so before
// a run finds them.
func Trial() (w ledger.Actor, moves []ledger.Move, keep []ledger.KeepCommits) {
	start := ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "check"}, Cause: ledger.CauseStart, Partitions: 1,
		Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: ledger.NewFence(1), TopicID: fencepost.TopicID{1}}}
	next := func(m ledger.Move) ledger.Move {
		m.Cause, m.Partitions, m.Held = ledger.CauseCommit, 0, m.Next
		m.Next.Offset++
		return m
	}
	merged := next(start)
	return ledger.Actor{Group: fencepost.Group("check " + Secret()), ClusterID: "check", Who: "check"},
		[]ledger.Move{start, merged, next(merged)}, []ledger.KeepCommits{ledger.KeepMerged, ledger.KeepMerged, ledger.KeepAll}
}

// tryLedger sends the moves of Trial. Its errors are those of Errors.Edge.
func (d *Dialect[S]) tryLedger(ctx context.Context, s S, t Tables) error {
	w, moves, keep := Trial()
	text := d.Ledger.Begin + d.Ledger.Move(s, t, w, moves[:1])
	for i := 1; i < len(moves); i++ {
		text += d.Ledger.Compare(s, t, Commits{Writer: w, Moves: moves[i : i+1], Keep: keep[i]})
	}
	if _, err := s.Exec(ctx, text+"rollback"); err != nil {
		return d.failed(ctx, s, err)
	}
	return nil
}
