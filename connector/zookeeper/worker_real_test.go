//go:build realservers

package zookeeper

import (
	"crypto/rand"
	"encoding/binary"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var topicID = fencepost.TopicID{1}

// fence makes a fresh one.
func fence() ledger.Fence {
	var b [8]byte
	rand.Read(b[:])
	return ledger.NewFence(binary.BigEndian.Uint64(b[:]))
}

// at is a partition of the usual topic.
func at(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "flights", Partition: p}
}

// worker is one process: a ledger, and the positions it holds.
type worker struct {
	t      testing.TB
	ledger *Ledger
	as     ledger.Actor
	held   map[fencepost.TopicPartition]ledger.Position
}

// newWorker opens a ledger and starts n partitions.
func newWorker(t testing.TB, s *store, n int32) *worker {
	t.Helper()
	w := &worker{t: t, ledger: s.ledger(t, ledger.KeepMerged), held: map[fencepost.TopicPartition]ledger.Position{},
		as: ledger.Actor{Group: "g", ClusterID: "c", Who: "4711@worker-1"}}
	if n > 0 {
		w.must(starts(n))
	}
	return w
}

// starts are the starts of n partitions.
func starts(n int32) []ledger.Move {
	moves := make([]ledger.Move, n)
	for p := range n {
		moves[p] = ledger.Move{TopicPartition: at(p), Cause: ledger.CauseStart, Partitions: n,
			Next: ledger.Position{Offset: 1_000_000, LeaderEpoch: 7, Fence: fence(), TopicID: topicID}}
	}
	return moves
}

// must makes moves that must be accepted.
func (w *worker) must(moves []ledger.Move) {
	w.t.Helper()
	if err := w.ledger.Move(w.t.Context(), w.as, moves); err != nil {
		w.t.Fatal(err)
	}
	for _, m := range moves {
		w.held[m.TopicPartition] = m.Next
	}
}

// commit moves the first len(moves) partitions on by ten.
func (w *worker) commit(moves []ledger.Move) {
	w.t.Helper()
	for p := range moves {
		moves[p] = w.next(int32(p))
	}
	w.must(moves)
}

// next is a commit of ten.
func (w *worker) next(p int32) ledger.Move {
	held := w.held[at(p)]
	return ledger.Move{TopicPartition: at(p), Cause: ledger.CauseCommit, Held: held, Next: held.Advance(held.Offset+10, 7)}
}

func (w *worker) read() ledger.Snapshot {
	w.t.Helper()
	s, err := w.ledger.Read(w.t.Context(), w.as.Group)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}
