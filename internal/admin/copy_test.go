package admin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/ledger"
)

// job is a hash of three partitions, of the world's topic.
var job = map[int32]fencepost.OffsetRange{0: {From: 300, Until: 310}, 1: {From: 900, Until: 1000}, 2: {From: 0, Until: 7}}

// target is the resources of a pipeline on the same cluster that has not run yet.
func (w *world) target() (admin.Resources, *memory.Store) {
	store := memory.Open()
	r := w.resources
	r.Group, r.Ledger, r.History = "orders", store, store
	return r, store
}

func (w *world) copy(from, to admin.Resources, o admin.CopyOptions) (*admin.Copy, error) {
	w.t.Helper()
	from.Cluster = to.Cluster
	v, err := admin.Look(w.t.Context(), from)
	if err != nil {
		w.t.Fatal(err)
	}
	o.From = "redis://:***@localhost:6379/0 key spark:orders (pattern-a, meaning next)"
	return admin.PlanCopy(w.t.Context(), v, to, o)
}

// copied is a copy's lines as `partition cause read held>next unread verdict, loses`.
func copied(c *admin.Copy) string {
	var lines []string
	for _, l := range c.Lines {
		held := "-"
		if !l.Held.Absent() {
			held = fmt.Sprint(l.Held.Offset)
		}
		lines = append(lines, fmt.Sprintf("%d %s %s %s>%d %d %s %d %d", l.Partition, l.Cause, l.Read, held, l.Next.Offset, l.Unread(), l.Verdict, l.Repeats, l.AtMost))
	}
	return strings.Join(lines, ", ")
}

// Pattern A's hash becomes the beginning of a pipeline: all of its topic, with the topic's ID, under one recorded move a
// partition that says where it came from; and the group goes on from there as from any position.
func TestCopyAHashIntoALedger(t *testing.T) {
	w := newWorld(t, 3)
	to, store := w.target()
	c, err := w.copy(w.other(foreign.MeaningNext, job), to, admin.CopyOptions{Why: "INC-1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := copied(c), "0 import 300|310 ->310 690 ok 0 0, 1 import 900|1000 ->1000 0 ok 0 0, 2 import 0|7 ->7 993 ok 0 0"; got != want {
		t.Errorf("plan is %s, want %s", got, want)
	}
	if snap, err := store.Read(t.Context(), to.Group); err != nil || !snap.Empty() {
		t.Errorf("the plan changed the ledger: %+v, %v", snap, err)
	}
	done, err := c.Plan.Execute(t.Context(), to, "")
	if err != nil || len(done.Moves) != 3 {
		t.Fatalf("executed: %+v, %v", done, err)
	}
	snap, err := store.Read(t.Context(), to.Group)
	if err != nil || snap.ClusterID != "c1" || snap.Topics["trips"] != (ledger.TopicState{TopicID: topicID, Partitions: 3}) {
		t.Errorf("after it the ledger is of cluster %q with roster %v (%v), want c1 and 3 partitions of the topic's ID", snap.ClusterID, snap.Topics, err)
	}
	v, err := admin.Look(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range []fencepost.Offset{310, 1000, 7} {
		if s := v.Standings[p]; s.Position.Offset != want || s.Decision.Verdict != ledger.OK || s.Position.TopicID != topicID {
			t.Errorf("%s: resumes at %d, verdict %s, topic ID %s; want %d, ok, the topic's", s.TopicPartition, s.Position.Offset, s.Decision.Verdict, s.Position.TopicID, want)
		}
	}
	for m := range store.Moves(t.Context(), to.Group) {
		if m.Cause != ledger.CauseImport || m.Who != "oncall@bastion" ||
			m.Why != "INC-1; from redis://:***@localhost:6379/0 key spark:orders (pattern-a, meaning next)" {
			t.Errorf("recorded as %s by %s: %s", m.Cause, m.Who, m.Why)
		}
	}
}

// A ledger of ours keeps what it knows besides: epoch and topic ID.
func TestCopyALedger(t *testing.T) {
	w := newWorld(t, 2)
	to, _ := w.target()
	c, err := w.copy(w.resources, to, admin.CopyOptions{})
	if err != nil || copied(c) != "0 import 1,000 ->1000 0 ok 0 0, 1 import 1,000 ->1000 0 ok 0 0" {
		t.Fatalf("plan is %s, %v", copied(c), err)
	}
	if n := c.Lines[0].Next; n.LeaderEpoch != 0 || n.TopicID != topicID {
		t.Errorf("epoch %d, topic ID %s; want 0 and the topic's", n.LeaderEpoch, n.TopicID)
	}
}

// Everything that prevents the copy is named at once, with its remedies, and nothing is changed.
func TestCopyRefuses(t *testing.T) {
	w := newWorld(t, 4)
	to, store := w.target()
	w.bounds(0, func(b *fencepost.LogOffsets) { b.Earliest = 500 })
	w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 950, 950 })
	w.bounds(2, func(b *fencepost.LogOffsets) { b.Err = fencepost.ErrNoAnswer })
	from := w.other(foreign.MeaningNext, job)
	_, err := w.copy(from, to, admin.CopyOptions{})
	fault := wantFault(t, err, "copy-refused", 4)
	for _, want := range []string{"4 partitions can not be copied, and then none is; nothing was changed", "trips:0  aged out: at most 190 records",
		"trips:1  truncated: 1000 is past the end at 950", "trips:2  unknown: no answer", "trips:3  the source has no position of it"} {
		if !strings.Contains(fault.Error(), want) {
			t.Errorf("the refusal does not say %q:\n%s", want, fault)
		}
	}
	for _, want := range []string{"--policy earliest, or latest", "wait until the brokers answer", "--missing earliest, or latest"} {
		if strings.Count(fault.Help, want) != 1 {
			t.Errorf("the help does not say %q once: %s", want, fault.Help)
		}
	}
	w.bounds(2, func(b *fencepost.LogOffsets) { b.Err = nil })
	o := admin.CopyOptions{Policy: ledger.Policy{AgedOut: ledger.Earliest, Truncated: ledger.Latest}, Missing: ledger.Earliest}
	c, err := w.copy(from, to, o)
	want := "0 import 300|310 ->500 500 aged out 0 190, 1 import 900|1000 ->950 0 truncated 0 -1, 2 import 0|7 ->7 993 ok 0 0, 3 start  ->0 1000 ok 0 0"
	if err != nil || copied(c) != strings.Replace(want, "3 start  ->0 1000 ok", "3 start  ->0 1000 unset", 1) {
		t.Errorf("with remedies: got %s, %v", copied(c), err)
	}
	if snap, err := store.Read(t.Context(), to.Group); err != nil || !snap.Empty() {
		t.Errorf("the ledger was changed: %+v, %v", snap, err)
	}
}

