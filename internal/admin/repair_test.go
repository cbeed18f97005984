package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
)

func (w *world) repair(policy string, record admin.RecordChoice, texts ...string) *admin.Repair {
	w.t.Helper()
	c := admin.Choices{Record: record, Policy: w.resources.Policy}
	var err error
	if policy != "" {
		if c.Policy, err = admin.ParsePolicy(policy, w.resources.Policy); err != nil {
			w.t.Fatal(err)
		}
	}
	sel, err := admin.ParseSelection(texts)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := admin.PlanRepair(w.resources, w.look(), sel, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// priced is each option as `partition choice held>next repeats loses`, with a star for the chosen ones.
func priced(r *admin.Repair) string {
	var lines []string
	for _, a := range r.Ailing {
		for i, o := range a.Options {
			star := ""
			if a.Chosen == &a.Options[i] {
				star = "*"
			}
			lines = append(lines, fmt.Sprintf("%s%d %s %d>%d %d %d", star, o.Partition, o.Choice, o.Held.Offset, o.Next.Offset, o.Repeats, o.AtMost))
		}
	}
	return strings.Join(lines, ", ")
}

// Each verdict has its choices, each with what it repeats or loses.
func TestRepairPricesEachChoice(t *testing.T) {
	w := newWorld(t, 5)
	w.resources.Try = func(r *fencepost.Record) error { return errors.New("value is not JSON") }
	w.bounds(0, func(b *fencepost.LogOffsets) { b.Earliest, b.LastStableOffset, b.HighWatermark = 1200, 1500, 1500 })
	w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 950, 950, 900 })
	w.bounds(2, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1001, 1001 })
	w.bounds(3, func(b *fencepost.LogOffsets) { b.Err = fencepost.ErrNoAnswer })
	want := "0 earliest 1000>1200 0 200, 0 latest 1000>1500 0 500, " +
		"1 divergence 1000>900 0 0, 1 earliest 1000>0 900 0, 1 latest 1000>950 0 50, " +
		"2 retry 1000>1000 0 0, 2 skip 1000>1001 0 1"
	r := w.repair("", admin.RecordUndecided)
	if got := priced(r); got != want {
		t.Errorf("options are\n%s, want\n%s", got, want)
	}
	if len(r.Undecided()) != 3 || len(r.Waiting) != 1 || r.Plan.Stay != 1 || len(r.Plan.Lines) != 0 {
		t.Errorf("undecided %v, waiting %d, stay %d, moves %d; want 3, 1, 1, 0", r.Undecided(), len(r.Waiting), r.Plan.Stay, len(r.Plan.Lines))
	}
}

// Executed, each partition is where its choice says, the history shows the gap, and nothing is left to repair.
func TestRepairExecuted(t *testing.T) {
	w := newWorld(t, 4)
	bad := true
	w.resources.Try = func(r *fencepost.Record) error {
		if r.Partition == 2 && r.Offset == 1000 && bad {
			return errors.New("value is not JSON")
		}
		return nil
	}
	w.bounds(0, func(b *fencepost.LogOffsets) { b.Earliest, b.LastStableOffset, b.HighWatermark = 1200, 1500, 1500 })
	w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 950, 950, 900 })
	w.bounds(2, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1003, 1003 })
	r := w.repair("earliest,truncated=divergence", admin.RecordSkip)
	if left := r.Undecided(); len(left) != 0 {
		t.Fatalf("undecided: %v", left)
	}
	if _, err := r.Plan.Execute(t.Context(), w.resources, ""); err != nil {
		t.Fatal(err)
	}
	at := w.positions()
	if at[tp(0)].Offset != 1200 || at[tp(1)].Offset != 900 || at[tp(2)].Offset != 1001 || at[tp(3)].Offset != 1000 {
		t.Errorf("positions are %v", at)
	}
	if r := w.repair("", admin.RecordUndecided); len(r.Ailing)+len(r.Stuck) != 0 {
		t.Errorf("left to repair: %s", priced(r))
	}
	gaps, err := admin.Moves(t.Context(), w.resources, admin.Filter{Gaps: true})
	if err != nil || gaps.AtMost != 201 || len(gaps.Moves) != 2 {
		t.Errorf("gaps: %+v, %v; want 201 records in 2 moves", gaps, err)
	}
}

