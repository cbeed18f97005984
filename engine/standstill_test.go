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

// stills are the ways in which a partition stands still: what happens to one that was read to its end at 3, and what
// others read of it in the ledger, within how many watch intervals.
var stills = []struct {
	name  string
	befal func(*world, *memory.Store, *worker)
	halt  ledger.Halt
	code  string
	in    int
}{
	{"refused by the sink", func(w *world, s *memory.Store, _ *worker) { refuses(s, tp(0), 3); w.produce(tp(0), 1) },
		ledger.HaltParked, "record-refused", 1},
	{"not decoded", func(w *world, _ *memory.Store, _ *worker) {
		w.change(tp(0), func(l *fakeLog) { l.append(fencepost.Record{Value: []byte("777")}) })
	}, ledger.HaltParked, "record-undecodable", 1},
	{"aged out", func(w *world, _ *memory.Store, _ *worker) {
		w.change(tp(0), func(l *fakeLog) { l.earliest, l.end, l.entries = 10, 12, nil })
	}, ledger.HaltParked, "aged-out", 1},
	{"truncated", func(w *world, _ *memory.Store, _ *worker) {
		w.change(tp(0), func(l *fakeLog) { l.end, l.entries = 1, l.entries[:1] })
	}, ledger.HaltParked, "truncated", 1},
	{"recreated", func(w *world, _ *memory.Store, _ *worker) { w.create("t", 1) }, ledger.HaltParked, "recreated", 1},
	{"deleted", func(w *world, _ *memory.Store, _ *worker) {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.mu.topics, "t")
		w.changed()
	}, ledger.HaltParked, "topic-missing", 1},
	{"lost row", func(_ *world, s *memory.Store, _ *worker) { s.DeleteRow("g", tp(0)) }, ledger.HaltParked, "lost-row", 1},
	{"foreign write", func(_ *world, s *memory.Store, _ *worker) { s.ForeignWrite("g", tp(0), 2) }, ledger.HaltParked, "foreign-write", 1},
	{"another cluster", func(w *world, _ *memory.Store, _ *worker) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cluster = "cluster-2"
	}, ledger.HaltParked, "other-cluster", 1},
	{"no answer", func(w *world, _ *memory.Store, _ *worker) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mu.silent[tp(0)] = true
	}, ledger.HaltWaiting, "", 1},
	{"open transaction", func(w *world, _ *memory.Store, _ *worker) {
		w.change(tp(0), func(l *fakeLog) { l.stable = 3 })
		w.produce(tp(0), 2)
	}, ledger.HaltBlocked, "", 2}, // answers of two moments: one watch alone proves nothing
	{"the sink does not answer", func(w *world, s *memory.Store, _ *worker) { s.SetHook(fails); w.produce(tp(0), 1) },
		ledger.HaltRetrying, "database-silent", 1},
	{"the commit hangs", func(w *world, s *memory.Store, _ *worker) { s.SetHook(stands); w.produce(tp(0), 1) }, ledger.HaltRetrying, "", 2}, // said after 5 s
	{"cut off", func(_ *world, _ *memory.Store, wk *worker) {
		callbacks{wk.engine()}.Lost([]fencepost.TopicPartition{tp(0)})
	}, ledger.HaltCutOff, "not-a-member", 1},
}

func fails(_ context.Context, p memory.Point) error {
	if p == memory.BeforeApply {
		return &fencepost.UserError{Code: "database-silent", Err: errors.New("connection refused"), Passing: true}
	}
	return nil
}

func stands(ctx context.Context, p memory.Point) error {
	if p == memory.BeforeApply {
		<-ctx.Done()
	}
	return nil
}

// Whatever a partition stands still by, others can read it in the ledger within a watch interval: how, why, and who says so.
func TestEveryWayToStandStillIsReported(t *testing.T) {
	for _, c := range stills {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 3)
				dec := &numbers{}
				dec.bad.Store(777)
				wk := w.run(s, func(c *Config) {
					c.Who, c.Decoder = "w1", func() fencepost.Decoder { return dec }
				})
				synctest.Wait()
				wk.source.assign(tp(0))
				time.Sleep(2500 * time.Millisecond) // in the middle of a watch interval
				if r := reported(t, s, tp(0)); r.Halt != "" {
					t.Fatalf("reported of a partition that runs: %+v", r)
				}
				c.befal(w, s, wk)
				time.Sleep(time.Duration(c.in)*5*time.Second + time.Second)
				r := reported(t, s, tp(0))
				if r.Halt != c.halt || r.Code != c.code || r.Who != "w1" || r.Reason == "" {
					t.Errorf("reported: %+v, want %s, %q, by w1", r, c.halt, c.code)
				}
				s.SetHook(nil)
				_ = wk.end() // how it ends is not the question
				if r := reported(t, s, tp(0)); r.Halt != "" && r.Halt != ledger.HaltParked {
					t.Errorf("a stop leaves %+v", r)
				}
			})
		})
	}
}

// A start outside of the log parks before anything was committed: it is reported of a partition that has no position.
func TestAStartOutOfRangeIsReported(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		wk := w.run(s, func(c *Config) {
			c.Who = "w1"
			c.Policy.Start = ledger.StartAt{Kind: ledger.StartOffsets, Offsets: map[fencepost.TopicPartition]fencepost.Offset{tp(0): 9}}
		})
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(6 * time.Second)
		if r := reported(t, s, tp(0)); r.Halt != ledger.HaltParked || r.Code != "start-out-of-range" || r.Who != "w1" {
			t.Errorf("reported: %+v, want parked, start-out-of-range, by w1", r)
		}
		_ = wk.end()
	})
}
