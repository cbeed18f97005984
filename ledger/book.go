package ledger

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
)

// Book is one group's ledger in Go: the compare-and-set, and what is kept of the moves. A store that can read and
// replace a group's content in one piece is a Book, a lock around it, and a way to make each change durable; stores that
// decide in their own language hold the same rules, and pass the same suite. The zero Book is a group that never moved; a
// store that keeps a group's content rather than its moves fills its Book by Load.
type Book struct {
	clusterID string
	topics    map[string]TopicState
	positions map[fencepost.TopicPartition]Position
	kept      []Recorded
	open      map[fencepost.TopicPartition]int // :: partition -> its merged entry in kept, until the next move that is no commit
}

// Load replaces the content by what was stored of a group: what Snapshot and Moves have returned.
func (b *Book) Load(s Snapshot, kept []Recorded) {
	*b = Book{clusterID: s.ClusterID, topics: map[string]TopicState{}, positions: map[fencepost.TopicPartition]Position{},
		kept: slices.Clone(kept), open: map[fencepost.TopicPartition]int{}}
	maps.Copy(b.topics, s.Topics)
	maps.Copy(b.positions, s.Positions)
	for i, r := range kept {
		delete(b.open, r.TopicPartition)
		if r.Cause == CauseCommit && b.positions[r.TopicPartition].Holds(r.Next) {
			b.open[r.TopicPartition] = i
		}
	}
}

// Snapshot is a copy of the content, as of the ledger with this identity.
func (b *Book) Snapshot(id fencepost.LedgerID) Snapshot {
	s := Snapshot{Ledger: id, ClusterID: b.clusterID, Topics: map[string]TopicState{}, Positions: map[fencepost.TopicPartition]Position{}}
	maps.Copy(s.Topics, b.topics)
	maps.Copy(s.Positions, b.positions)
	return s
}

// Moves is a copy of what was kept, in the order of the moves.
func (b *Book) Moves() []Recorded { return slices.Clone(b.kept) }

// Clone is a copy that shares nothing with b.
func (b *Book) Clone() Book {
	return Book{clusterID: b.clusterID, topics: maps.Clone(b.topics), positions: maps.Clone(b.positions),
		kept: slices.Clone(b.kept), open: maps.Clone(b.open)}
}

// Compare decides whether the moves may be made. It changes nothing.
//
// Errors: *Refused, ErrOtherCluster; a plain error for a move that breaks its guarantees (InOrder) or the rule of the group's topics
// (Enroll).
func (b *Book) Compare(w Actor, moves []Move) error {
	if _, err := InOrder(moves); err != nil {
		return err
	}
	if b.clusterID != "" && w.ClusterID != "" && b.clusterID != w.ClusterID {
		return fmt.Errorf("%w: the ledger's is %s, these brokers' is %s", ErrOtherCluster, b.clusterID, w.ClusterID)
	}
	if err := Compare(b.positions, moves); err != nil {
		return err
	}
	_, err := Enroll(b.topics, moves)
	return err
}

// Record makes moves that Compare allowed, at a time, and keeps them: commits as keep says, all others always.
func (b *Book) Record(w Actor, moves []Move, at time.Time, keep KeepCommits) {
	if b.positions == nil {
		*b = Book{topics: map[string]TopicState{}, positions: map[fencepost.TopicPartition]Position{}, open: map[fencepost.TopicPartition]int{}}
	}
	if b.clusterID == "" {
		b.clusterID = w.ClusterID
	}
	enrolled, _ := Enroll(b.topics, moves) // REQUIRES: Compare allowed them
	maps.Copy(b.topics, enrolled)
	for _, m := range moves {
		b.positions[m.TopicPartition] = m.Next
		b.keep(Recorded{Move: m, At: at, Who: w.Who}, keep)
	}
}

// Put replaces a position without a compare, as another program does that writes into the store itself; an absent one
// takes the row away.
func (b *Book) Put(tp fencepost.TopicPartition, pos Position) {
	if pos.Absent() {
		delete(b.positions, tp)
		return
	}
	if b.positions == nil {
		b.Record(Actor{}, nil, time.Time{}, KeepNone)
	}
	b.positions[tp] = pos
}

func (b *Book) keep(r Recorded, keep KeepCommits) {
	if r.Cause != CauseCommit {
		delete(b.open, r.TopicPartition)
		b.kept = append(b.kept, r)
		return
	}
	r.Commits = 1
	if r.AtMost != 0 || r.Why != "" { // it passes records, or says why: it is told apart always (law 4)
		delete(b.open, r.TopicPartition)
		b.kept = append(b.kept, r)
		return
	}
	switch keep {
	case KeepNone:
	case KeepAll:
		b.kept = append(b.kept, r)
	case KeepMerged:
		i, ok := b.open[r.TopicPartition]
		if !ok {
			b.open[r.TopicPartition] = len(b.kept)
			b.kept = append(b.kept, r)
			return
		}
		r.Held, r.Commits = b.kept[i].Held, b.kept[i].Commits+1
		b.kept[i] = r
	}
}