// A recreated topic moves as a whole, with the partitions that it no longer has, or not at all.
func TestRepairARecreatedTopicAsAWhole(t *testing.T) {
	w := newWorld(t, 3)
	w.cluster.topics["trips"] = fencepost.Topic{ID: otherID, Partitions: 2}
	for p := range int32(2) {
		w.bounds(p, func(b *fencepost.LogOffsets) { b.TopicID, b.LastStableOffset, b.HighWatermark = otherID, 5000, 5000 }) // in range all the same
	}
	delete(w.cluster.bounds, tp(2))
	if r := w.repair("earliest", 0, "trips:0"); len(r.Undecided()) != 1 || len(r.Plan.Lines) != 0 {
		t.Errorf("one partition alone: undecided %v, moves %d; want it undecided", r.Undecided(), len(r.Plan.Lines))
	}
	r := w.repair("latest", 0)
	if _, err := r.Plan.Execute(t.Context(), w.resources, ""); err != nil {
		t.Fatal(err)
	}
	s, err := w.store.Read(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if s.Topics["trips"].TopicID != otherID || s.Positions[tp(0)].Offset != 5000 || s.Positions[tp(2)].Offset != 0 || s.Positions[tp(2)].TopicID != otherID {
		t.Errorf("roster %v, positions %v; want all three under the new topic", s.Topics, s.Positions)
	}
}

// A lost row starts again by choice only, with the warning that what it repeats is not known.
func TestRepairALostRow(t *testing.T) {
	w := newWorld(t, 2)
	w.store.DeleteRow(group, tp(1))
	r := w.repair("earliest", 0)
	if got := priced(r); got != "*1 earliest 0>0 -1 0, 1 latest 0>1000 0 -1" {
		t.Errorf("options are %s", got)
	}
	if _, err := r.Plan.Execute(t.Context(), w.resources, ""); err != nil {
		t.Fatal(err)
	}
	if p := w.positions()[tp(1)]; p.Absent() || p.Offset != 0 {
		t.Errorf("position is %v, want 0", p)
	}
}

// report has a worker say that a record parks a partition where it is.
func (w *world) report(tp fencepost.TopicPartition, at fencepost.Offset) {
	w.t.Helper()
	if err := ledger.WriteReports(w.t.Context(), w.store, group, []ledger.Report{{TopicPartition: tp, Halt: ledger.HaltParked, Code: "record-refused",
		Reason: "it violates a constraint", Record: true, Offset: at, Since: producer, Who: "w1@node3", Position: w.positions()[tp]}}); err != nil {
		w.t.Fatal(err)
	}
}

// O20: a record is passed where it parks its partition, and nowhere else: on a healthy one it would be the next good record.
func TestO20SkipWhereNothingIsParked(t *testing.T) {
	w := newWorld(t, 2)
	w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1010, 1010 })
	w.cluster.gone[tp(1)] = map[fencepost.Offset]bool{1000: true, 1001: true} // a marker, and a compacted record
	sel, err := admin.ParseSelection([]string{"trips:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = admin.PlanRepair(w.resources, w.look(), sel, admin.Choices{Record: admin.RecordSkip})
	if f := wantFault(t, err, "skip-refused", 4); f.Help != "fencepost offsets show FILE says what is parked; to pass a record all the same: fencepost offsets set FILE --topic trips:1 --to +1" {
		t.Errorf("help: %s", f.Help)
	}
	w.report(tp(1), 1002)
	r := w.repair("", admin.RecordSkip, "trips:1")
	if got := priced(r); got != "1 retry 1000>1000 0 0, *1 skip 1000>1003 0 1" {
		t.Errorf("options are %s, want the record at 1,002 passed", got)
	}
	done, err := r.Plan.Execute(t.Context(), w.resources, "")
	if err != nil || len(done.Moves) != 1 || done.Moves[0].Why != "it violates a constraint" {
		t.Errorf("executed without a reason: %+v (%v), want the record's error kept as the reason", done.Moves, err)
	}
	if s := w.standing(1); s.Report != nil || s.NeedsPerson() {
		t.Errorf("behind the record: %+v, want no report", s.Report)
	}
}

// A ledger that does not keep what its workers know shows no record that the sink refuses. With --topic the next one can be
// passed there: the operator has it from a worker's log.
func TestRepairSkipsTheNextRecord(t *testing.T) {
	w := newWorld(t, 2)
	w.store.KeepNoReports()
	w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1010, 1010 })
	w.cluster.gone[tp(1)] = map[fencepost.Offset]bool{1000: true, 1001: true} // a marker, and a compacted record
	if got := priced(w.repair("", admin.RecordSkip)); got != "" {
		t.Errorf("without --topic: %s, want nothing to skip", got)
	}
	r := w.repair("", admin.RecordSkip, "trips:1")
	if got := priced(r); got != "*1 skip 1000>1003 0 1" {
		t.Errorf("options are %s, want the record at 1,002 passed", got)
	}
	w.commit(tp(1), 1005) // a worker applied it meanwhile
	_, err := r.Plan.Execute(t.Context(), w.resources, "")
	wantFault(t, err, "plan-stale", 4)
}

