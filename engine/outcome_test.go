package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// stuckCommit holds one commit, the first at or above a number of rows, until its context ends; its answer is lost.
func stuckCommit(s *memory.Store, rows int) memory.Hook {
	var stuck atomic.Bool
	return func(ctx context.Context, p memory.Point) error {
		if p == memory.BeforeApply && commits(s) > 0 && len(s.Rows()) >= rows && stuck.CompareAndSwap(false, true) {
			<-ctx.Done()
			return fmt.Errorf("cut: %w", ledger.ErrUnknown)
		}
		return nil
	}
}

// 13.5: the connection that a revoke closes carried other partitions too. They stay here and go on by themselves, though
// nothing more arrives for them, and no event reports that the store went back.
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

// An answer is lost in the middle of a bisection, and the next compare-and-set shows that the half is applied: the bisection
// goes on behind it.
func TestBisectionGoesOnBehindALostAnswer(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 16)
		s.SetReject(func(r memory.Row) *sink.Rejected {
			if r.Offset == 15 {
				return &sink.Rejected{Code: "23502", Reason: "null"}
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

// An answer that comes after the topic was recreated and reconciled does not concern the partition's position now.
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
		wk := w.run(s, func(c *Config) { c.Policy = ledger.EarliestEverywhere(ledger.StartAt{}) })
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		w.create("t", 1)
		time.Sleep(11 * time.Second) // the watch settles it at 0 of the new topic
		close(release)
		synctest.Wait()
		e := wk.source.mu.holder.(callbacks).Engine
		p := e.partition(tp(0))
		p.lane.mu.Lock()
		if got := p.Done(); got.Offset != 0 || got.TopicID != w.id("t") {
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
			return &sink.Ended{Reason: "COMMIT in it"}
		}
		wk := w.run(s, func(c *Config) { c.Batch.Records = 10 })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		<-wk.done
		if wk.err == nil || tries != 1 {
			t.Errorf("%d commits were tried and the run ended with %v, want one and the reason", tries, wk.err)
		}
		wantFault(t, wk.err, "sql-ended-transaction", 2)
	})
}

// A sink that is slower than the watch interval: the records in front of a bad one go in all the same.
func TestSlowSinkGetsTheRecordsInFrontOfABadOne(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		w.produce(tp(1), 400)
		for _, o := range upTo(0, 20) { // t:1 has no bad record
			w.change(tp(1), func(l *fakeLog) { l.entries[o].Value = []byte("fine") })
		}
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply && commits(s) > 0 {
				time.Sleep(6 * time.Second)
			}
			return nil
		})
		dec := &numbers{}
		dec.bad.Store(13)
		wk := w.run(s, func(c *Config) {
			c.Decoder = func() fencepost.Decoder { return dec }
			c.Batch.Records = 200 // the second batch holds records in front of the bad one
		})
		synctest.Wait()
		wk.source.most = 400
		wk.source.assign(tp(0), tp(1))
		time.Sleep(2 * time.Minute)
		wantRows(t, s, tp(0), upTo(0, 13))
		if n := len(seen[Refused](wk)); n != 0 {
			t.Errorf("%d refusals, want none: one worker, and nobody moved the ledger", n)
		}
		s.SetHook(nil)
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// A commit that ends after its partition was lost is not mirrored: the heir's mark is newer, and an old one would be
// renewed over it for ever.
func TestLateCommitIsNotMirrored(t *testing.T) {
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
		a, b := w.run(s, nil), w.run(s, nil)
		synctest.Wait()
		a.source.most = 100
		a.source.assign(tp(0))
		time.Sleep(time.Second)
		a.source.revoke(true, tp(0))
		b.source.assign(tp(0))
		w.produce(tp(0), 10)
		time.Sleep(time.Second)
		close(release)
		time.Sleep(2 * time.Second)
		w.mu.Lock()
		if got := w.mu.committed[tp(0)].Offset; got != 20 {
			t.Errorf("the mirror holds %d, want 20, the heir's", got)
		}
		w.mu.Unlock()
		for _, wk := range []*worker{a, b} {
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		}
	})
}

// A request for the mirror that hangs does not hold a revoke up for longer than the mirror's own second.
func TestRevokeDoesNotWaitForAHungMirror(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		w.mu.hung = true
		wk := w.run(s, func(c *Config) { c.Rebalance = 6 * time.Second })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second) // the first request is on its way, for 10 s
		w.produce(tp(0), 10)
		time.Sleep(time.Second)
		began := time.Now()
		wk.source.revoke(false, tp(0))
		if took := time.Since(began); took > time.Second {
			t.Errorf("the revoke took %s, want at most 1s", took)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// A row that is refused after its partition was lost is its heir's to refuse: nothing parks here.
func TestLateRejectionDoesNotPark(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		release := make(chan struct{})
		var held atomic.Bool
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			if held.CompareAndSwap(false, true) {
				<-release
				return &sink.Rejected{Code: "23502", Reason: "null"}
			}
			tx.Append(memory.RowsOf(b)...)
			return nil
		}
		wk := w.run(s, func(c *Config) { c.Batch.Records = 1 })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wk.source.revoke(true, tp(0))
		close(release)
		time.Sleep(time.Second)
		for _, p := range seen[Parked](wk) {
			if p.Code == "record-refused" {
				t.Errorf("parked: %+v, want no bad record: the partition has left", p)
			}
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}
