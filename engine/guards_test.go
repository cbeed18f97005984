package engine

import (
	"context"
	"errors"
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

// The tests of this file each hold one statement of an error, a late or a drain path, which the wider tests would not miss.

// slowDecoder takes its time for a record.
type slowDecoder struct {
	numbers
	each time.Duration
}

func (d *slowDecoder) Decode(r *fencepost.Record, cols []fencepost.Column) error {
	time.Sleep(d.each)
	return d.numbers.Decode(r, cols)
}

// E15 (a): a batch that was cut, and not yet begun, when a stop came is void. Nothing waits for it: the drain has looked
// by then, and its deadline would not bound the commit. The batch and the end of the cutting come to the lane at the same
// moment, and either may win, so the test plays the moment more than once.
func TestE15DrainVoidsWhatIsCut(t *testing.T) {
	for range 20 {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			w.produce(tp(0), 5)
			dec := &slowDecoder{each: time.Second}
			dec.bad.Store(-1)
			wk := w.run(s, func(c *Config) { c.Decoder = func() fencepost.Decoder { return dec } })
			synctest.Wait()
			wk.source.assign(tp(0))
			time.Sleep(1500 * time.Millisecond) // the batch is cut, and its second record is being decoded
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
			if got := len(s.Rows()); got != 0 {
				t.Errorf("%d rows of a batch that was cut and not begun at the stop, want none: nobody waits for it", got)
			}
		})
		if t.Failed() {
			return
		}
	}
}

// E15 (a), in the retries: a batch whose commit waits for its next try when a stop comes is not tried again.
func TestE15DrainEndsRetries(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		synctest.Wait()
		var up atomic.Bool
		var tries atomic.Int64
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p != memory.BeforeApply {
				return nil
			}
			tries.Add(1)
			if !up.Load() {
				return errors.New("the store is down")
			}
			return nil
		})
		w.produce(tp(0), 5)
		time.Sleep(30 * time.Second)
		before := tries.Load()
		up.Store(true)
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if behind := tries.Load() - before; before < 3 || behind != 0 || len(s.Rows()) != 0 {
			t.Errorf("%d tries before the stop and %d behind it, with %d rows; want several, none and none", before, behind, len(s.Rows()))
		}
	})
}

// E15 (b): a reader of uncommitted records passes an open transaction, so none keeps it back.
func TestE15UncommittedReadersAreNotBlocked(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, func(c *Config) { c.Uncommitted = true })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		// A transaction is open from 10 on. What it wrote is on its way from a broker that is slow.
		w.change(tp(0), func(l *fakeLog) { l.stable, l.end = 10, 15 })
		time.Sleep(time.Minute)
		if told := seen[Blocked](wk); len(told) != 0 {
			t.Errorf("told: %+v, want nothing: no transaction blocks a reader of uncommitted records", told)
		}
		if got := wk.engine().Status(); got.Blocked != 0 || got.Running != 1 {
			t.Errorf("the status is %+v, want one running partition and no blocked one", got)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// E15 (c): while a copy is being written, more is committed; then the write fails. The range of the next one begins where
// the one that failed did: a reader that takes it for the place to begin must miss nothing.
func TestE15FailedCopyMergesWithWhatCameSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newWorld(t), newHash()
		wk := copied(w, memory.Open(), h)
		w.produce(tp(0), 5)
		time.Sleep(5 * time.Second)
		h.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): ranged(0, 5)})
		h.set(nil, true)
		w.produce(tp(0), 5)
		synctest.Wait() // the request is on its way, and will get no answer
		w.produce(tp(0), 10)
		synctest.Wait()
		h.set(nil, false)
		time.Sleep(time.Minute)
		h.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): ranged(5, 20)})
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// E15 (d): a position has the epoch of the entry in front of it, or none. Where a batch is committed in halves, the epoch
// of its last entry is not that of the first half's: asked where it ended, the brokers would answer for another place.
func TestE15HalvesHaveNoEpochOfTheirs(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		s.SetKeep(ledger.KeepAll)
		w.change(tp(0), func(l *fakeLog) {
			for o := range 16 {
				l.append(fencepost.Record{LeaderEpoch: fencepost.LeaderEpoch(1 + o/4)})
			}
		})
		s.SetReject(func(r memory.Row) *sink.Rejected {
			if r.Offset == 11 {
				return &sink.Rejected{Code: "23502", Reason: "null"}
			}
			return nil
		})
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 11))
		halves := 0
		for m, err := range s.Moves(t.Context(), "g") {
			if err != nil {
				t.Fatal(err)
			}
			if m.Cause != ledger.CauseCommit {
				continue
			}
			halves++
			if want := fencepost.LeaderEpoch(1 + (m.Next.Offset-1)/4); m.Next.LeaderEpoch != want && m.Next.LeaderEpoch != fencepost.NoEpoch {
				t.Errorf("the position %d has epoch %d, want %d, that of the entry in front of it, or none", m.Next.Offset, m.Next.LeaderEpoch, want)
			}
		}
		if halves < 2 {
			t.Errorf("%d commits stand, want several: the test tests nothing", halves)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// E15 (e): a ledger that a newer program wrote, and one of another cluster, end the run, whichever goroutine finds it: no waiting
// mends it, and a worker that only waits looks like one that has nothing to do.
func TestE15LastingErrorsEndTheRun(t *testing.T) {
	for _, lasting := range []error{ledger.ErrNewer, ledger.ErrOtherCluster,
		&fencepost.UserError{Code: "ledger-rights", Exit: 4, Err: errors.New("permission denied")}} {
		refuse := func(s *memory.Store) {
			s.SetHook(func(_ context.Context, p memory.Point) error {
				if p == memory.Reading {
					return fmt.Errorf("the test says: %w", lasting)
				}
				return nil
			})
		}
		t.Run(fmt.Sprintf("%v at an assignment", lasting), func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				wk := w.run(s, nil)
				synctest.Wait()
				refuse(s)
				wk.source.assign(tp(0))
				synctest.Wait()
				wantEnded(t, wk, lasting)
			})
		})
		t.Run(fmt.Sprintf("%v in the keeper", lasting), func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				wk := w.run(s, func(c *Config) { c.Watch = time.Hour })
				synctest.Wait()
				w.mu.silent[tp(0)] = true
				wk.source.assign(tp(0)) // it waits for its brokers, and the monitor asks again
				refuse(s)
				time.Sleep(time.Second)
				wantEnded(t, wk, lasting)
			})
		})
		t.Run(fmt.Sprintf("%v in the watch", lasting), func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				wk := w.run(s, nil)
				synctest.Wait()
				wk.source.assign(tp(0))
				synctest.Wait()
				refuse(s)
				time.Sleep(6 * time.Second) // the watch interval
				wantEnded(t, wk, lasting)
			})
		})
	}
}

