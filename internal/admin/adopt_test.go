package admin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/ledger"
)

// The groups of these tests were written while no broker had topic IDs; the brokers report topicID now.

// adopt reconciles these partitions as a worker does.
func (w *world) adopt(partitions ...int32) {
	w.t.Helper()
	snap, err := w.store.Read(w.t.Context(), group)
	if err != nil {
		w.t.Fatal(err)
	}
	var moves []ledger.Move
	for _, p := range partitions {
		s := ledger.Stored{TopicPartition: tp(p), Position: snap.Positions[tp(p)], Topic: snap.Topics["trips"], Mirror: -1}
		d := ledger.Reconcile(s, []ledger.Answer{{LogOffsets: w.cluster.bounds[tp(p)]}}, ledger.Policy{})
		if !d.Adopts() {
			w.t.Fatalf("%s: action %d, want the topic ID taken over", tp(p), d.Action)
		}
		moves = append(moves, d.Move(s, ledger.NewFence(w.resources.Random())))
	}
	w.move(moves...)
}

// E4: an operator's move fills in the brokers' topic ID, and none copies the zero ID over.
func TestE4MovesFillInTheTopicID(t *testing.T) {
	for name, move := range map[string]func(*world) *admin.Plan{
		"set": func(w *world) *admin.Plan { return w.planned("700", "trips:1") },
		"skip": func(w *world) *admin.Plan {
			w.report(tp(1), 1000)
			return w.repair("", admin.RecordSkip, "trips:1").Plan
		},
		"divergence": func(w *world) *admin.Plan {
			return w.repair("truncated=divergence", admin.RecordUndecided, "trips:0").Plan
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := worldOf(t, 2, fencepost.TopicID{})
			w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 950, 950, 900 })
			w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1001, 1001 })
			done, err := move(w).Execute(t.Context(), w.resources, "")
			if err != nil || len(done.Moves) != 1 {
				t.Fatalf("got %v, %v, want one move", done, err)
			}
			if at := w.positions()[done.Moves[0].TopicPartition]; at != done.Moves[0].Next || at.TopicID != topicID {
				t.Errorf("%s stands at %+v, want it under the brokers' topic ID", done.Moves[0].TopicPartition, at)
			}
		})
	}
}

// E4: a look at such a group gives the same answer as before: the position is good.
func TestE4LookBeforeTheFirstRun(t *testing.T) {
	w := worldOf(t, 2, fencepost.TopicID{})
	for _, s := range w.look().Standings {
		if s.Decision.Verdict != ledger.WeakerCheck || s.State != admin.Idle || s.Lag != 0 || !s.Settled() || s.Reason == "" {
			t.Errorf("%s: %s, %s, lag %d, settled %t: %q; want weaker check, idle, 0, settled, and why", s.TopicPartition, s.Decision.Verdict, s.State, s.Lag, s.Settled(), s.Reason)
		}
	}
	w.adopt(0)
	for _, s := range w.look().Standings { // the topics has the ID now, and the second position is compared with it
		if s.Decision.Verdict != ledger.OK || s.State != admin.Idle || !s.Settled() || s.Reason != "" {
			t.Errorf("%s: %s, %s, %q; want ok, idle, and nothing to explain", s.TopicPartition, s.Decision.Verdict, s.State, s.Reason)
		}
	}
	w.adopt(1)
	if v := w.look(); v.Snapshot.Topics["trips"] != (ledger.TopicState{TopicID: topicID, Partitions: 2}) || !v.HoldsTopicIDs() {
		t.Errorf("the group holds %+v", v.Snapshot)
	}
}

// E4: a topic that was recreated once the group knew its ID, from whatever partition, is recreated for all of them.
func TestE4RecreatedByTheRoster(t *testing.T) {
	w := worldOf(t, 2, fencepost.TopicID{})
	w.adopt(0)
	w.cluster.topics["trips"] = fencepost.Topic{ID: otherID, Partitions: 2}
	for p := range int32(2) {
		w.bounds(p, func(b *fencepost.LogOffsets) { b.TopicID = otherID })
	}
	for _, s := range w.look().Standings {
		if s.Decision.Verdict != ledger.Recreated || s.State != admin.Parked {
			t.Errorf("%s: %s, %s, want recreated, parked", s.TopicPartition, s.Decision.Verdict, s.State)
		}
	}
	if _, err := w.plan("500", false, "trips:1"); wantFault(t, err, "set-refused", 4) == nil || !strings.Contains(err.Error(), "recreated") {
		t.Errorf("set says %v", err)
	}
	if _, err := w.repair("earliest", admin.RecordUndecided).Plan.Execute(t.Context(), w.resources, ""); err != nil {
		t.Fatal(err)
	}
	for p := range int32(2) {
		if at := w.positions()[tp(p)]; at.Offset != 0 || at.TopicID != otherID {
			t.Errorf("%s stands at %+v, want 0 of the new topic", tp(p), at)
		}
	}
}

// E4: that a topic ID was learned is no end of what came before: a record without a row is looked for there too.
func TestE4AuditBeforeTheTopicIDWasKnown(t *testing.T) {
	w := worldOf(t, 2, fencepost.TopicID{})
	s := &table{}
	s.fill(0, 0, 1000)
	s.fill(1, 0, 1000)
	w.resources.Provenance = s
	w.adopt(0)
	if a, faults := w.audit(keeps); faults != "" || a.Rows.Expected != 2000 {
		t.Fatalf("faults %q, %d records expected; want none of 2,000", faults, a.Rows.Expected)
	}
	s.remove(0, 7)
	s.remove(1, 9)
	_, faults := w.audit(keeps)
	lines := strings.Split(faults, "\n")
	slices.Sort(lines)
	if want := []string{"rows missing 0 1 record of offset 7, still on the broker, has no row", "rows missing 1 1 record of offset 9, still on the broker, has no row"}; !slices.Equal(lines, want) {
		t.Errorf("faults:\n%s\nwant:\n%s", faults, strings.Join(want, "\n"))
	}
}

// E4: brokers without topic IDs take none away from a position that has one.
func TestE4CopyKeepsTheTopicID(t *testing.T) {
	w := newWorld(t, 3)
	to, store := w.target()
	c, err := w.copy(w.other(foreign.MeaningNext, job), to, admin.CopyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Plan.Execute(t.Context(), to, ""); err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		w.bounds(p, func(b *fencepost.LogOffsets) { b.TopicID = fencepost.TopicID{} })
	}
	moved := map[int32]fencepost.OffsetRange{0: {From: 310, Until: 320}, 1: {From: 900, Until: 990}, 2: {From: 7, Until: 8}}
	if c, err = w.copy(w.other(foreign.MeaningNext, moved), to, admin.CopyOptions{Over: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Plan.Execute(t.Context(), to, ""); err != nil {
		t.Fatal(err)
	}
	snap, err := store.Read(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	for tp, at := range snap.Positions {
		if at.TopicID != topicID || at.Offset != moved[tp.Partition].Until {
			t.Errorf("%s stands at %+v, want %d of the topic as before", tp, at, moved[tp.Partition].Until)
		}
	}
}
