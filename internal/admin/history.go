package admin

import (
	"context"
	"fmt"
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
	seen, old, moved := map[string]bool{}, map[string]bool{}, false
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
		t.Moves = append(t.Moves, m)
		t.AtMost += max(0, m.AtMost)
		if m.AtMost != ledger.UnknownLoss {
			continue
		}
		if !seen[m.Topic] {
			seen[m.Topic] = true
			t.Unknown = append(t.Unknown, m.Topic)
		}
		if m.Cause == ledger.CauseStart && !m.Held.Absent() && !old[m.Topic] {
			old[m.Topic] = true
			t.Old = append(t.Old, m.Topic)
		}
	}
	if moved {
		return t, nil
	}
	return t, r.known(ctx)
}

// known refuses a group of which the ledger has nothing: "no gap" for a mistyped name would be a false answer.
func (r Resources) known(ctx context.Context) error {
	s, err := r.Ledger.Read(ctx, r.Group)
	if err == nil && s.Empty() {
		err = r.unknownGroup(ctx)
	}
	return err
}