// wantEnded fails unless the run has ended by itself with that error.
func wantEnded(t *testing.T, wk *worker, want error) {
	t.Helper()
	over := wk.over()
	if err := wk.end(); !over || !errors.Is(err, want) {
		t.Errorf("the run ended by itself: %t, with %v; want it to, with %v", over, err, want)
	}
}

// E15 (f), in a run: a commit is answered late, after its partition was settled at where the commit began.
func TestE15LateAnswerLeavesThePartitionBehindItsCut(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		release := make(chan struct{})
		var held atomic.Bool
		var e *Engine
		answers := 0
		wk := w.run(s, func(c *Config) {
			told := c.Events
			c.Events = func(ev Event) {
				told(ev)
				if _, ok := ev.(Committed); !ok {
					return
				}
				p := e.partition(tp(0))
				p.lane.mu.Lock()
				defer p.lane.mu.Unlock()
				answers++
				if p.Done().Offset > p.Formed().Offset {
					t.Errorf("the partition is committed up to %d and cut up to %d, want the cut never behind", p.Done().Offset, p.Formed().Offset)
				}
			}
		})
		synctest.Wait()
		e = wk.engine()
		wk.source.most = 100
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply && commits(s) > 0 && held.CompareAndSwap(false, true) {
				<-release
			}
			return nil
		})
		wk.source.assign(tp(0))
		synctest.Wait()
		w.change(tp(0), func(l *fakeLog) { l.earliest = 11 }) // one fetch fails: the partition is settled anew, at 0
		synctest.Wait()
		w.change(tp(0), func(l *fakeLog) { l.earliest = 0 })
		time.Sleep(time.Second)
		close(release)
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 10))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if answers == 0 {
			t.Error("nothing was committed: the test tests nothing")
		}
	})
}

// E15 (g): the rate counts what is applied. A marker and an aborted entry take no part in it.
func TestE15ControlRecordsDoNotCountAgainstTheRate(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.change(tp(0), func(l *fakeLog) {
			for i := range 2000 {
				l.append(fencepost.Record{Control: i%10 != 0})
			}
		})
		wk := w.run(s, func(c *Config) { c.Rate = 100 })
		synctest.Wait()
		wk.source.most = 2000
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		if got := len(s.Rows()); got > 120 {
			t.Errorf("%d records were applied in a second, want 100, the rate", got)
		}
		time.Sleep(2 * time.Second)
		if got := len(s.Rows()); got != 200 {
			t.Errorf("%d records were applied in 3 s at 100 a second, want all 200: of 2,000 entries the others are none", got)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
