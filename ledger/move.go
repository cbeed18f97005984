package ledger

import (
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
)

// Cause says why a Position moved.
type Cause uint8

// The causes. The zero Cause is unset and refused by every ledger.
const (
	CauseUnset  Cause = iota
	CauseStart        // the group's first Position of a partition, or of a recreated topic
	CauseCommit       // effects of [Held.Offset, Next.Offset) became visible in the same commit
	CauseGap          // records were passed without being applied, because they are gone
	CauseSkip         // records were passed by an operator's decision
	CauseRewind       // back, to apply records again
	CauseImport       // taken over from another program's offsets, or the brokers' topic ID by a position that had none
)

var causes = [...]string{"unset", "start", "commit", "gap", "skip", "rewind", "import"}

// String is the cause as ledgers store it and commands print it.
func (c Cause) String() string {
	if int(c) < len(causes) {
		return causes[c]
	}
	return fmt.Sprintf("cause(%d)", uint8(c))
}

// ParseCause reads the form that [Cause.String] prints; "unset" is refused.
func ParseCause(s string) (Cause, error) {
	for c := CauseStart; int(c) < len(causes); c++ {
		if causes[c] == s {
			return c, nil
		}
	}
	return CauseUnset, fmt.Errorf("parse cause %q: not one of %v", s, causes[1:])
}

// UnknownLoss in [Move.AtMost] says that the records the move passes cannot be counted: the topic that held them is
// gone.
const UnknownLoss int64 = -1

// Move is one change of one Position. A ledger accepts it only if it holds Held's Offset and Fence (an absent Held:
// only if there is no row).
//
// Guarantees, checked by [Move.Validate] where moves enter a ledger:
//
//  1. Next is not absent, Next.Fence > 0, Next.Offset >= 0
//  2. a commit keeps the Fence and the TopicID and does not go back; every other cause brings a new Fence
//  3. an absent Held has cause start or import
//  4. a Backfill is a start's, has a group, a valid range, and its times in UTC
type Move struct {
	fencepost.TopicPartition
	Held, Next Position
	Cause      Cause
	AtMost     int64  // most records that the move passes unapplied; UnknownLoss if they cannot be counted
	Why        string // for people: a reason, a ticket; may be empty
	// Backfill is, for the start of a backfill's partition, what is to run again. Zero otherwise.
	Backfill Backfill
	// Partitions is, for a start or an import, how many partitions the topic has: the count of the topic's state after this move is
	// at least this. Zero otherwise.
	Partitions int32
}

// String says what the move changes, and why.
func (m Move) String() string {
	from := "nothing"
	if !m.Held.Absent() {
		from = fmt.Sprint(m.Held.Offset)
	}
	text := fmt.Sprintf("%s %s from %s to %d", m.TopicPartition, m.Cause, from, m.Next.Offset)
	if why := m.Reason(); why != "" {
		text += ": " + why
	}
	return text
}

// Enrolls reports whether the move counts in the topics: a start, and an import, with which a group begins where
// another program has run. What was imported and lost its row is a lost row, as what was started.
func (m Move) Enrolls() bool { return m.Cause == CauseStart || m.Cause == CauseImport }

// Adopts reports whether the move takes the brokers' topic ID over into a position or topics that had none, and leaves
// the position where it is: an import of nothing else.
func (m Move) Adopts() bool {
	return m.Cause == CauseImport && m.Held.Fence != 0 && m.Held.Offset == m.Next.Offset && m.AtMost == 0
}

// Validate checks a Move's guarantees. It returns a plain error: a caller that builds an invalid Move has a bug.
func (m Move) Validate() error {
	switch {
	case m.Cause == CauseUnset || int(m.Cause) >= len(causes):
		return fmt.Errorf("move %s: cause is %s", m.TopicPartition, m.Cause)
	case m.Next.Fence <= 0 || m.Next.Offset < 0 || m.Held.Offset < 0 || m.Partition < 0:
		return fmt.Errorf("move %s: negative, or without a fence", m.TopicPartition)
	case m.Cause == CauseCommit && m.Held.Absent():
		return fmt.Errorf("move %s: a commit of an absent position", m.TopicPartition)
	case m.Cause == CauseCommit && (m.Held.Fence != m.Next.Fence || m.Held.TopicID != m.Next.TopicID):
		return fmt.Errorf("move %s: a commit changes the fence or the topic ID", m.TopicPartition)
	case m.Cause == CauseCommit && m.Next.Offset < m.Held.Offset:
		return fmt.Errorf("move %s: a commit goes back from %d to %d", m.TopicPartition, m.Held.Offset, m.Next.Offset)
	case m.Cause != CauseCommit && m.Held.Fence == m.Next.Fence:
		return fmt.Errorf("move %s: %s keeps the fence", m.TopicPartition, m.Cause)
	case m.Held.Absent() && m.Cause != CauseStart && m.Cause != CauseImport:
		return fmt.Errorf("move %s: %s of an absent position", m.TopicPartition, m.Cause)
	case m.Backfill != (Backfill{}) && (m.Cause != CauseStart || !m.Backfill.valid()):
		return fmt.Errorf("move %s: %s with a backfill of %+v", m.TopicPartition, m.Cause, m.Backfill)
	}
	return nil
}

// InOrder is the moves in TopicPartition order, each of them valid and no partition twice: what a ledger does first with
// a list. It returns a plain error, as [Move.Validate] does.
func InOrder(moves []Move) ([]Move, error) {
	moves = slices.Clone(moves)
	slices.SortFunc(moves, func(a, b Move) int { return a.Compare(b.TopicPartition) })
	for i, m := range moves {
		if err := m.Validate(); err != nil {
			return nil, err
		}
		if i > 0 && m.TopicPartition == moves[i-1].TopicPartition {
			return nil, fmt.Errorf("move %s: twice in one list", m.TopicPartition)
		}
	}
	return moves, nil
}

// Actor says on whose behalf a ledger is moved.
type Actor struct {
	Group fencepost.Group
	// ClusterID is the cluster that the offsets belong to. The group's first move records it; a move under another
	// one is refused with ErrOtherCluster. Empty: unknown (very old brokers), nothing is checked.
	ClusterID string
	Who       string // kept with each recorded move: worker or operator, `pid@host`
}
