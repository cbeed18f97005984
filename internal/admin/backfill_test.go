package admin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
)

func TestParseRanges(t *testing.T) {
	r := fencepost.OffsetRange{From: 410_200, Until: 421_000}
	for _, text := range []string{"trips:3:410200..421000", "trips:3:410,200..421,000", "trips:3:[410,200 .. 421,000)", "trips:3 [410,200 .. 421,000)", "trips:3: [410200 .. 421000)"} {
		got, err := admin.ParseRanges([]string{text})
		if err != nil || len(got) != 1 || got[tp(3)] != r {
			t.Errorf("%q is %v, %v, want %s of trips:3", text, got, err, r)
		}
	}
	for _, texts := range [][]string{{"trips:3"}, {"trips:3:5"}, {"trips:3:5.."}, {"trips:3:[5..7"}, {"trips:3:5..7]"}, {"trips:3:7..5"}, {"trips:-3:5..7"},
		{"trips:3:-1..7"}, {"trips:3:0..99999999999999999999"}, {":3:0..1"}, {"trips:99999999999:0..1"}, {"trips:3:0..1", "trips:3:1..2"}} {
		if got, err := admin.ParseRanges(texts); err == nil {
			t.Errorf("%q is %v, want an error", texts, got)
		}
	}
}

// E6: a range of which some digits are missing is no range.
func TestE6CommasOfARange(t *testing.T) {
	for _, bad := range []string{"1,2..3", "1..12,50", "1,,2..30", ",5..9", "5,..9", "0..5,"} {
		if got, err := admin.ParseRanges([]string{"trips:0:" + bad}); err == nil {
			t.Errorf("--range trips:0:%s is taken for %v", bad, got)
		}
	}
	if got, err := admin.ParseRanges([]string{"trips:0:1_000..20_000"}); err != nil || got[tp(0)] != (fencepost.OffsetRange{From: 1000, Until: 20_000}) {
		t.Errorf("what a pipeline file takes for a count: got %v, %v", got, err)
	}
}

// asked is an ask for ranges, written as people do.
func asked(t *testing.T, texts ...string) admin.BackfillAsk {
	t.Helper()
	ranges, err := admin.ParseRanges(texts)
	if err != nil {
		t.Fatal(err)
	}
	return admin.BackfillAsk{Ranges: ranges}
}

// beside is the world's resources for a backfill of a name.
func (w *world) beside(name fencepost.Group) admin.Resources {
	r := w.resources
	r.Group = group + "-backfill-" + name
	return r
}

// R1, R2: what the log has is planned, whole; what it has not is refused, and with it everything.
func TestPlanBackfillBounds(t *testing.T) {
	for _, c := range []struct {
		text, refused string
		left          int64
	}{
		{"trips:0:0..1000", "", 1000},
		{"trips:0:0..0", "", 0},
		{"trips:0:5000..5000", "", 0},
		{"trips:0:999..1000", "", 1},
		{"trips:0:0..1001", "the log ends at 1,000", 0},
		{"trips:1:300..1000", "", 700},
		{"trips:1:299..1000", "[299 .. 300) is gone, the log begins at 300", 0},
		{"trips:1:10..20", "[10 .. 20) is gone, the log begins at 300", 0},
		{"trips:2:0..900", "", 900},
		{"trips:2:0..901", "an open transaction holds it back at 900", 0},
	} {
		t.Run(c.text, func(t *testing.T) {
			w := newWorld(t, 3)
			w.bounds(1, func(b *fencepost.LogOffsets) { b.Earliest = 300 })
			w.bounds(2, func(b *fencepost.LogOffsets) { b.LastStableOffset = 900 })
			r := w.beside("x")
			b, err := admin.PlanBackfill(t.Context(), r, group, asked(t, c.text), "")
			if c.refused != "" {
				if f := wantFault(t, err, "range-outside", 4); !strings.Contains(f.Error(), c.refused) {
					t.Errorf("%v, want %s", f, c.refused)
				}
				return
			}
			if err != nil || b.Left() != c.left || b.Begun {
				t.Fatalf("planned %+v, %v, want %d left", b, err, c.left)
			}
			if snap, err := w.store.Read(t.Context(), r.Group); err != nil || len(snap.Positions) > 0 {
				t.Errorf("the plan wrote %v, %v", snap.Positions, err)
			}
		})
	}
}

