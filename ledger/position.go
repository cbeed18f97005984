package ledger

import (
	"fmt"

	"github.com/fencepost/fencepost"
)

// Position is how far one partition of a group has come. The zero Position is absent: the ledger has no row for it.
//
// Guarantees of a Position that is not absent:
//
//  1. Offset >= 0, the next entry to read
//  2. Fence > 0; the same through every commit, another after every other move
//  3. LeaderEpoch is the epoch of the entry at Offset-1, data or control, or NoEpoch. Only a commit takes it from a
//     record; other moves take it from ListOffsets or set NoEpoch, or leave it where the Offset stays
//  4. TopicID is the incarnation that Offset belongs to; zero only where the broker had none, and then it is the
//     topic's state, if that has one
type Position struct {
	Offset      fencepost.Offset
	LeaderEpoch fencepost.LeaderEpoch
	Fence       Fence
	TopicID     fencepost.TopicID
}

// Absent reports whether the ledger has no row for the partition.
func (p Position) Absent() bool { return p == Position{} }

// Holds reports whether a ledger that holds p accepts a mover that holds q: Offset and Fence agree, and a row is there
// or is not (a foreign row at offset 0 has no fence either). It is the one comparison of law 1; epoch and topic ID are
// facts about the position, not part of the compare-and-set.
func (p Position) Holds(q Position) bool {
	return p.Offset == q.Offset && p.Fence == q.Fence && p.Absent() == q.Absent()
}

// Advance is the Position after a commit of everything below until, whose last entry has that epoch. An epoch that is
// not known replaces one that was: the old one does not belong to the new Offset (it would look truncated). REQUIRES:
// until >= p.Offset.
func (p Position) Advance(until fencepost.Offset, epoch fencepost.LeaderEpoch) Position {
	if until < p.Offset {
		panic(fmt.Sprintf("fencepost: law broken (positions, not records): a commit goes from %d back to %d", p.Offset, until))
	}
	if until > p.Offset {
		p.Offset, p.LeaderEpoch = until, epoch
	}
	return p
}
