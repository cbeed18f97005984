package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/ledger"
)

// A worker meets a ledger below what the group has committed. Where nobody else is live, that is a restore (law 10). Where others
// are, they may be at another server: that is how the run ends, too. It is a warning in either case; a rewind is none.
func TestS17MirrorAheadWhileOthersAreLive(t *testing.T) {
	for _, test := range []struct {
		name    string
		members int
		rewound bool
		earlier bool // the mirror is one of before fences were in it
		warns   bool
		others  int
	}{
		{"others are live", 3, false, false, true, 2},
		{"alone", 1, false, false, true, 0},
		{"nobody says", 0, false, false, true, 0},
		{"a rewind while others are live", 3, true, false, false, 0},
		{"a mirror of an earlier version", 3, false, true, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.mu.members = test.members
				w.produce(tp(0), 20)
				first := w.run(s, nil)
				synctest.Wait()
				first.source.assign(tp(0))
				time.Sleep(time.Second)
				old := s.Backup()
				w.produce(tp(0), 20)
				time.Sleep(time.Second)
				if err := first.end(); err != nil {
					t.Fatal(err)
				}
				if test.rewound {
					rewind(t, s, tp(0), 20)
				} else {
					s.Restore(old)
				}
				if m := w.mu.committed[tp(0)]; test.earlier {
					m.Fence = 0
					w.mu.committed[tp(0)] = m
				}
				second := w.run(s, nil)
				synctest.Wait()
				second.source.assign(tp(0))
				time.Sleep(time.Second)
				err := second.end()
				back := seen[SinkWentBack](second)
				switch {
				case !test.warns && (err != nil || len(back) > 0):
					t.Errorf("it says %v and ends with %v", back, err)
				case test.warns:
					if len(back) != 1 || back[0].From != 40 || back[0].To != 20 || back[0].Others != test.others {
						t.Errorf("it says %+v, want once, from 40 to 20, %d others", back, test.others)
					}
				}
				if test.others > 0 {
					wantFault(t, err, "mirror-ahead", 3)
				} else if err != nil {
					t.Errorf("it ends with %v", err)
				}
				if at := w.mu.committed[tp(0)]; at.Offset != 40 || at.Fence != int64(position(t, s, tp(0)).Fence) {
					t.Errorf("the mirror is %+v, want 40 and the position's fence", at)
				}
			})
		})
	}
}

// rewind records a move of an operator's.
func rewind(t *testing.T, s *memory.Store, tp fencepost.TopicPartition, to fencepost.Offset) {
	t.Helper()
	held := position(t, s, tp)
	next := held
	next.Offset, next.LeaderEpoch, next.Fence = to, fencepost.NoEpoch, held.Fence^1
	if err := s.Move(t.Context(), ledger.Actor{Group: "g"}, []ledger.Move{{TopicPartition: tp, Held: held, Next: next, Cause: ledger.CauseRewind}}); err != nil {
		t.Fatal(err)
	}
}

// After a promotion a worker writes its mirror again, with the new place. An offset that only the old place has reached is not said of the
// new one: the next look would take it for a ledger that went back by itself.
func TestMirrorOfThePlaceBefore(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		old, now := fencepost.Place{System: "7", Timeline: 1}, fencepost.Place{System: "7", Timeline: 2}
		e, err := New(Config{Group: "g", Source: w.source(), Sink: s, Decoder: decode.None, Events: func(Event) {}})
		if err != nil {
			t.Fatal(err)
		}
		e.moveTo(ledger.Snapshot{Place: old})
		for p := range int32(2) {
			e.mu.parts[tp(p)] = &partition{}
		}
		fence := ledger.NewFence(9)
		at := func(o fencepost.Offset) ledger.Position { return ledger.Position{Offset: o, Fence: fence} }
		var moves []ledger.Move
		for p, o := range []fencepost.Offset{100, 150} {
			moves = append(moves, ledger.Move{TopicPartition: tp(int32(p)), Held: at(0), Next: at(o), Cause: ledger.CauseCommit})
		}
		e.inGroup.committed(moves)
		both := []fencepost.TopicPartition{tp(0), tp(1)}
		e.inGroup.flush(t.Context(), both)
		e.moveTo(ledger.Snapshot{Place: now, Positions: map[fencepost.TopicPartition]ledger.Position{tp(0): at(100), tp(1): at(100)}})
		e.inGroup.flush(t.Context(), both)
		for p, want := range map[int32]fencepost.Place{0: now, 1: old} {
			if got := w.mu.committed[tp(p)].Place; got != want {
				t.Errorf("partition %d is mirrored with place %v, want %v", p, got, want)
			}
		}
	})
}
