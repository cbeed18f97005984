package chaos

import (
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Watch looks at the positions while a run goes on. The zero Watch is ready.
type Watch struct {
	last map[fencepost.TopicPartition]ledger.Position
	seen []Sighting
}

// Sighting is a position that was another one than at the look before.
type Sighting struct {
	At time.Duration
	fencepost.TopicPartition
	Position ledger.Position
}

// See compares a snapshot with the one before it, and keeps what has changed. A position that goes back under its own fence is no move
// that anybody may make, so that this is known at once; [Check] wants a move for each sighting.
func (w *Watch) See(at time.Duration, s ledger.Snapshot) (violations []Violation) {
	if w.last == nil {
		w.last = map[fencepost.TopicPartition]ledger.Position{}
	}
	for tp, was := range w.last {
		if is := s.Positions[tp]; is.Fence == was.Fence && is.Offset < was.Offset || is.Absent() {
			violations = append(violations, violation("I7", "%s went from %d (fence %s) back to %d (fence %s) at %s", tp, was.Offset, was.Fence, is.Offset, is.Fence, at))
		}
	}
	for tp, is := range s.Positions {
		if !is.Holds(w.last[tp]) {
			w.seen = append(w.seen, Sighting{at, tp, is})
		}
	}
	w.last = s.Positions
	return violations
}

// Seen is all sightings, oldest first.
func (w *Watch) Seen() []Sighting { return w.seen }
