package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/sink"
)

// The records in front of a bad one are in before the run reports that it has done what it could.
func TestUntilEndCommitsWhatStandsInFrontOfABadRecord(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply && commits(s) > 0 {
				time.Sleep(3 * time.Second)
			}
			return nil
		})
		dec := &numbers{}
		dec.bad.Store(13)
		wk := w.run(s, func(c *Config) {
			c.Until.End, c.Batch.Records = true, 10
			c.Decoder = func() fencepost.Decoder { return dec }
		})
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		<-wk.done
		wantFault(t, wk.err, "parked-left", 3)
		wantRows(t, s, tp(0), upTo(0, 13))
	})
}

// A recreated topic is shorter than the stored offset: the partition is parked, and not at its end.
func TestUntilEndDoesNotTakeAParkedPositionForTheEnd(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		wk := w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		wk.source.assign(tp(0))
		<-wk.done
		w.create("t", 1)
		w.produce(tp(0), 5)
		wk = w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		wk.source.assign(tp(0))
		<-wk.done
		wantFault(t, wk.err, "parked-left", 3)
	})
}

// A topic without an answer at first has an end too, and is waited for.
func TestUntilEndAsksUntilEveryTopicIsDescribed(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		w.hide("t", true)
		wk := w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		select {
		case <-wk.done:
			t.Fatalf("the run ended with %v before it knew any end", wk.err)
		default:
		}
		w.hide("t", false)
		time.Sleep(time.Second)
		wk.source.assign(tp(0))
		<-wk.done
		if wk.err != nil {
			t.Fatalf("run until end: %v", wk.err)
		}
		wantRows(t, s, tp(0), upTo(0, 20))
	})
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.hide("t", true)
		wk := w.run(s, func(c *Config) { c.Until.End = true })
		<-wk.done
		wantFault(t, wk.err, "ends-unknown", 1)
	})
}

// The ends took long to learn: the sink is opened all the same.
func TestUntilEndMayWaitLongForItsEnds(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		w.mu.silent[tp(0)] = true
		wk := w.run(slowSink{s}, func(c *Config) { c.Until.End = true })
		time.Sleep(40 * time.Second)
		w.mu.Lock()
		w.mu.silent[tp(0)] = false
		w.changed()
		w.mu.Unlock()
		time.Sleep(time.Second)
		select {
		case <-wk.done:
			t.Fatalf("the run ended with %v, want it to go on", wk.err)
		default:
		}
		wk.source.assign(tp(0))
		<-wk.done
		if wk.err != nil {
			t.Errorf("run until end: %v", wk.err)
		}
	})
}

// slowSink is a store whose lanes cannot be opened once the context has ended, as of a server.
type slowSink struct{ *memory.Store }

func (s slowSink) Lane(ctx context.Context, n int) (sink.Lane, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.Store.Lane(ctx, n)
}

// A stop while the run is still opening is a stop, and no error.
func TestStopWhileOpening(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		s.SetHook(func(ctx context.Context, p memory.Point) error {
			if p == memory.Reading {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		for _, until := range []bool{false, true} {
			wk := w.run(s, func(c *Config) { c.Until.End = until })
			synctest.Wait()
			err := wk.end()
			if !wk.source.mu.closed {
				t.Error("the source was not left: its connections stay open")
			}
			if want := map[bool]error{true: ErrCutShort}[until]; !errors.Is(err, want) {
				t.Errorf("run with an end %t, stopped while opening: %v, want %v", until, err, want)
			}
		}
	})
}

// A partition that is added while a run with an end goes on is none of its work.
func TestUntilEndPassesOverAddedPartitions(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		wk := w.run(s, func(c *Config) { c.Until.End, c.Rate = true, 10 })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(500 * time.Millisecond)
		w.mu.Lock()
		w.grow("t", 2)
		w.mu.Unlock()
		w.produce(tp(1), 5)
		wk.source.assign(tp(1))
		time.Sleep(time.Minute)
		select {
		case <-wk.done:
		default:
			t.Error("the run does not end")
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		wantRows(t, s, tp(0), upTo(0, 20))
	})
}

// A partition that is on its way to another worker is not done: the ledger says when it is.
func TestUntilEndWaitsForWhatIsBeingRevoked(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		w.produce(tp(1), 10)
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			if b.Segments[0].TopicPartition == tp(1) {
				time.Sleep(5 * time.Second)
			}
			tx.Append(memory.RowsOf(b)...)
			return nil
		}
		wk := w.run(s, func(c *Config) { c.Until.End = true; c.Batch.Records = 6; c.Lanes = 2 })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1)) // a lane each, two batches each
		time.Sleep(time.Second)
		wk.source.revoke(false, tp(1)) // waits for the first batch of t:1
		time.Sleep(time.Second)
		select {
		case <-wk.done:
			t.Fatalf("the run ended with %v, and t:1 stands at %d of 10", wk.err, position(t, s, tp(1)).Offset)
		default:
		}
		wk.source.assign(tp(1))
		<-wk.done
		if wk.err != nil {
			t.Fatalf("run until end: %v", wk.err)
		}
		wantRows(t, s, tp(1), upTo(0, 10))
	})
}

// Of explicit partitions, the others of their topic are not the run's: a run with an end does not wait for them.
func TestUntilEndWithExplicitPartitions(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		for p := range int32(3) {
			w.produce(tp(p), 10)
		}
		w.only = []int32{1}
		wk := w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		wk.source.assign(tp(1))
		time.Sleep(time.Minute)
		select {
		case <-wk.done:
		default:
			t.Error("the run does not end")
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		wantRows(t, s, tp(1), upTo(0, 10))
	})
}
