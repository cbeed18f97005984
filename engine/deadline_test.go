package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// hangs makes a hook that does not answer at one point until let is closed. One that is deaf ignores its context too.
func hangs(at memory.Point, deaf bool, let chan struct{}) memory.Hook {
	return func(ctx context.Context, p memory.Point) error {
		if p != at {
			return nil
		}
		done := ctx.Done()
		if deaf {
			done = nil
		}
		select {
		case <-let:
			return nil
		case <-time.After(time.Hour):
			return ledger.ErrUnknown
		case <-done:
			return ledger.ErrUnknown
		}
	}
}

// TestE1AssignedAnswersInTime: whatever the store does, the group learns within min(10 s, half the rebalance timeout) where
// its partitions begin; what could not be decided begins paused, and is reconciled when the store answers again.
func TestE1AssignedAnswersInTime(t *testing.T) {
	for _, c := range []struct {
		at        memory.Point
		deaf      bool
		rebalance time.Duration
		want      time.Duration
	}{
		{memory.BeforeApply, false, 20 * time.Second, 10 * time.Second},
		{memory.BeforeApply, true, 20 * time.Second, 10 * time.Second},
		{memory.Reading, true, 20 * time.Second, 10 * time.Second},
		{memory.BeforeApply, true, time.Minute, 10 * time.Second},
		{memory.BeforeApply, false, 4 * time.Second, 2 * time.Second},
		{memory.Reading, true, 4 * time.Second, 2 * time.Second},
	} {
		t.Run(fmt.Sprintf("%d/deaf=%t/%s", c.at, c.deaf, c.rebalance), func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 5)
				wk := w.run(s, func(cfg *Config) { cfg.Rebalance = c.rebalance })
				synctest.Wait()
				let := make(chan struct{})
				s.SetHook(hangs(c.at, c.deaf, let))
				began := time.Now()
				wk.source.assign(tp(0))
				if took := time.Since(began); took > c.want {
					t.Errorf("Assigned answered after %s, want at most %s", took, c.want)
				}
				if !wk.source.mu.held[tp(0)].paused {
					t.Error("a partition that nobody could settle begins unpaused")
				}
				s.SetHook(nil)
				close(let)
				time.Sleep(time.Minute)
				wantRows(t, s, tp(0), upTo(0, 5))
				if err := wk.end(); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// TestE1RetriesPauseWhileReconciling: a lost answer is followed by a pause that grows, not by twenty questions at once.
func TestE1RetriesPauseWhileReconciling(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		wk := w.run(s, nil)
		synctest.Wait()
		var tries []time.Time
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply {
				tries = append(tries, time.Now())
				return ledger.ErrUnknown
			}
			return nil
		})
		wk.source.assign(tp(0))
		for i := range tries {
			if i > 0 && tries[i].Sub(tries[i-1]) < 10*time.Millisecond {
				t.Fatalf("move %d follows the one before after %s, want a pause", i+1, tries[i].Sub(tries[i-1]))
			}
		}
		if n := len(tries); n < 3 || n > 20 {
			t.Errorf("%d tries in 10 s, want a few", n)
		} else if first, last := tries[1].Sub(tries[0]), tries[n-1].Sub(tries[n-2]); last < 4*first {
			t.Errorf("the pauses grow from %s to %s only", first, last)
		}
		if len(seen[Retrying](wk)) == 0 {
			t.Error("nobody was told of the tries")
		}
		s.SetHook(nil)
		time.Sleep(time.Minute)
		wantRows(t, s, tp(0), upTo(0, 5))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// TestE2AssignedFollowsItsContext: an assignment that waits for another one's settling ends with its own context.
func TestE2AssignedFollowsItsContext(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, nil)
		synctest.Wait()
		let := make(chan struct{})
		s.SetHook(hangs(memory.Reading, true, let))
		go wk.source.assign(tp(0))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		starts := wk.source.holder().Assigned(ctx, []fencepost.TopicPartition{tp(1)})
		if took := time.Since(began); took > time.Second {
			t.Errorf("Assigned with a context of 1s answered after %s", took)
		}
		if st, ok := starts[tp(1)]; !ok || !st.Paused {
			t.Errorf("it answered %v, want that the partition begins paused", starts)
		}
		s.SetHook(nil)
		close(let)
		time.Sleep(time.Minute)
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// TestE1RevokedAnswersInTime: neither a commit nor a mirror that ignores its context holds up a rebalance.
func TestE1RevokedAnswersInTime(t *testing.T) {
	for _, lanes := range []int{1, 3} {
		inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
			w.deaf(true)
			defer w.deaf(false)
			wk := w.run(s, func(c *Config) { c.Lanes, c.Rebalance = lanes, 8*time.Second })
			synctest.Wait()
			wk.source.assign(tp(0), tp(1), tp(2))
			let := make(chan struct{})
			s.SetHook(hangs(memory.BeforeApply, true, let))
			for p := range int32(3) {
				w.produce(tp(p), 5)
			}
			time.Sleep(time.Second)
			began := time.Now()
			wk.source.revoke(false, tp(0), tp(1), tp(2))
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("%d lanes: the revoke took %s, want at most 4s", lanes, took)
			}
			close(let)
			s.SetHook(nil)
			_ = wk.end()
		})
	}
}