// The pipeline's own group is no backfill's, also where it has not begun: its start would be moved.
func TestBackfillOfTheMainGroup(t *testing.T) {
	w := newWorld(t, 1)
	r, store := w.target()
	_, err := admin.PlanBackfill(t.Context(), r, r.Group, asked(t, "trips:0:500..600"), "")
	wantFault(t, err, "backfill-other", 4)
	if snap, err := store.Read(t.Context(), r.Group); err != nil || !snap.Empty() {
		t.Errorf("the ledger holds %+v, %v", snap, err)
	}
}

// The starts say the ranges, and are what a second run goes on with: by time the same offsets, even if the brokers say
// others by then. Whatever differs is refused. The main line's positions stay.
func TestBackfillGoesOn(t *testing.T) {
	w := newWorld(t, 2)
	before := w.positions()
	r := w.beside("x")
	sel, err := admin.ParseSelection([]string{"trips:1"})
	if err != nil {
		t.Fatal(err)
	}
	byTime := admin.BackfillAsk{From: producer, To: producer.Add(time.Minute), Sel: sel}
	plan := func(a admin.BackfillAsk) (*admin.Backfill, error) {
		return admin.PlanBackfill(t.Context(), r, group, a, "wrong rate")
	}
	b, err := plan(byTime)
	if err != nil || b.Left() != 1000 || len(b.Ranges) != 1 {
		t.Fatalf("planned %+v, %v", b, err)
	}
	if err := b.Start(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	snap, err := w.store.Read(t.Context(), r.Group)
	if err != nil || len(snap.Positions) != 2 || snap.Topics["trips"].Partitions != 2 {
		t.Fatalf("started %+v, %v, want both partitions of the topic", snap, err)
	}
	for m, err := range w.store.Moves(t.Context(), r.Group) {
		want := ledger.Backfill{Range: fencepost.OffsetRange{Until: 1000}, Of: group, Since: byTime.From, Before: byTime.To}
		if m.Partition == 0 {
			want = ledger.Backfill{}
		}
		if err != nil || m.Backfill != want || m.Partition == 1 && m.Why != "wrong rate" {
			t.Errorf("%s starts with %+v, %q, %v; want %+v", m.TopicPartition, m.Backfill, m.Why, err, want)
		}
	}
	held := snap.Positions[tp(1)]
	if err := w.store.Move(t.Context(), ledger.Actor{Group: r.Group, ClusterID: "c1"},
		[]ledger.Move{{TopicPartition: tp(1), Held: held, Next: held.Advance(400, 0), Cause: ledger.CauseCommit}}); err != nil {
		t.Fatal(err)
	}
	w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1100, 1100 })
	b, err = plan(byTime)
	if err != nil || !b.Begun || b.Left() != 600 || b.Ranges[0].Until != 1000 || b.Ranges[0].At != 400 {
		t.Errorf("went on with %+v, %v, want [400 .. 1000)", b, err)
	}
	if ends := b.Ends(); len(ends) != 1 || ends[tp(1)] != 1000 {
		t.Errorf("ends are %v", ends)
	}
	later := byTime
	later.To = later.To.Add(time.Hour)
	for name, other := range map[string]admin.BackfillAsk{"another time": later, "offsets": asked(t, "trips:1:0..1000"),
		"more partitions": {From: byTime.From, To: byTime.To}} {
		if _, err := plan(other); err == nil {
			t.Errorf("%s: went on, want it refused", name)
		} else if f := wantFault(t, err, "backfill-other", 4); !strings.Contains(f.Error(), "trips:1 [0 .. 1,000)") {
			t.Errorf("%s: %v", name, f)
		}
	}
	r.Group = group
	_, err = plan(byTime)
	wantFault(t, err, "backfill-other", 4)
	w.wantUnchanged(before)
}

