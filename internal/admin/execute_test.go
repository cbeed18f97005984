package admin_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// severed is a ledger whose connection ends at the first Move, after or before it was made, and comes back after a while.
type severed struct {
	ledger.Ledger
	made, sent bool
	back       time.Time // zero: at once
}

var errSilent = &fencepost.UserError{Code: "zookeeper-silent", Passing: true, Exit: 1, Err: errors.New("zookeeper at h:2181: no answer")}

func (s *severed) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	switch {
	case !s.sent:
		s.sent = true
		if s.made {
			if err := s.Ledger.Move(ctx, w, moves); err != nil {
				return err
			}
		}
		return fmt.Errorf("connection cut: %w", ledger.ErrUnknown)
	case time.Now().Before(s.back):
		return errSilent
	}
	return s.Ledger.Move(ctx, w, moves)
}

// A ledger that comes back in time resolves the outcome; one that does not leaves it unknown, which is reported.
func TestALostAnswerAndThenSilence(t *testing.T) {
	for _, made := range []bool{false, true} {
		for _, away := range []time.Duration{5 * time.Second, time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				p := w.planned("-10")
				w.resources.Ledger = &severed{Ledger: w.store, made: made, back: time.Now().Add(away)}
				d, err := p.Execute(t.Context(), w.resources, "")
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
		w.resources.Ledger = &severed{Ledger: w.store, made: true, back: time.Now().Add(time.Hour)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Execute(ctx, w.resources, "")
		wantFault(t, err, "outcome-unknown", 1)
	})
}

// A ledger that was never reached was not changed, and that is reported at once.
func TestALedgerThatWasNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p, began := w.planned("-10"), time.Now()
		w.resources.Ledger = &severed{Ledger: w.store, sent: true, back: began.Add(time.Hour)}
		_, err := p.Execute(t.Context(), w.resources, "")
		if f := wantFault(t, err, "zookeeper-silent", 1); !strings.HasSuffix(f.Error(), "; nothing was changed") || !f.Passing || time.Since(began) > 0 {
			t.Errorf("it says %q, after %s", f, time.Since(began))
		}
	})
}

// deaf is a ledger that takes moves, and then does not answer.
type deaf struct{ ledger.Ledger }

func (deaf) Read(context.Context, fencepost.Group) (ledger.Snapshot, error) {
	return ledger.Snapshot{}, errSilent
}

// What was moved and cannot be read back is reported as moved.
func TestMovedAndNotReadBack(t *testing.T) {
	w := newWorld(t, 1)
	p := w.planned("-10")
	w.resources.Ledger = deaf{w.store}
	_, err := p.Execute(t.Context(), w.resources, "")
	if f := wantFault(t, err, "not-verified", 1); !strings.HasPrefix(f.Error(), "the positions were moved, and could not be read back: ") {
		t.Errorf("it says %q", f)
	}
}

// The answer was lost, and another operator moved one of the partitions before it was asked for: the moves were made all the same.
func TestMovedByOthersWhileInDoubt(t *testing.T) {
	w := newWorld(t, 2)
	p := w.planned("-10")
	w.resources.Ledger = &meddlingOnce{severed: severed{Ledger: w.store, made: true}, w: w}
	_, err := p.Execute(t.Context(), w.resources, "")
	wantFault(t, err, "not-verified", 0)
}

// meddlingOnce is a severed ledger in which partition 1 is moved right after the answer was lost.
type meddlingOnce struct {
	severed
	w *world
}

func (m *meddlingOnce) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	first := !m.sent
	err := m.severed.Move(ctx, w, moves)
	if first {
		held := m.w.positions()[tp(1)]
		next := held
		next.Offset, next.Fence = 500, 77
		m.w.move(ledger.Move{TopicPartition: tp(1), Held: held, Next: next, Cause: ledger.CauseRewind})
	}
	return err
}