// TestE3AStopEnds: a stop ends within Drain and two seconds, whatever hangs, also what ignores its context. It says what was
// under way where not all was committed, and nothing where it was.
func TestE3AStopEnds(t *testing.T) {
	const drain = 5 * time.Second
	type run struct {
		w    *world
		s    *memory.Store
		src  *feed
		sink *hangingSink
		let  chan struct{}
	}
	work := func(r run) { r.w.produce(tp(0), 5); time.Sleep(time.Second) }
	for name, c := range map[string]struct {
		hang   func(r run)
		wants  string        // in the error; empty: none
		within time.Duration // zero: Drain and two seconds
	}{
		"nothing": {hang: work},
		"a handler that follows its context": {wants: "lane 0", hang: func(r run) {
			r.s.SetHook(hangs(memory.BeforeApply, false, r.let))
			work(r)
		}},
		"a handler that ignores its context": {wants: "lane 0", hang: func(r run) {
			r.s.SetHook(hangs(memory.BeforeApply, true, r.let))
			work(r)
		}},
		"a store that is silent behind a commit": {wants: "lane 0", hang: func(r run) {
			r.s.SetHook(hangs(memory.AfterApply, true, r.let))
			work(r)
		}},
		"a store that refuses": {within: time.Second, hang: func(r run) {
			r.s.SetHook(func(_ context.Context, p memory.Point) error {
				if p == memory.BeforeApply {
					return errors.New("connection refused")
				}
				return nil
			})
			work(r)
			time.Sleep(time.Minute) // the pauses between two tries are long by now
		}},
		"a store that answers again": {within: time.Second, hang: func(r run) {
			work(r)
			r.s.SetHook(func(_ context.Context, p memory.Point) error {
				if p == memory.AfterApply {
					return errors.New("connection lost")
				}
				return nil
			})
			work(r)
			r.s.SetHook(nil)
		}},
		"a store that loses every answer": {within: 3 * time.Second, wants: "lane 0", hang: func(r run) {
			r.s.SetHook(func(_ context.Context, p memory.Point) error {
				if p == memory.BeforeApply {
					return ledger.ErrUnknown
				}
				return nil
			})
			work(r)
			time.Sleep(time.Minute)
		}},
		"a store that does not answer reads": {hang: func(r run) {
			work(r)
			r.s.SetHook(hangs(memory.Reading, true, r.let))
			time.Sleep(10 * time.Second) // the monitor is inside its watch
		}},
		"a session that does not close": {hang: func(r run) { work(r); r.sink.close.Store(true) }},
		"brokers that do not take the mirror": {hang: func(r run) {
			r.w.deaf(true)
			work(r)
		}},
		"a group that can not be left": {hang: func(r run) { work(r); r.src.leaving = make(chan struct{}) }},
		"a poll that does not end":     {hang: func(r run) { work(r); r.src.polling = make(chan struct{}) }},
		"everything": {wants: "lane 0", hang: func(r run) {
			r.w.deaf(true)
			r.sink.close.Store(true)
			r.s.SetHook(hangs(memory.BeforeApply, true, r.let))
			work(r)
			r.src.leaving, r.src.polling = make(chan struct{}), make(chan struct{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				sink, let := &hangingSink{Store: s, let: make(chan struct{})}, make(chan struct{})
				wk := w.run(sink, func(cfg *Config) { cfg.Drain = drain })
				src := wk.source
				synctest.Wait()
				src.assign(tp(0))
				c.hang(run{w, s, src, sink, let})
				began := time.Now()
				wk.stop()
				<-wk.done
				if took, most := time.Since(began), cmp.Or(c.within, drain+2*time.Second); took > most {
					t.Errorf("the stop took %s, want at most %s", took, most)
				}
				s.SetHook(nil)
				w.deaf(false)
				for _, let := range []chan struct{}{let, sink.let, src.leaving, src.polling} {
					if let != nil {
						close(let)
					}
				}
				if got := wk.err; c.wants == "" && got != nil {
					t.Errorf("all was committed, and the run says %v", got)
				} else if c.wants != "" && (!errors.Is(got, ErrCutShort) || !strings.Contains(fmt.Sprint(got), c.wants)) {
					t.Errorf("the run says %v, want ErrCutShort that names %s", got, c.wants)
				}
				synctest.Wait()
				if evs := seen[Event](wk); len(evs) == 0 || !isStopped(evs[len(evs)-1]) {
					t.Errorf("Stopped is not the last event: %T", evs[len(evs)-1])
				}
			})
		})
	}
}

func isStopped(ev Event) bool { _, ok := ev.(Stopped); return ok }

// hangingSink is a store whose sessions may not close.
type hangingSink struct {
	*memory.Store
	close atomic.Bool
	let   chan struct{}
}

func (h *hangingSink) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := h.Store.Lane(ctx, n)
	return &hangingLane{Lane: l, sink: h}, err
}

type hangingLane struct {
	sink.Lane
	sink *hangingSink
}

func (l *hangingLane) Close() error {
	if l.sink.close.Load() {
		holdUp(l.sink.let)
	}
	return l.Lane.Close()
}
