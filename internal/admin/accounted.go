package admin

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// accounted is the records that a commit covers and that are no rows, on purpose: they are dead letters, or the commit says that
// it skips so many.
type accounted struct {
	letters map[LetterPlace]bool
	skips   map[TopicPartition][]skips
	skipped int64 // records that a skip accounts for
}

// skips is a commit that passed records unapplied, and how many of them were not found yet.
type skips struct {
	fencepost.OffsetRange
	left int64
}

// skip takes the next recorded move.
func (a *accounted) skip(m ledger.Recorded) {
	if m.Cause != ledger.CauseCommit || m.AtMost <= 0 {
		return
	}
	if a.skips == nil {
		a.skips = map[TopicPartition][]skips{}
	}
	a.skips[m.TopicPartition] = append(a.skips[m.TopicPartition], skips{fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset}, m.AtMost})
}

// read reads the group's letters of the topics as they are now: records of an earlier incarnation can be looked up nowhere.
func (a *accounted) read(ctx context.Context, r Resources, now ledger.Snapshot) error {
	a.letters = map[LetterPlace]bool{}
	kept, able := ledger.As[ledger.Letters](r.Ledger)
	if !able {
		return nil
	}
	for l, err := range kept.Letters(ctx, r.Group) {
		if err != nil {
			return fmt.Errorf("read dead letters: %w", err)
		}
		if id := now.Positions[l.TopicPartition].TopicID; id == l.TopicID {
			a.letters[LetterPlace{l.TopicPartition, l.Offset}] = true
		}
	}
	return nil
}

// has reports whether a record without a row is accounted for.
func (a *accounted) has(rec *fencepost.Record) bool {
	if a.letters[LetterPlace{rec.TopicPartition, rec.Offset}] {
		return true
	}
	list := a.skips[rec.TopicPartition]
	for i := range list {
		if list[i].Contains(rec.Offset) && list[i].left > 0 {
			list[i].left--
			a.skipped++
			return true
		}
	}
	return false
}

// String is what is accounted for besides the rows; empty: nothing.
func (a *accounted) String() (said string) {
	if n := len(a.letters); n > 0 {
		said += ", " + text.Plural(int64(n), "dead letter")
	}
	if a.skipped > 0 {
		said += ", " + text.Plural(a.skipped, "record") + " skipped"
	}
	return said
}

// LetterCount is how many dead letters of a group wait. ok is false where its ledger keeps none, or does not answer.
func LetterCount(ctx context.Context, r Resources) (n int64, ok bool) {
	kept, err := r.letters(ctx)
	if err != nil {
		return 0, false
	}
	counts, err := kept.LetterCounts(ctx, r.Group)
	for _, c := range counts {
		n += c
	}
	return n, err == nil
}