// A position that the target holds is replaced only on demand, and the answer has what that repeats or passes.
func TestCopyOver(t *testing.T) {
	w := newWorld(t, 3)
	to := w.resources
	from := w.other(foreign.MeaningNext, map[int32]fencepost.OffsetRange{0: {From: 0, Until: 400}, 1: {From: 0, Until: 1000}, 2: {From: 0, Until: 1200}})
	w.bounds(2, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1300, 1300 })
	before := w.positions()
	_, err := w.copy(from, to, admin.CopyOptions{})
	fault := wantFault(t, err, "copy-refused", 4)
	if !strings.Contains(fault.Error(), "trips:0  the target holds it already, at 1,000") || fault.Help != "--over replaces it" {
		t.Errorf("refused with %q, help %q", fault, fault.Help)
	}
	w.wantUnchanged(before)
	c, err := w.copy(from, to, admin.CopyOptions{Over: true})
	if err != nil || copied(c) != "0 import 0|400 1000>400 600 ok 600 0, 1 import 0|1000 1000>1000 0 ok 0 0, 2 import 0|1200 1000>1200 100 ok 0 200" {
		t.Fatalf("over: got %s, %v", copied(c), err)
	}
	if done, err := c.Plan.Execute(t.Context(), to, ""); err != nil || len(done.Moves) != 2 {
		t.Fatalf("executed: %+v, %v; want 2 moves, as one partition stands there already", done, err)
	}
	if got := w.positions(); got[tp(0)].Offset != 400 || got[tp(1)] != before[tp(1)] || got[tp(2)].Offset != 1200 {
		t.Errorf("positions are %v", got)
	}
}

// Of a topic that is new to the target all partitions come along: those left out would be lost rows, and park.
func TestCopyAPartOfATopic(t *testing.T) {
	w := newWorld(t, 3)
	to, _ := w.target()
	one, err := admin.ParseSelection([]string{"trips:0"})
	if err != nil {
		t.Fatal(err)
	}
	from := w.other(foreign.MeaningNext, job)
	_, err = w.copy(from, to, admin.CopyOptions{Selection: one})
	if fault := wantFault(t, err, "copy-refused", 4); !strings.Contains(fault.Error(), "trips:2  it was left out") || fault.Help != "--topic trips" {
		t.Errorf("refused with %s, help %s", fault, fault.Help)
	}
	if c, err := w.copy(from, w.resources, admin.CopyOptions{Selection: one, Over: true}); err != nil || len(c.Lines) != 1 {
		t.Errorf("into a ledger that holds the others: %+v, %v", c, err)
	}
}

