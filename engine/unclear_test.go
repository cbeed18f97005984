package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// loseOne loses the answer to the next move or commit that is made, and then calls behind, if there is one.
func loseOne(s *memory.Store, behind func()) {
	s.SetHook(func(_ context.Context, p memory.Point) error {
		if p != memory.AfterApply {
			return nil
		}
		s.SetHook(nil)
		if behind != nil {
			behind()
		}
		return errors.New("connection lost")
	})
}

// TestE7LostAnswerOfAGapIsTold: a gap that was recorded, and whose answer was lost, is reported and counted as any other: nothing
// moves silently.
func TestE7LostAnswerOfAGapIsTold(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, func(c *Config) { c.Policy = ledger.EarliestEverywhere(ledger.StartAt{}) })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wk.source.revoke(false, tp(0))
		w.produce(tp(0), 10)
		w.change(tp(0), func(l *fakeLog) { l.earliest = 15 })
		loseOne(s, nil)
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		var gaps []ledger.Move
		for _, ev := range seen[Moved](wk) {
			for _, m := range ev.Moves {
				if m.Cause == ledger.CauseGap {
					gaps = append(gaps, m)
				}
			}
		}
		if len(gaps) != 1 || gaps[0].AtMost != 5 {
			t.Errorf("told of the gaps %+v, want one, of at most 5 records", gaps)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		if st := seen[Stopped](wk); len(st) != 1 || st[0].Gaps != 1 {
			t.Errorf("%+v, want one gap counted", st)
		}
	})
}

// TestE7RefusedBehindALostAnswer: a batch was applied, its answer was lost, and the partition was rewound before the next try. That
// it was refused does not mean that it was dropped, and the event does not claim it either.
func TestE7RefusedBehindALostAnswer(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		loseOne(s, func() {
			held := position(t, s, tp(0))
			next := ledger.Position{Offset: 2, LeaderEpoch: fencepost.NoEpoch, Fence: 4242, TopicID: held.TopicID}
			if err := s.Move(t.Context(), ledger.Actor{Group: "g", ClusterID: "cluster-1", Who: "operator"},
				[]ledger.Move{{TopicPartition: tp(0), Held: held, Next: next, Cause: ledger.CauseRewind}}); err != nil {
				t.Errorf("rewind: %v", err)
			}
		})
		w.produce(tp(0), 5)
		time.Sleep(time.Second)
		if got := seen[Refused](wk); len(got) != 1 || !got[0].Unknown {
			t.Errorf("told %+v, want one refusal that says that the batch may stand", got)
		}
		wantRows(t, s, tp(0), append(upTo(0, 5), upTo(2, 5)...))
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}
