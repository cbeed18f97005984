//go:build realservers

package scenarios

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
)

// three is batches of at most three entries, markers counted, with a floor of as many: their contents are exact where
// all entries are there.
var three = engine.BatchBounds{Records: 3, MinRows: 3, MaxWait: 2 * time.Second}

// Read committed, step by step. The log in the end:
//
//	0-4 committed, 5*   6-10 aborted, 11*   12-16 committed, 17*   18, 19*   20, 21*   22-23, 24*
func TestT1ReadCommitted(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	var seen batches
	run := func() *worker {
		return s.run([]string{name}, func(set *setup) {
			set.engine.Batch = three
			set.engine.Sink = hooked{s.store.sink(t, "seen", ""), seen.commit}
		})
	}
	wk := run()
	wk.settled(tp, ledger.New)
	s.begin(tp, 5) // 0-4
	await(wk, "the open transaction is told", func(b engine.Blocked) bool { return b.Offset == 0 })
	if p := s.position(tp); p.Offset != 0 {
		t.Errorf("the position is %d while the transaction is open, want 0", p.Offset)
	}
	s.end(kgo.TryCommit)
	s.reached(tp, 6)
	s.aborted(tp, 5)
	s.reached(tp, 12)
	s.committed(tp, 5)
	s.reached(tp, 18)
	wk.end()
	for _, n := range []int{1, 1, 2} {
		s.committed(tp, n)
	}
	s.wantLog(tp, 0, 25)
	wk = run()
	s.reached(tp, 25)
	wk.end()
	if got, want := seen.String(), "[0 1 2] [3 4] [12 13 14] [15 16] [18 20] [22 23]"; got != want {
		t.Errorf("batches are %s, want %s", got, want)
	}
}

// Read uncommitted, over the same log: the aborted records too, and the markers never.
func TestT2ReadUncommitted(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	s.committed(tp, 5)
	s.aborted(tp, 5)
	s.committed(tp, 5)
	for _, n := range []int{1, 1, 2} {
		s.committed(tp, n)
	}
	s.wantLog(tp, 0, 25)
	var seen batches
	s.toEnd([]string{name}, func(set *setup) {
		set.kafka.Isolation = kafka.ReadUncommitted
		set.engine.Batch = three
		set.engine.Sink = hooked{s.store.sink(t, "seen", ""), seen.commit}
	})
	if got, want := seen.String(), "[0 1 2] [3 4] [6 7 8] [9 10] [12 13 14] [15 16] [18 20] [22 23]"; got != want {
		t.Errorf("batches are %s, want %s", got, want)
	}
	if p := s.position(tp); p.Offset != 25 {
		t.Errorf("the position is %d, want 25", p.Offset)
	}
}

// A partition whose last entry is a marker, of a commit or of an abort, is read to its end: `--until end` ends, and no
// lag is left.
func TestT3LastEntryIsAMarker(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(3)
	s.committed(at(name, 0), 3)
	s.aborted(at(name, 1), 3)
	s.fill(at(name, 2), 2)
	s.aborted(at(name, 2), 2)
	wk := s.toEnd([]string{name}, nil)
	for _, e := range heard[engine.Stopped](wk) {
		if e.Lag != 0 || e.Done != e.Total {
			t.Errorf("lag %d, done %d of %d, want no lag and all", e.Lag, e.Done, e.Total)
		}
	}
	s.wantRows(at(name, 0), 0, 1, 2)
	s.wantRows(at(name, 1))
	s.wantRows(at(name, 2), 0, 1)
	for p, want := range []fencepost.Offset{4, 4, 5} {
		if got := s.position(at(name, int32(p))).Offset; got != want {
			t.Errorf("partition %d is at %d, want %d", p, got, want)
		}
	}
}

// Offsets without records between the position and the next record are no loss while Earliest lies below them; records
// that DeleteRecords took from in front of the position are one.
func TestT4GapOfMarkersIsNoLoss(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	s.committed(tp, 2) // 0-1, 2*
	s.toEnd([]string{name}, nil)
	s.aborted(tp, 2)      // 3-4, 5*
	s.committed(tp, 1)    // 6, 7*
	s.deleteBefore(tp, 3) // what was applied is gone
	s.toEnd([]string{name}, nil)
	s.wantRows(tp, 0, 1, 6)
	s.wantMoves("start 0 absent>0 0")

	s.fill(tp, 4) // 8-11
	s.deleteBefore(tp, 10)
	wk := s.run([]string{name}, nil)
	if p := wk.parked(tp, "aged-out"); p.Lost != 2 || p.Offset != 8 {
		t.Errorf("parked at %d with %d lost, want at 8 with 2", p.Offset, p.Lost)
	}
	wk.end()
	s.wantRows(tp, 0, 1, 6)
	s.wantMoves("start 0 absent>0 0")
}

// Twelve records, three of which were aborted, and two markers: nine are applied, and position 14 is reached and kept.
func TestT5AbortedRecordsAreNeverApplied(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	s.committed(tp, 9) // 0-8, 9*
	s.aborted(tp, 3)   // 10-12, 13*
	s.toEnd([]string{name}, nil)
	s.wantRows(tp, span(0, 9)...)
	if p := s.position(tp); p.Offset != 14 {
		t.Errorf("the position is %d, want 14", p.Offset)
	}
	wk := s.toEnd([]string{name}, nil)
	if n := len(heard[engine.Committed](wk)); n != 0 {
		t.Errorf("started again it committed %d times, want never", n)
	}
	s.wantRows(tp, span(0, 9)...)
}