// E7: the answer to a move is lost, and another operator moves the partitions before it is asked for again. The refusal
// that follows does not decide about the move: the history does, and without one the outcome is not known.
func TestE7LostAnswerThenMovedByAnother(t *testing.T) {
	silent := func(w *world) ledger.History { return mute{w.store} }
	for name, c := range map[string]struct {
		point   memory.Point // BeforeApply: the moves were not made
		history func(*world) ledger.History
		others  []int32 // that another operator moves
		code    string
		exit    int
		says    string
	}{
		"made, all moved on":                  {memory.AfterApply, nil, []int32{0, 1}, "not-verified", 0, "trips:0 was moved to 0, and reads back at 7"},
		"made, one moved on":                  {memory.AfterApply, silent, []int32{1}, "not-verified", 0, "trips:1 was moved to 0, and reads back at 7"},
		"made, all moved on, no history":      {memory.AfterApply, func(*world) ledger.History { return nil }, []int32{0, 1}, "outcome-unknown", 1, "trips:0 was moved by somebody since"},
		"made, all moved on, silent history":  {memory.AfterApply, silent, []int32{0, 1}, "outcome-unknown", 1, "no answer"},
		"not made, all moved":                 {memory.BeforeApply, nil, []int32{0, 1}, "plan-stale", 4, "trips:0 is at 7, the plan says 1,000; nothing was changed"},
		"not made, all moved, silent history": {memory.BeforeApply, silent, []int32{0, 1}, "outcome-unknown", 1, "no answer"},
		"not made, one moved, no history":     {memory.BeforeApply, func(*world) ledger.History { return nil }, []int32{1}, "plan-stale", 4, "trips:1 is at 7, the plan says 1,000; nothing was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				p := w.planned("earliest")
				if c.history != nil {
					w.resources.History = c.history(w)
				}
				once := true
				w.store.SetHook(func(_ context.Context, at memory.Point) error {
					if at != c.point || !once {
						return nil
					}
					once = false
					for _, n := range c.others {
						w.move(ledger.Move{TopicPartition: tp(n), Held: w.positions()[tp(n)], Cause: ledger.CauseSkip, AtMost: 7,
							Next: ledger.Position{Offset: 7, LeaderEpoch: fencepost.NoEpoch, Fence: 4242 + ledger.Fence(n), TopicID: topicID}})
					}
					return fmt.Errorf("connection lost: %w", ledger.ErrUnknown)
				})
				_, err := p.Execute(t.Context(), w.resources, "")
				f := wantFault(t, err, c.code, c.exit)
				if !strings.Contains(f.Error(), c.says) || c.code != "plan-stale" && strings.Contains(f.Error(), "nothing was changed") {
					t.Errorf("it says %q, want %q of it", f, c.says)
				}
			})
		})
	}
}

// mute is a store whose history does not answer.
type mute struct{ *memory.Store }

func (mute) Moves(context.Context, fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) { yield(ledger.Recorded{}, errSilent) }
}

// E7: a start is looked up too, though no fence was held of which its row could hold another one.
func TestE7LostAnswerOfAStart(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster.topics["orders"] = fencepost.Topic{ID: otherID, Partitions: 1}
	orders := fencepost.TopicPartition{Topic: "orders"}
	w.cluster.bounds[orders] = fencepost.LogOffsets{TopicID: otherID, LastStableOffset: 10, HighWatermark: 10, EpochEnd: -1}
	p := w.planned("earliest", "orders")
	once := true
	w.store.SetHook(func(_ context.Context, at memory.Point) error {
		if at != memory.AfterApply || !once {
			return nil
		}
		once = false
		held := w.positions()[orders]
		w.move(ledger.Move{TopicPartition: orders, Held: held, Cause: ledger.CauseSkip, AtMost: 5,
			Next: ledger.Position{Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: 4242, TopicID: otherID}})
		return fmt.Errorf("connection lost: %w", ledger.ErrUnknown)
	})
	_, err := p.Execute(t.Context(), w.resources, "")
	if f := wantFault(t, err, "not-verified", 0); !strings.Contains(f.Error(), "orders:0 was moved to 0, and reads back at 5") {
		t.Errorf("it says %q", f)
	}
}
