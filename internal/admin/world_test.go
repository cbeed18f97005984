package admin_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

const group = fencepost.Group("trips")

var (
	topicID  = fencepost.TopicID{1}
	otherID  = fencepost.TopicID{2}
	now      = time.Date(2026, 11, 21, 3, 12, 45, 0, time.UTC)
	producer = now.Add(-time.Hour) // when every record was written
)

// cluster is brokers that say what a test sets.
type cluster struct {
	id     string
	topics map[string]fencepost.Topic
	bounds map[fencepost.TopicPartition]fencepost.LogOffsets
	// second is what is answered from the second time on; nil: the same.
	second map[fencepost.TopicPartition]fencepost.LogOffsets
	asked  map[fencepost.TopicPartition]int
	// gone are offsets of no record: markers, compacted entries.
	gone map[fencepost.TopicPartition]map[fencepost.Offset]bool
	// stamp is when a record was written; nil: producer for all.
	stamp func(fencepost.TopicPartition, fencepost.Offset) time.Time
	// silent is what a scan says in place of records.
	silent error
}

func (c *cluster) written(tp fencepost.TopicPartition, o fencepost.Offset) time.Time {
	if c.stamp == nil {
		return producer
	}
	return c.stamp(tp, o)
}

func (c *cluster) Describe(context.Context) (source.Description, error) {
	return source.Description{ClusterID: c.id, Topics: c.topics}, nil
}

func (c *cluster) LogOffsets(_ context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	got := map[fencepost.TopicPartition]fencepost.LogOffsets{}
	for _, a := range asks {
		c.asked[a.TopicPartition]++
		b, ok := c.bounds[a.TopicPartition]
		if other, has := c.second[a.TopicPartition]; has && c.asked[a.TopicPartition] > 1 {
			b = other
		}
		if !ok {
			b.Err = fencepost.ErrNoTopic
		}
		if a.LeaderEpoch < 0 {
			b.EpochEnd = -1
		}
		b.AtTime = -1
		if !a.Time.IsZero() {
			for b.AtTime = b.Earliest; b.AtTime < b.HighWatermark && c.written(a.TopicPartition, b.AtTime).Before(a.Time); b.AtTime++ {
			}
		}
		got[a.TopicPartition] = b
	}
	return got
}

func (c *cluster) CommittedOffsets(context.Context, fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	return nil, nil
}

func (c *cluster) Mirror(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return errors.New("an operator's verb mirrored")
}

// Scan yields a record at every offset that is not gone.
func (c *cluster) Scan(_ context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange, each func(*fencepost.Record) bool) error {
	if c.silent != nil {
		return c.silent
	}
	for tp, r := range ranges {
		b := c.bounds[tp]
		for o := max(r.From, b.Earliest); o < min(r.Until, b.LastStableOffset); o++ {
			if c.gone[tp][o] {
				continue
			}
			if !each(&fencepost.Record{TopicPartition: tp, Offset: o, Timestamp: c.written(tp, o).UnixMilli(), Value: fmt.Append(nil, int64(o))}) {
				break
			}
		}
	}
	return nil
}

// world is a group of one topic with some partitions of 1,000 records each, all of them started and applied.
type world struct {
	t         *testing.T
	store     *memory.Store
	cluster   *cluster
	resources admin.Resources
	random    uint64
}

func newWorld(t *testing.T, partitions int32) *world { return worldOf(t, partitions, topicID) }

// worldOf is a world that was written while the brokers reported that topic ID.
func worldOf(t *testing.T, partitions int32, id fencepost.TopicID) *world {
	w := &world{t: t, store: memory.Open(), cluster: &cluster{id: "c1", topics: map[string]fencepost.Topic{},
		bounds: map[fencepost.TopicPartition]fencepost.LogOffsets{}, asked: map[fencepost.TopicPartition]int{},
		gone: map[fencepost.TopicPartition]map[fencepost.Offset]bool{}}}
	w.store.SetKeep(ledger.KeepAll)
	w.resources = admin.Resources{Group: group, Ledger: w.store, Cluster: w.cluster, History: w.store, Reader: w.cluster, Who: "oncall@bastion",
		Now: func() time.Time { return now }, Random: func() uint64 { w.random += 2; return w.random << 20 }}
	w.cluster.topics["trips"] = fencepost.Topic{ID: topicID, Partitions: partitions}
	var starts []ledger.Move
	for p := range partitions {
		w.cluster.bounds[tp(p)] = fencepost.LogOffsets{TopicID: topicID, LastStableOffset: 1000, HighWatermark: 1000, EpochEnd: 1000}
		starts = append(starts, ledger.Move{TopicPartition: tp(p), Cause: ledger.CauseStart, Partitions: partitions,
			Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: ledger.Fence(100 + p), TopicID: id}})
	}
	w.move(starts...)
	for p := range partitions {
		w.commit(tp(p), 1000)
	}
	return w
}

func tp(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "trips", Partition: p}
}

func (w *world) move(moves ...ledger.Move) {
	w.t.Helper()
	if err := w.store.Move(w.t.Context(), ledger.Actor{Group: group, ClusterID: "c1", Who: "w1@node3"}, moves); err != nil {
		w.t.Fatal(err)
	}
}

// commit moves a position forward as a worker does.
func (w *world) commit(tp fencepost.TopicPartition, until fencepost.Offset) {
	w.t.Helper()
	held := w.positions()[tp]
	w.move(ledger.Move{TopicPartition: tp, Held: held, Next: held.Advance(until, 0), Cause: ledger.CauseCommit})
}

func (w *world) positions() map[fencepost.TopicPartition]ledger.Position {
	w.t.Helper()
	s, err := w.store.Read(w.t.Context(), group)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Positions
}

func (w *world) look() admin.View {
	w.t.Helper()
	v, err := admin.Look(w.t.Context(), w.resources)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// standing is one partition of a look.
func (w *world) standing(p int32) admin.Standing {
	w.t.Helper()
	for _, s := range w.look().Standings {
		if s.TopicPartition == tp(p) {
			return s
		}
	}
	w.t.Fatalf("%s is not in the view", tp(p))
	return admin.Standing{}
}

func (w *world) bounds(p int32, change func(*fencepost.LogOffsets)) {
	b := w.cluster.bounds[tp(p)]
	change(&b)
	w.cluster.bounds[tp(p)] = b
}

// wantUnchanged checks that nothing was moved since before.
func (w *world) wantUnchanged(before map[fencepost.TopicPartition]ledger.Position) {
	w.t.Helper()
	if after := w.positions(); !maps.Equal(before, after) {
		w.t.Errorf("positions are %v, and were %v", after, before)
	}
}

// wantFault checks an error's code and exit code.
func wantFault(t *testing.T, err error, code string, exit int) *fencepost.UserError {
	t.Helper()
	fault, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || fault.Code != code || fault.Exit != exit {
		t.Fatalf("error is %v (%+v), want code %s, exit %d", err, fault, code, exit)
	}
	return fault
}