// A target that another operator fills meanwhile refuses all of the plan.
func TestCopyIsComparedAndSet(t *testing.T) {
	w := newWorld(t, 3)
	to, store := w.target()
	c, err := w.copy(w.other(foreign.MeaningNext, job), to, admin.CopyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other := ledger.Move{TopicPartition: tp(2), Cause: ledger.CauseStart, Partitions: 3,
		Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 7, TopicID: topicID}}
	if err := store.Move(t.Context(), ledger.Actor{Group: to.Group, ClusterID: "c1"}, []ledger.Move{other}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Plan.Execute(t.Context(), to, "")
	wantFault(t, err, "plan-stale", 4)
	snap, err := store.Read(t.Context(), to.Group)
	if err != nil || len(snap.Positions) != 1 {
		t.Errorf("the ledger holds %v (%v), want the other's start alone", snap.Positions, err)
	}
}

// A group belongs to one cluster.
func TestCopyToAGroupOfAnotherCluster(t *testing.T) {
	w := newWorld(t, 3)
	to := w.resources
	w.cluster.id = "c2"
	_, err := w.copy(w.other(foreign.MeaningNext, job), to, admin.CopyOptions{Over: true})
	wantFault(t, err, "other-cluster", 4)
}

// elsewhere is a cluster whose records are those of the world's, later by shift in each partition.
func (w *world) elsewhere(partitions int32, shift fencepost.Offset) *cluster {
	c := &cluster{id: "c2", topics: map[string]fencepost.Topic{"trips": {ID: otherID, Partitions: partitions}},
		bounds: map[fencepost.TopicPartition]fencepost.LogOffsets{}, asked: map[fencepost.TopicPartition]int{}}
	c.stamp = func(tp fencepost.TopicPartition, o fencepost.Offset) time.Time { return w.cluster.written(tp, o-shift) }
	for p := range partitions {
		c.bounds[tp(p)] = fencepost.LogOffsets{TopicID: otherID, LastStableOffset: 1000 + shift, HighWatermark: 1000 + shift, EpochEnd: -1}
	}
	return c
}

// Between clusters a position goes by the time of the record at it; one at the end goes to the end.
func TestCopyAcrossClusters(t *testing.T) {
	w := newWorld(t, 3)
	w.cluster.stamp = func(tp fencepost.TopicPartition, o fencepost.Offset) time.Time {
		return producer.Add(time.Duration(o+fencepost.Offset(tp.Partition)*10) * time.Second)
	}
	from := w.other(foreign.MeaningNext, job)
	look := func() admin.View {
		t.Helper()
		v, err := admin.Look(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	across := func(there *cluster) (*admin.Copy, error) {
		to, _ := w.target()
		to.Cluster, to.Reader = there, there
		return admin.PlanCopyAcross(t.Context(), look(), from.Reader, to, admin.CopyOptions{From: "redis"})
	}
	c, err := across(w.elsewhere(3, 50))
	if err != nil || copied(c) != "0 import 300|310 ->360 690 ok 0 0, 1 import 900|1000 ->1050 0 ok 0 0, 2 import 0|7 ->57 993 ok 0 0" {
		t.Fatalf("got %s, %v", copied(c), err)
	}
	if !c.Across || c.Uneven || !c.Lines[1].At.IsZero() || !c.Lines[0].At.Equal(producer.Add(310*time.Second)) || c.Plan.ClusterID != "c2" || c.Lines[0].Next.TopicID != otherID {
		t.Errorf("told as %+v", c)
	}
	// Another number of partitions: everything from the smallest time on, that of trips:2.
	c, err = across(w.elsewhere(2, 50))
	if err != nil || !c.Uneven || copied(c) != "0 import 300|310 ->77 973 ok 0 0, 1 import 900|1000 ->67 983 ok 0 0" {
		t.Errorf("uneven: got %s, %v", copied(c), err)
	}
	// What the source has no position of may lie in any partition there.
	two, there := w.other(foreign.MeaningNext, map[int32]fencepost.OffsetRange{0: job[0], 1: job[1]}), w.elsewhere(2, 50)
	some := func(o admin.CopyOptions) (*admin.Copy, error) {
		to, _ := w.target()
		to.Cluster, to.Reader = there, there
		v, err := admin.Look(t.Context(), two)
		if err != nil {
			t.Fatal(err)
		}
		return admin.PlanCopyAcross(t.Context(), v, two.Reader, to, o)
	}
	_, err = some(admin.CopyOptions{})
	if fault := wantFault(t, err, "copy-refused", 4); !strings.Contains(fault.Error(), "trips:2  the source has no position of it") {
		t.Errorf("uneven, with one missing: refused with %s", fault)
	}
	c, err = some(admin.CopyOptions{Missing: ledger.Earliest})
	if err != nil || copied(c) != "0 import 300|310 ->0 1050 ok 0 0, 1 import 900|1000 ->0 1050 ok 0 0" {
		t.Errorf("uneven, with one missing from the start: got %s, %v", copied(c), err)
	}
	c, err = some(admin.CopyOptions{Missing: ledger.Latest})
	if err != nil || copied(c) != "0 import 300|310 ->360 690 ok 0 0, 1 import 900|1000 ->350 700 ok 0 0" {
		t.Errorf("uneven, with one missing at the end: got %s, %v", copied(c), err)
	}
	one, err := admin.ParseSelection([]string{"trips:0"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = some(admin.CopyOptions{Selection: one, Missing: ledger.Earliest})
	if fault := wantFault(t, err, "copy-refused", 4); !strings.Contains(fault.Error(), "trips:1  the topic has another number") {
		t.Errorf("uneven, a part of it: refused with %s", fault)
	}
	// What was not chosen is not begun as a missing one.
	there = w.elsewhere(3, 50)
	_, err = some(admin.CopyOptions{Selection: one, Missing: ledger.Earliest})
	if fault := wantFault(t, err, "copy-refused", 4); !strings.Contains(fault.Error(), "trips:2  it was left out") {
		t.Errorf("one of three: refused with %s", fault)
	}
	// Records that cannot be read are no time.
	w.cluster.silent = errors.New("connection lost")
	_, err = across(w.elsewhere(3, 50))
	if fault := wantFault(t, err, "copy-refused", 4); !strings.Contains(fault.Error(), "trips:0  its record can not be read: connection lost") {
		t.Errorf("refused with %s", fault)
	}
	w.cluster.silent = nil
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset = 310 })
	_, err = across(w.elsewhere(3, 50))
	if fault := wantFault(t, err, "copy-refused", 4); !strings.Contains(fault.Error(), "trips:0  an open transaction") {
		t.Errorf("refused with %s", fault)
	}
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.Earliest = 1000, 400 })
	_, err = across(w.elsewhere(3, 50))
	if fault := wantFault(t, err, "copy-refused", 4); !strings.Contains(fault.Error(), "trips:0  aged out") {
		t.Errorf("refused with %s", fault)
	}
}

// A target that is not there yet is not made by a plan.
func TestCopyIntoALedgerThatIsNotThere(t *testing.T) {
	w := newWorld(t, 3)
	to, store := w.target()
	l := &absentLedger{Ledger: store}
	to.Ledger = l
	c, err := w.copy(w.other(foreign.MeaningNext, job), to, admin.CopyOptions{})
	if err != nil || !c.Fresh || l.made {
		t.Errorf("fresh %v, made %v, %v; want a plan for a ledger that is not made yet", c.Fresh, l.made, err)
	}
}

// The entry of another program is not replaced by a copy of itself.
func TestCopyOntoItself(t *testing.T) {
	w := newWorld(t, 1)
	to, store := w.target()
	to.Ledger = entries{store, map[fencepost.TopicPartition]ledger.Position{tp(0): {Offset: 310, LeaderEpoch: fencepost.NoEpoch}}}
	_, err := w.copy(w.other(foreign.MeaningNext, map[int32]fencepost.OffsetRange{0: job[0]}), to, admin.CopyOptions{Over: true})
	if fault := wantFault(t, err, "copy-refused", 4); !strings.Contains(fault.Error(), "is the one that it is copied from") {
		t.Errorf("refused with %s", fault)
	}
}

// An entry without a fence is no position of the group, and would park it: a copy gives it one, also where the offset stays.
func TestCopyOverAnEntryWithoutAFence(t *testing.T) {
	w := newWorld(t, 1)
	to, store := w.target()
	to.Ledger = entries{store, map[fencepost.TopicPartition]ledger.Position{tp(0): {Offset: 1000, LeaderEpoch: fencepost.NoEpoch}}}
	c, err := w.copy(w.resources, to, admin.CopyOptions{Over: true})
	if err != nil || len(c.Plan.Lines) != 1 || c.Plan.Stay != 0 {
		t.Errorf("planned %+v, %v; want one move", c, err)
	}
}

// entries is a ledger in whose place another program keeps its own.
type entries struct {
	ledger.Ledger
	held map[fencepost.TopicPartition]ledger.Position
}

func (e entries) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	s, err := e.Ledger.Read(ctx, g)
	s.Positions = e.held
	return s, err
}
