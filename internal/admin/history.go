package admin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Filter chooses recorded moves.
type Filter struct {
	Commits bool      // commits too
	Gaps    bool      // only those that passed records unapplied
	Since   time.Time // zero: all
}

// Told is the recorded moves that a Filter chose, oldest first.
type Told struct {
	Moves  []ledger.Recorded
	Folded int64 // commits that were left out
	// AtMost is the most records that the chosen moves passed unapplied, besides those of Unknown.
	AtMost  int64
	Unknown []string // topics whose number is not known, each once
	Old     []string // those of Unknown that were recreated: the records were the old topic's
}

// Moves reads the history.
func Moves(ctx context.Context, r Resources, f Filter) (t Told, err error) {
	if r.History == nil {
		return t, &fencepost.UserError{Code: "no-history", Err: fmt.Errorf("the ledger of group %s keeps no history", r.Group)}
	}
	if err := r.exists(ctx); err != nil {
		return t, err
	}
	moved := false
	for m, err := range r.History.Moves(ctx, r.Group) {
		if err != nil {
			return t, err
		}
		moved = true
		switch {
		case m.At.Before(f.Since), f.Gaps && m.AtMost == 0:
			continue
		case m.Cause == ledger.CauseCommit && !f.Commits && m.AtMost == 0 && m.Why == "":
			t.Folded += m.Commits
			continue
		}
		t.take(m)
	}
	if moved {
		return t, nil
	}
	return t, r.known(ctx)
}

// take adds a move, and what it passed.
func (t *Told) take(m ledger.Recorded) {
	t.Moves = append(t.Moves, m)
	t.AtMost += max(0, m.AtMost)
	if m.AtMost != ledger.UnknownLoss {
		return
	}
	if !slices.Contains(t.Unknown, m.Topic) {
		t.Unknown = append(t.Unknown, m.Topic)
	}
	if m.Cause == ledger.CauseStart && !m.Held.Absent() && !slices.Contains(t.Old, m.Topic) {
		t.Old = append(t.Old, m.Topic)
	}
}

// Since are the moves of an answer from a time on, and what they passed. Folded commits are not among them: they have no times.
func (t Told) Since(at time.Time) (later Told) {
	for _, m := range t.Moves {
		if !m.At.Before(at) {
			later.take(m)
		}
	}
	return later
}

// known refuses a group of which the ledger has nothing: "no gap" for a mistyped name would be a false answer.
func (r Resources) known(ctx context.Context) error {
	s, err := r.Ledger.Read(ctx, r.Group)
	if err == nil && s.Empty() {
		err = r.unknownGroup(ctx)
	}
	return err
}
