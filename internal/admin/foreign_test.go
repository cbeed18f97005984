package admin_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/ledger"
)

// hash is a hash as pattern A's jobs write it: partition -> from|until.
type hash struct {
	ranges map[int32]fencepost.OffsetRange
	err    error
	read   int // how often
}

func (h *hash) Foreign(context.Context) (f foreign.Offsets, err error) {
	h.read++
	for p := range int32(100) {
		if r, ok := h.ranges[p]; ok {
			f.Entries = append(f.Entries, foreign.Entry{TopicPartition: tp(p), From: r.From, Until: r.Until,
				Raw: raw(r), Where: "hash spark:orders"})
		}
	}
	return f, h.err
}

func (h *hash) Close() error { return nil }

func raw(r fencepost.OffsetRange) string { return fmt.Sprintf("%d|%d", r.From, r.Until) }

// other is the resources of a job's hash, looked at with the world's brokers.
func (w *world) other(meaning foreign.Meaning, ranges map[int32]fencepost.OffsetRange) admin.Resources {
	r := w.resources
	r.Ledger, r.History, r.Group = nil, nil, ""
	r.Layout, r.Meaning, r.Subject, r.Where = &hash{ranges: ranges}, meaning, "hash spark:orders", "redis://:***@localhost:6379/0"
	return r
}

// The same entries, read in each meaning: where they would resume, and what the brokers say of that.
func TestLookAtAnotherProgramsOffsets(t *testing.T) {
	w := newWorld(t, 4)
	w.bounds(0, func(b *fencepost.LogOffsets) { b.Earliest = 500 })
	ranges := map[int32]fencepost.OffsetRange{0: {From: 400, Until: 700}, 1: {From: 900, Until: 1000}, 2: {From: 0, Until: 1}}
	for meaning, want := range map[foreign.Meaning][3]struct {
		at      fencepost.Offset
		verdict ledger.Verdict
		lag     int64
	}{
		foreign.MeaningNext:          {{700, ledger.OK, 300}, {1000, ledger.OK, 0}, {1, ledger.OK, 999}},
		foreign.MeaningBatchStart:    {{400, ledger.AgedOut, 600}, {900, ledger.OK, 100}, {0, ledger.OK, 1000}},
		foreign.MeaningLastProcessed: {{701, ledger.OK, 299}, {1001, ledger.Truncated, -1}, {2, ledger.OK, 998}},
	} {
		v, err := admin.Look(t.Context(), w.other(meaning, ranges))
		if err != nil || !v.Foreign || len(v.Standings) != 4 {
			t.Fatalf("%s: %v, %d standings", meaning, err, len(v.Standings))
		}
		for p, want := range want {
			s := v.Standings[p]
			if s.Position.Offset != want.at || s.Decision.Verdict != want.verdict || s.Lag != want.lag || s.Entry == nil {
				t.Errorf("%s, %s: got %d, %s, lag %d; want %d, %s, lag %d", meaning, s.TopicPartition, s.Position.Offset, s.Decision.Verdict, s.Lag,
					want.at, want.verdict, want.lag)
			}
		}
		if s := v.Standings[3]; !s.Position.Absent() || s.NeedsPerson() || s.Reason == "" || s.State != admin.StateUnknown {
			t.Errorf("%s: a partition without an entry is told as %+v", meaning, s)
		}
	}
}

// Without a meaning nothing is guessed: the three readings of the first entry, and the one that the brokers contradict.
func TestMeaningIsNeeded(t *testing.T) {
	w := newWorld(t, 2)
	w.cluster.bounds[tp(1)] = fencepost.LogOffsets{TopicID: topicID, LastStableOffset: 29140, HighWatermark: 29140}
	_, err := admin.Look(t.Context(), w.other(foreign.MeaningUnset, map[int32]fencepost.OffsetRange{0: {From: 30000, Until: 31007}, 1: {From: 28000, Until: 29140}}))
	fault := wantFault(t, err, "meaning-needed", 2)
	want, err := os.ReadFile("testdata/meaning-needed.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := fault.Error() + "\n  help: " + fault.Help + "\n"; got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// O18: the topics of a layout and the first look behind them read it once; each later look, as of a move that verifies itself, reads anew.
func TestLayoutIsReadOnceForTopicsAndLook(t *testing.T) {
	w := newWorld(t, 1)
	r := w.other(foreign.MeaningNext, map[int32]fencepost.OffsetRange{0: {From: 0, Until: 500}})
	h := r.Layout.(*hash)
	r.Seen = new(admin.Seen)
	if _, err := admin.Topics(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for n, want := range []fencepost.Offset{500, 600} {
		h.ranges[0] = fencepost.OffsetRange{From: 500, Until: 600}
		v, err := admin.Look(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if at := v.Standings[0].Position.Offset; at != want || h.read != n+1 {
			t.Errorf("look %d: at %d, read %d times; want %d, %d", n+1, at, h.read, want, n+1)
		}
	}
}

// What cannot be read, and what is not there, is reported; neither is an empty group.
func TestLayoutsThatSayNothing(t *testing.T) {
	w := newWorld(t, 1)
	_, err := admin.Look(t.Context(), w.other(foreign.MeaningNext, nil))
	wantFault(t, err, "ledger-missing", 0)
	_, err = admin.Topics(t.Context(), w.other(foreign.MeaningNext, nil))
	wantFault(t, err, "ledger-missing", 0)
	r := w.other(foreign.MeaningNext, nil)
	broken := errors.New("connection refused")
	r.Layout = &hash{err: broken}
	if _, err := admin.Look(t.Context(), r); !errors.Is(err, broken) {
		t.Errorf("a layout that does not answer: got %v", err)
	}
}

// absentLedger is a ledger that is not there, and that a Read would make.
type absentLedger struct {
	ledger.Ledger
	made bool
}

func (l *absentLedger) Exists(context.Context, fencepost.Group) (bool, error) { return l.made, nil }
func (l *absentLedger) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	l.made = true
	return l.Ledger.Read(ctx, g)
}

// To look at a ledger that is not there makes none.
func TestLookingMakesNoLedger(t *testing.T) {
	w := newWorld(t, 1)
	l := &absentLedger{Ledger: w.store}
	w.resources.Ledger = l
	_, err := admin.Look(t.Context(), w.resources)
	wantFault(t, err, "ledger-missing", 0)
	_, err = admin.Topics(t.Context(), w.resources)
	wantFault(t, err, "ledger-missing", 0)
	_, err = admin.Moves(t.Context(), w.resources, admin.Filter{})
	wantFault(t, err, "ledger-missing", 0)
	_, err = admin.Prove(t.Context(), w.resources, admin.AuditOptions{})
	wantFault(t, err, "ledger-missing", 0)
	if l.made {
		t.Error("looking made the ledger")
	}
}
