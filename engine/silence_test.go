package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/source"
)

// reached is a cluster of which the test says whether it answers, and whether the worker is in its group.
type reached struct {
	source.Cluster
	down, out *atomic.Bool
}

var errDown = errors.New("connection refused")

func (r reached) Reach(context.Context) error {
	if r.down.Load() {
		return errDown
	}
	return nil
}

func (r reached) Member() bool { return !r.out.Load() }

// TestSilenceIsReported: brokers that answer nothing are reported within a watch interval, again and again at growing intervals, and
// once more when they answer. The lag is not known meanwhile, though the worker may hold nothing any more.
func TestSilenceIsReported(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		var down, out atomic.Bool
		wk := w.run(s, func(c *Config) { c.Source = withCluster{c.Source.(*feed), reached{w, &down, &out}} })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(12 * time.Second)
		if got := seen[Silent](wk); len(got) != 0 || !wk.engine().Status().LagKnown() {
			t.Fatalf("while brokers answer: %+v, lag known: %t", got, wk.engine().Status().LagKnown())
		}
		down.Store(true)
		began := time.Now()
		time.Sleep(6 * time.Second)
		got := seen[Silent](wk)
		if len(got) != 1 || !errors.Is(got[0].Err, errDown) || got[0].Ended || got[0].Since.Before(began) {
			t.Fatalf("after 6 s of silence: %+v, want it reported once", got)
		}
		if st := wk.engine().Status(); !st.Silent || st.LagKnown() {
			t.Errorf("after 6 s of silence: %+v, want Silent and no lag", st)
		}
		time.Sleep(10 * time.Minute)
		if n := len(seen[Silent](wk)); n < 10 || n > 16 {
			t.Errorf("in ten minutes of silence it was reported %d times, want it repeated, at most once a minute in the end", n)
		}
		down.Store(false)
		time.Sleep(6 * time.Second)
		got = seen[Silent](wk)
		if last := got[len(got)-1]; !last.Ended || last.For < 10*time.Minute || !wk.engine().Status().LagKnown() {
			t.Errorf("when brokers answer again: %+v", last)
		}
		time.Sleep(time.Minute)
		if n := len(seen[Silent](wk)); n != len(got) {
			t.Errorf("the end of a silence was reported %d times, want once", n-len(got)+1)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// TestOutsideIsReported: a worker that is not let into its group says so, and not before a rebalance can have taken place.
func TestOutsideIsReported(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		var down, out atomic.Bool
		out.Store(true)
		wk := w.run(s, func(c *Config) { c.Source = withCluster{c.Source.(*feed), reached{w, &down, &out}} })
		time.Sleep(9 * time.Second)
		if got := seen[Outside](wk); len(got) != 0 {
			t.Fatalf("after 9 s: %+v, want nothing yet", got)
		}
		time.Sleep(3 * time.Second)
		if got := seen[Outside](wk); len(got) != 1 || got[0].Ended {
			t.Fatalf("after 12 s: %+v, want it reported once", got)
		}
		if st := wk.engine().Status(); !st.Outside || st.LagKnown() {
			t.Errorf("outside of the group: %+v, want Outside and no lag", st)
		}
		out.Store(false)
		wk.source.assign(tp(0))
		time.Sleep(6 * time.Second)
		if got := seen[Outside](wk); len(got) != 2 || !got[1].Ended || got[1].For < 10*time.Second {
			t.Errorf("as a member: %+v, want its end reported", got)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// TestLagIsUnknownWhereNobodySaysWhereTheLogEnds: what brokers never said is not printed as 0, and what is known of others is the
// least that the lag can be.
func TestLagIsUnknownWhereNobodySaysWhereTheLogEnds(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		first := w.run(s, nil)
		synctest.Wait()
		first.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		if err := first.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		w.mu.Lock()
		w.mu.silent[tp(1)] = true
		w.mu.Unlock()
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(1))
		time.Sleep(time.Second)
		if st := wk.engine().Status(); st.LagKnown() || st.Unknown != 1 || st.Waiting != 1 {
			t.Errorf("one partition, of which nobody says anything: %+v, want no lag", st)
		}
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		if st := wk.engine().Status(); !st.LagKnown() || st.Unknown != 1 || st.Running != 1 {
			t.Errorf("beside one that is known: %+v, want the lag of the one that is known", st)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
