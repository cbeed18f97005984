package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/memory"
)

// stuckCommit holds one commit, the first at or above a number of rows, until its context ends; its answer is lost.
func stuckCommit(s *memory.Store, rows int) memory.Hook {
	var stuck atomic.Bool
	return func(ctx context.Context, p memory.Point) error {
		if p == memory.BeforeApply && commits(s) > 0 && len(s.Rows()) >= rows && stuck.CompareAndSwap(false, true) {
			<-ctx.Done()
			return fmt.Errorf("cut: %w", fencepost.ErrUnknown)
		}
		return nil
	}
}

// 13.5: the connection that a revoke closes carried other partitions too. They stay here and go on by themselves, though
// nothing more arrives for them, and nobody says that the store went back.
func TestRevokeOfAStuckCommitLeavesTheOthersGoing(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		w.produce(tp(1), 10)
		s.SetHook(stuckCommit(s, 0))
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		wk.source.revoke(false, tp(0))
		time.Sleep(time.Minute)
		wantRows(t, s, tp(1), upTo(0, 10))
		if n := len(seen[SinkWentBack](wk)); n != 0 {
			t.Errorf("%d times the sink was said to have gone back, want never", n)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// An answer is lost in the middle of a bisection, and the next compare-and-set says that the half stands: the bisection
// goes on behind it.
func TestBisectionGoesOnBehindALostAnswer(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 16)
		s.SetReject(func(r memory.Row) *fencepost.Rejected {
			if r.Offset == 15 {
				return &fencepost.Rejected{Code: "23502", Reason: "null"}
			}
			return nil
		})
		// start, all, first half lost after it took effect
		s.Inject(memory.NoFault, memory.NoFault, memory.LostAfter)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(2 * time.Second) // less than the watch interval
		wantRows(t, s, tp(0), upTo(0, 15))
		if parked := seen[Parked](wk); len(parked) != 1 || parked[0].Offset != 15 {
			t.Errorf("parked: %+v, want once, at 15", parked)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// An answer that comes after the topic was recreated and settled says nothing of where the partition stands now.
func TestLateAnswerDoesNotMoveASettledPartition(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		release := make(chan struct{})
		var held atomic.Bool
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.AfterApply && len(s.Rows()) > 0 && held.CompareAndSwap(false, true) {
				<-release
			}
			return nil
		})
		wk := w.run(s, func(c *Config) { c.Policy = fencepost.EarliestEverywhere(fencepost.StartAt{}) })
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		w.create("t", 1)
		time.Sleep(11 * time.Second) // the watch settles it at 0 of the new topic
		close(release)
		synctest.Wait()
		e := wk.source.mu.holder.(*Engine)
		p := e.partition(tp(0))
		p.lane.mu.Lock()
		if got := p.done; got.Offset != 0 || got.TopicID != w.id("t") {
			t.Errorf("the engine thinks that the partition stands at %+v, want 0 of the new topic", got)
		}
		p.lane.mu.Unlock()
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// After an error that no waiting mends nothing more is tried, not even the batch that was cut already.
func TestNothingIsTriedAfterTheSinkEnded(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 100)
		w.produce(tp(1), 100)
		tries := 0
		s.Handle = func(context.Context, *memory.Tx, *fencepost.Batch) error {
			tries++
			return &fencepost.SinkEnded{Reason: "COMMIT in it"}
		}
		wk := w.run(s, func(c *Config) { c.Batch.Records = 10 })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		<-wk.done
		if wk.err == nil || tries != 1 {
			t.Errorf("%d commits were tried and the run ended with %v, want one and the reason", tries, wk.err)
		}
	})
}
