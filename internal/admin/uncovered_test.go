package admin_test

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// An audit whose rows are right still says how many records below the positions no commit covers: a proof that calls a
// skipped record applied is none.
func TestAuditCountsWhatNoCommitCovers(t *testing.T) {
	fence := ledger.Fence(4242)
	to := func(w *world, cause ledger.Cause, next fencepost.Offset, atMost int64) {
		fence++
		w.move(ledger.Move{TopicPartition: tp(0), Held: w.positions()[tp(0)], Cause: cause, AtMost: atMost,
			Next: ledger.Position{Offset: next, LeaderEpoch: fencepost.NoEpoch, Fence: fence, TopicID: topicID}})
	}
	longer := func(w *world) {
		w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 1010, 1010, 1010 })
	}
	for name, c := range map[string]struct {
		make func(*world, *table)
		want int64
	}{
		"all covered": {func(*world, *table) {}, 0},
		"skipped, and gone on behind it": {func(w *world, s *table) {
			longer(w)
			to(w, ledger.CauseSkip, 1003, 3)
			w.commit(tp(0), 1010)
			s.fill(0, 1003, 1010)
		}, 3},
		"skipped, then read after all": {func(w *world, s *table) {
			longer(w)
			to(w, ledger.CauseSkip, 1003, 3)
			to(w, ledger.CauseRewind, 1000, 0)
			w.commit(tp(0), 1010)
			s.fill(0, 1000, 1010)
		}, 0},
		"read once, then moved over": {func(w *world, _ *table) {
			to(w, ledger.CauseRewind, 10, 0)
			to(w, ledger.CauseSkip, 1000, 990)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := audited(t)
			c.make(w, s)
			a, faults := w.audit(keeps)
			if a.Uncovered != c.want || faults != "" || !a.Proven() {
				t.Errorf("got %d uncovered, proven %t, faults %q; want %d, and no fault", a.Uncovered, a.Proven(), faults, c.want)
			}
		})
	}
}

// A start at the end of the log leaves unread what the log holds below it; what retention deleted before a start at the
// beginning was never there to be read.
func TestAuditCountsWhatAStartLeftBelow(t *testing.T) {
	for name, c := range map[string]struct {
		earliest fencepost.Offset // of the log, before the start
		until    fencepost.Offset // where the start went
		want     int64
	}{
		"at the beginning":                    {0, 0, 0},
		"at the end":                          {0, 1000, 1000},
		"at the beginning that is left":       {400, 400, 0},
		"at the end of what retention leaves": {400, 1000, 600},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := audited(t)
			s.rows = nil
			s.fill(1, 0, 1000)
			w.bounds(0, func(b *fencepost.LogOffsets) { b.Earliest = c.earliest })
			h := w.history()
			for i, m := range h {
				switch {
				case m.TopicPartition != tp(0):
				case m.Cause == ledger.CauseStart:
					h[i].Next.Offset = c.until
				case m.Cause == ledger.CauseCommit:
					h[i].Held.Offset = c.until
				}
			}
			s.fill(0, c.until, 1000)
			w.resources.History = h
			if a, faults := w.audit(keeps); a.Uncovered != c.want || faults != "" {
				t.Errorf("got %d uncovered, faults %q; want %d, and no fault", a.Uncovered, faults, c.want)
			}
		})
	}
}