func TestParsePolicy(t *testing.T) {
	base := ledger.Policy{LostRow: ledger.Latest}
	for text, want := range map[string]ledger.Policy{
		"earliest": ledger.EarliestEverywhere(ledger.StartAt{}),
		"earliest,truncated=divergence": {AgedOut: ledger.Earliest, Recreated: ledger.Earliest, Truncated: ledger.Divergence,
			LostRow: ledger.Earliest},
		"truncated=divergence, aged-out=latest": {AgedOut: ledger.Latest, Truncated: ledger.Divergence, LostRow: ledger.Latest},
		"recreated=earliest,latest":             {AgedOut: ledger.Latest, Recreated: ledger.Earliest, Truncated: ledger.Latest, LostRow: ledger.Latest},
	} {
		if got, err := admin.ParsePolicy(text, base); err != nil || got.AgedOut != want.AgedOut || got.Recreated != want.Recreated ||
			got.Truncated != want.Truncated || got.LostRow != want.LostRow {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "first", "missing=earliest", "divergence", "aged_out=divergence", "earliest,latest", "truncated=latest,truncated=earliest"} {
		if p, err := admin.ParsePolicy(bad, base); err == nil {
			t.Errorf("%q is taken for a policy: %+v", bad, p)
		}
	}
}

// A choice is recorded even where the offset stays: the history behind it is another, and the verdict would come back.
func TestRepairMovesInPlace(t *testing.T) {
	w := newWorld(t, 1)
	w.bounds(0, func(b *fencepost.LogOffsets) { b.EpochEnd = 900 }) // 1,000 is the end of a log that parts at 900
	if s := w.standing(0); s.Decision.Verdict != ledger.Truncated {
		t.Fatalf("verdict is %s, want truncated", s.Decision.Verdict)
	}
	d, err := w.repair("latest", 0).Plan.Execute(t.Context(), w.resources, "")
	if err != nil || len(d.Moves) != 1 || d.Moves[0].AtMost != 100 {
		t.Errorf("executed: %+v, %v; want one move in place that loses at most 100", d, err)
	}
	if s := w.standing(0); s.Decision.Verdict != ledger.OK {
		t.Errorf("verdict is %s still, want ok", s.Decision.Verdict)
	}
}