// E10: a group is a backfill by the purpose of its starts, and not by a text: an operator's reason for moving another
// group is no range to go on with.
func TestE10WordsAreNoRanges(t *testing.T) {
	w := newWorld(t, 1)
	r := w.beside("x")
	start := ledger.Move{TopicPartition: tp(0), Cause: ledger.CauseStart, Why: "backfill [0 .. 700) of group trips", Partitions: 1,
		Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 77, TopicID: topicID}}
	if err := w.store.Move(t.Context(), ledger.Actor{Group: r.Group, ClusterID: "c1"}, []ledger.Move{start}); err != nil {
		t.Fatal(err)
	}
	_, err := admin.PlanBackfill(t.Context(), r, group, asked(t, "trips:0:0..700"), "")
	if f := wantFault(t, err, "backfill-other", 4); !strings.Contains(f.Error(), "is no backfill") {
		t.Errorf("it says %q", f)
	}
}

// What repeats is what the main line has applied, or will: not what lies in front of where it began.
func TestBackfillCountsWhatRepeats(t *testing.T) {
	w := newWorld(t, 1)
	held := w.positions()[tp(0)]
	again := func(main fencepost.Group, text string) int64 {
		t.Helper()
		b, err := admin.PlanBackfill(t.Context(), w.beside("x"), main, asked(t, text), "")
		if err != nil {
			t.Fatal(err)
		}
		repeats := int64(0)
		for _, r := range b.Ranges {
			repeats += r.Again
		}
		return repeats
	}
	if got := again(group, "trips:0:100..200"); got != 100 {
		t.Errorf("%d repeat, want 100", got)
	}
	next := ledger.Position{Offset: 700, LeaderEpoch: -1, Fence: 7, TopicID: topicID}
	if err := w.store.Move(t.Context(), ledger.Actor{Group: "late", ClusterID: "c1"},
		[]ledger.Move{{TopicPartition: tp(0), Next: next, Cause: ledger.CauseStart, Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int64{"trips:0:0..700": 0, "trips:0:600..800": 100, "trips:0:800..900": 100} {
		if got := again("late", text); got != want {
			t.Errorf("%s beside a main line that began at 700: %d repeat, want %d", text, got, want)
		}
	}
	if held != w.positions()[tp(0)] {
		t.Error("the main line moved")
	}
}

// The same ask has one name, in whatever order it was typed; another has another.
func TestBackfillAskNamesItself(t *testing.T) {
	one, same := asked(t, "a:1:0..5", "b:0:1..2"), asked(t, "b:0 [1 .. 2)", "a:1:0..5")
	if one.String() != same.String() {
		t.Errorf("%s and %s", one, same)
	}
	seen := map[string]bool{one.String(): true}
	day := now.Truncate(24 * time.Hour)
	for i, a := range []admin.BackfillAsk{asked(t, "a:1:0..5"), asked(t, "a:1:0..6", "b:0:1..2"), {From: day, To: now}, {From: day, To: now.Add(1)}, {From: day, To: now, Sel: mustSelect(t, "a")},
		{From: day, To: now, Sel: mustSelect(t, "a:1")}, {From: day, To: now, Sel: mustSelect(t, "a:1,2")}} {
		if seen[a.String()] {
			t.Errorf("number %d, %s, is like another one", i, a)
		}
		seen[a.String()] = true
	}
	if len(seen) != 8 {
		t.Error(fmt.Sprint(seen))
	}
}

func mustSelect(t *testing.T, texts ...string) admin.Selection {
	t.Helper()
	s, err := admin.ParseSelection(texts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
