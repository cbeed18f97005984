package engine

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/source"
)

// deaf is a source whose client loses seeks.
type deaf struct {
	*feed
	lose atomic.Int64 // how many of the next ones
}

func (d *deaf) Seek(starts map[fencepost.TopicPartition]source.Start) {
	if d.lose.Add(-1) < 0 {
		d.feed.Seek(starts)
	}
}

// A client that loses a seek goes on beyond where it was sent to: no record in between is passed, and it is sent there
// again. What looks the same is a hole in the log: the second answer shows it, and the partition goes on behind it.
func TestALostSeekLosesNoRecords(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		var d *deaf
		wk := w.run(s, func(c *Config) {
			d = &deaf{feed: c.Source.(*feed)}
			c.Source = d
		})
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		d.lose.Store(1)
		move(t, s, tp(0), 5, 4711)
		time.Sleep(6 * time.Second) // the watch interval: the rewind is obeyed, and the client does not learn of it
		wantRows(t, s, tp(0), upTo(0, 20))
		w.produce(tp(0), 10)
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), append(upTo(0, 20), upTo(5, 30)...))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		w.change(tp(0), func(l *fakeLog) { l.entries = l.entries[12:] })
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(12, 20))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// An operator passes a bad record, before or while it is being tried again: the partition counts as running at once,
// though nothing comes behind it.
func TestASkippedRecordIsNotParkedAnyMore(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 14)
		refusing(s, tp(0), 13)
		wk := w.run(s, func(c *Config) { c.Rate = 2 })
		synctest.Wait()
		fence := uint64(4711)
		to := func(at fencepost.Offset) {
			fence += 1000
			move(t, s, tp(0), at, fence)
		}
		skip := func(when string) {
			t.Helper()
			to(14)
			time.Sleep(11 * time.Second) // the watch interval, or a refusal
			if got := wk.engine().Status(); got.Running != 1 || got.Parked != 0 {
				t.Errorf("skipped %s: the status is %+v, want one running partition", when, got)
			}
		}
		wk.source.assign(tp(0))
		time.Sleep(20 * time.Second)
		if got := wk.engine().Status(); got.Parked != 1 {
			t.Fatalf("the status is %+v, want one parked partition", got)
		}
		skip("while it is parked")
		to(0)
		time.Sleep(20 * time.Second)
		if got := wk.engine().Status(); got.Parked != 1 {
			t.Fatalf("behind a rewind the status is %+v, want one parked partition", got)
		}
		to(0)
		time.Sleep(8 * time.Second) // the records in front of the bad one go in, two a second
		skip("while it is tried again")
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A partition that parked for what the log says, and not for a record, runs as soon as it is settled.
func TestARepairedPartitionRunsAtOnce(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		w.change(tp(0), func(l *fakeLog) { l.entries, l.end = nil, 0 })
		time.Sleep(11 * time.Second)
		if parked := seen[Parked](wk); len(parked) != 1 || parked[0].Code != "truncated" {
			t.Fatalf("parked: %+v, want once, truncated", parked)
		}
		move(t, s, tp(0), 0, 4711)
		time.Sleep(6 * time.Second)
		if got := wk.engine().Status(); got.Running != 1 || got.Parked != 0 {
			t.Errorf("the status is %+v, want one running partition", got)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
