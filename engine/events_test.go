package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// TestE9ParkedIsToldOnce: a parked partition is tested again every watch interval, and reported once; also where what
// was lost grows meanwhile. It is reported again when it goes on.
func TestE9ParkedIsToldOnce(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		wk.source.revoke(false, tp(0))
		w.produce(tp(0), 100)
		w.change(tp(0), func(l *fakeLog) { l.earliest = 30 })
		wk.source.assign(tp(0))
		for n := fencepost.Offset(31); n < 91; n++ {
			w.change(tp(0), func(l *fakeLog) { l.earliest = n })
			time.Sleep(time.Second)
		}
		told := 0
		for _, ev := range seen[Reconciled](wk) {
			for _, p := range ev.Partitions {
				if p.TopicPartition == tp(0) && p.Verdict == ledger.AgedOut {
					told++
				}
			}
		}
		if told != 1 || len(seen[Parked](wk)) != 1 {
			t.Errorf("in a minute it was told %d times as settled and %d times as parked, want once each", told, len(seen[Parked](wk)))
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// TestE9ProgressWhileIdle: Progress comes several times a second while something changes, else once a second.
func TestE9ProgressWhileIdle(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		var n atomic.Int64
		wk := w.run(s, func(c *Config) {
			hear := c.Events
			c.Events = func(ev Event) {
				if _, ok := ev.(Progress); ok {
					n.Add(1)
				}
				hear(ev)
			}
		})
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(2 * time.Second)
		n.Store(0)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := n.Load(); n < 9 || n > 11 {
			t.Errorf("%d times in 10 idle seconds, want once a second", n)
		}
		n.Store(0)
		for range 100 {
			w.produce(tp(0), 1)
			time.Sleep(100 * time.Millisecond)
		}
		if n := n.Load(); n < 30 {
			t.Errorf("%d times in 10 busy seconds, want several times a second", n)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// TestE10ListenersHoldNoLock: a listener may ask for the Status; no lock of the engine is held around it.
func TestE10ListenersHoldNoLock(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		w.produce(tp(1), 20)
		w.change(tp(1), func(l *fakeLog) { l.stable = 10 })
		bad := &numbers{}
		bad.bad.Store(-1)
		cfg := Config{Group: "g", Source: w.source(), Sink: s, Decoder: func() fencepost.Decoder { return bad }}
		var e *Engine
		kinds := map[string]bool{}
		cfg.Events = func(ev Event) {
			kinds[fmt.Sprintf("%T", ev)] = true
			for _, l := range e.lanes {
				for try := 0; !l.mu.TryLock(); try++ {
					if try == 1000 {
						t.Errorf("%T is told under a lane's lock", ev)
						return
					}
					runtime.Gosched()
				}
				l.mu.Unlock()
			}
		}
		e = newEngine(cfg.withDefaults())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		src := cfg.Source.(*feed)
		src.assign(tp(0), tp(1), tp(2))
		time.Sleep(20 * time.Second)
		w.mu.Lock()
		w.mu.silent[tp(2)] = true
		w.mu.Unlock()
		time.Sleep(20 * time.Second)
		bad.bad.Store(20)
		w.produce(tp(0), 3)
		time.Sleep(20 * time.Second)
		src.revoke(false, tp(0))
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		for _, ev := range []Event{Assigned{}, Reconciled{}, Moved{}, Committed{}, Waiting{}, Blocked{}, Parked{}, Progress{}, Revoked{}, Draining{}, Stopped{}} {
			if !kinds[fmt.Sprintf("%T", ev)] {
				t.Errorf("%T was not told: this test does not see it", ev)
			}
		}
	})
}

// transactions is a cluster that says which transactions are open.
type transactions struct {
	*world
	open map[fencepost.TopicPartition]source.Transaction
	err  error
	asks int
}

func (c *transactions) OpenTransactions(_ context.Context, tps []fencepost.TopicPartition) (map[fencepost.TopicPartition]source.Transaction, error) {
	c.asks++
	got := map[fencepost.TopicPartition]source.Transaction{}
	for _, tp := range tps {
		if tx, ok := c.open[tp]; ok {
			got[tp] = tx
		}
	}
	return got, c.err
}

// withCluster is a source on another cluster.
type withCluster struct {
	*feed
	cluster source.Cluster
}

func (s withCluster) Cluster() source.Cluster { return s.cluster }

// stepping is a cluster whose bounds are of two moments: the last stable offset was asked before a record was appended, the
// high watermark behind it. Between two questions more records come, unless the topic is idle.
type stepping struct {
	*world
	produces bool
}

func (c *stepping) LogOffsets(ctx context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	got := c.world.LogOffsets(ctx, asks)
	for tp, b := range got {
		if c.produces {
			c.produce(tp, 1)
			b.HighWatermark++
			got[tp] = b
		}
	}
	synctest.Wait() // the worker keeps up
	return got
}

// TestE11BlockedNeedsATransaction: two answers of two moments are no open transaction; one that stays open is reported, with
// its producer where the brokers name it, and not where they answer that there is none.
func TestE11BlockedNeedsATransaction(t *testing.T) {
	blocked := func(t *testing.T, w *world, s *memory.Store, cluster source.Cluster, stable fencepost.Offset) []Blocked {
		w.produce(tp(0), 20)
		w.change(tp(0), func(l *fakeLog) { l.stable = stable })
		var src *feed
		wk := w.run(s, func(c *Config) {
			src = c.Source.(*feed)
			c.Source = withCluster{src, cluster}
		})
		synctest.Wait()
		src.assign(tp(0))
		time.Sleep(30 * time.Second)
		got := seen[Blocked](wk)
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		return got
	}
	tx := source.Transaction{ProducerID: 4001, TransactionalID: "billing-7", Since: time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC)}
	t.Run("answers of two moments", func(t *testing.T) {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			if got := blocked(t, w, s, &stepping{w, true}, -1); len(got) != 0 {
				t.Errorf("a worker that keeps up is told to be blocked: %+v", got)
			}
		})
	})
	t.Run("named", func(t *testing.T) {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			c := &transactions{world: w, open: map[fencepost.TopicPartition]source.Transaction{tp(0): tx}}
			got := blocked(t, w, s, c, 10)
			if len(got) != 1 || got[0].Transaction != tx || got[0].Offset != 10 {
				t.Errorf("told %+v, want once, at 10, by %+v", got, tx)
			}
			if c.asks != 1 {
				t.Errorf("the brokers were asked %d times, want once", c.asks)
			}
		})
	})
	t.Run("none open", func(t *testing.T) {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			if got := blocked(t, w, s, &transactions{world: w}, 10); len(got) != 0 {
				t.Errorf("the brokers know of no transaction, and it is told: %+v", got)
			}
		})
	})
	t.Run("brokers that can not say", func(t *testing.T) {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			got := blocked(t, w, s, &transactions{world: w, err: errors.New("denied")}, 10)
			if len(got) != 1 || got[0].Transaction != (source.Transaction{}) {
				t.Errorf("told %+v, want once, without a producer", got)
			}
		})
	})
	t.Run("a cluster without the ability", func(t *testing.T) {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			if got := blocked(t, w, s, w, 10); len(got) != 1 {
				t.Errorf("told %d times, want once", len(got))
			}
		})
	})
}
