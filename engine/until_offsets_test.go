package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// until runs a worker of its own group to named offsets.
func (w *world) until(s *memory.Store, ends map[fencepost.TopicPartition]fencepost.Offset, tps ...fencepost.TopicPartition) *worker {
	w.t.Helper()
	wk := w.run(s, func(c *Config) { c.Until.Offsets, c.Batch.Records = ends, 4 })
	synctest.Wait()
	if !wk.over() {
		wk.source.assign(tps...)
	}
	select {
	case <-wk.done:
	case <-time.After(time.Hour): // of the bubble's time
		w.t.Fatalf("the run to %v did not end", ends)
	}
	return wk
}

// A run to named offsets applies what lies in front of them and nothing at or past them, in whatever fetches it comes; a
// partition that is not named has no part in it.
func TestUntilOffsets(t *testing.T) {
	for _, end := range []fencepost.Offset{0, 1, 6, 7, 8, 19, 20} { // fetches are of 7
		t.Run(fmt.Sprint(end), func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 20)
				w.produce(tp(1), 20)
				wk := w.until(s, map[fencepost.TopicPartition]fencepost.Offset{tp(0): end}, tp(0), tp(1))
				if wk.err != nil {
					t.Fatalf("run: %v", wk.err)
				}
				if got := offsets(s, tp(0)); len(got) != int(end) {
					t.Errorf("applied %v, want [0 .. %d)", got, end)
				}
				if got := offsets(s, tp(1)); len(got) != 0 {
					t.Errorf("applied %v of a partition that has no part in the run", got)
				}
				if p := standing(t, s, tp(0)); p.Offset != end {
					t.Errorf("the position is %d, want %d", p.Offset, end)
				}
			})
		})
	}
}

// Where compaction left nothing in front of the end, the position reaches it all the same, and a second run has nothing
// to do.
func TestUntilOffsetsOverAHole(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		w.change(tp(0), func(l *fakeLog) { l.entries = append(l.entries[:3:3], l.entries[15:]...) })
		ends := map[fencepost.TopicPartition]fencepost.Offset{tp(0): 10}
		if wk := w.until(s, ends, tp(0)); wk.err != nil {
			t.Fatalf("run: %v", wk.err)
		}
		wantRows(t, s, tp(0), upTo(0, 3))
		if p := standing(t, s, tp(0)); p.Offset != 10 || p.LeaderEpoch != fencepost.NoEpoch {
			t.Errorf("the position is %+v, want 10 with no epoch", p)
		}
		if wk := w.until(s, ends, tp(0)); wk.err != nil {
			t.Fatalf("run again: %v", wk.err)
		}
		wantRows(t, s, tp(0), upTo(0, 3))
	})
}

// R1: an end that the log does not have is refused before anything is applied, never read short.
func TestUntilOffsetsPastTheEnd(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 4)
		w.produce(tp(1), 4)
		wk := w.until(s, map[fencepost.TopicPartition]fencepost.Offset{tp(0): 4, tp(1): 5}, tp(0), tp(1))
		wantFault(t, wk.err, "range-outside", 4)
		if n := len(offsets(s, tp(0))) + len(offsets(s, tp(1))); n != 0 {
			t.Errorf("%d records were applied", n)
		}
		w.change(tp(1), func(l *fakeLog) { l.stable = 3 })
		wk = w.until(s, map[fencepost.TopicPartition]fencepost.Offset{tp(1): 4}, tp(1))
		wantFault(t, wk.err, "range-outside", 4)
	})
}

func standing(t *testing.T, s *memory.Store, tp fencepost.TopicPartition) ledger.Position {
	t.Helper()
	snap, err := s.Read(t.Context(), "g")
	if err != nil {
		t.Fatal(err)
	}
	return snap.Positions[tp]
}
