package admin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
)

// severed is a ledger whose connection ends at the first Move, after or before it was made, and comes back after a while.
type severed struct {
	fencepost.Ledger
	made, sent bool
	back       time.Time // zero: at once
}

var errSilent = &fencepost.Fault{Code: "zookeeper-silent", Passing: true, Exit: 1, Err: errors.New("zookeeper at h:2181: no answer")}

func (s *severed) Move(ctx context.Context, w fencepost.Writer, moves []fencepost.Move) error {
	switch {
	case !s.sent:
		s.sent = true
		if s.made {
			if err := s.Ledger.Move(ctx, w, moves); err != nil {
				return err
			}
		}
		return fmt.Errorf("connection cut: %w", fencepost.ErrUnknown)
	case time.Now().Before(s.back):
		return errSilent
	}
	return s.Ledger.Move(ctx, w, moves)
}

// A ledger that comes back in time settles the outcome; one that does not leaves it unknown, and that is said.
func TestALostAnswerAndThenSilence(t *testing.T) {
	for _, made := range []bool{false, true} {
		for _, away := range []time.Duration{5 * time.Second, time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				p := w.planned("-10")
				w.rooms.Ledger = &severed{Ledger: w.store, made: made, back: time.Now().Add(away)}
				d, err := p.Execute(t.Context(), w.rooms, "")
				if away < time.Minute {
					if err != nil || len(d.Moves) != 2 || w.positions()[tp(1)].Offset != 990 {
						t.Errorf("made %t, back in time: %+v, %v; want two moves", made, d, err)
					}
					return
				}
				if f := wantFault(t, err, "outcome-unknown", 1); !strings.Contains(f.Error(), "all of them were, or none") || strings.Contains(f.Error(), "nothing was changed") {
					t.Errorf("made %t, never back: it says %q", made, f)
				}
			})
		}
	}
}

// An interruption while the outcome is unknown does not pass for "nothing was changed".
func TestInterruptedInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.planned("-10")
		w.rooms.Ledger = &severed{Ledger: w.store, made: true, back: time.Now().Add(time.Hour)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Execute(ctx, w.rooms, "")
		wantFault(t, err, "outcome-unknown", 1)
	})
}

// A ledger that was never reached was not changed, and that is said at once.
func TestALedgerThatWasNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p, began := w.planned("-10"), time.Now()
		w.rooms.Ledger = &severed{Ledger: w.store, sent: true, back: began.Add(time.Hour)}
		_, err := p.Execute(t.Context(), w.rooms, "")
		if f := wantFault(t, err, "zookeeper-silent", 1); !strings.HasSuffix(f.Error(), "; nothing was changed") || !f.Passing || time.Since(began) > 0 {
			t.Errorf("it says %q, after %s", f, time.Since(began))
		}
	})
}

// deaf is a ledger that takes moves, and then does not answer.
type deaf struct{ fencepost.Ledger }

func (deaf) Read(context.Context, fencepost.Group) (fencepost.Snapshot, error) {
	return fencepost.Snapshot{}, errSilent
}

// What was moved and can not be read back is told as moved.
func TestMovedAndNotReadBack(t *testing.T) {
	w := newWorld(t, 1)
	p := w.planned("-10")
	w.rooms.Ledger = deaf{w.store}
	_, err := p.Execute(t.Context(), w.rooms, "")
	if f := wantFault(t, err, "not-verified", 1); !strings.HasPrefix(f.Error(), "the positions were moved, and could not be read back: ") {
		t.Errorf("it says %q", f)
	}
}

// The answer was lost, and somebody moved one of the partitions before it was asked for: the moves were made all the same.
func TestMovedByOthersWhileInDoubt(t *testing.T) {
	w := newWorld(t, 2)
	p := w.planned("-10")
	w.rooms.Ledger = &meddlingOnce{severed: severed{Ledger: w.store, made: true}, w: w}
	_, err := p.Execute(t.Context(), w.rooms, "")
	wantFault(t, err, "not-verified", 0)
}

// meddlingOnce is a severed ledger on which somebody moves partition 1 right after the answer was lost.
type meddlingOnce struct {
	severed
	w *world
}

func (m *meddlingOnce) Move(ctx context.Context, w fencepost.Writer, moves []fencepost.Move) error {
	first := !m.sent
	err := m.severed.Move(ctx, w, moves)
	if first {
		held := m.w.positions()[tp(1)]
		next := held
		next.Offset, next.Fence = 500, 77
		m.w.move(fencepost.Move{TopicPartition: tp(1), Held: held, Next: next, Cause: fencepost.CauseRewind})
	}
	return err
}
