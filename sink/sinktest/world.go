package sinktest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
)

// world is one subtest's store and group. Its methods that fail the test belong to the test's goroutine.
type world struct {
	*testing.T
	store Store
	fresh func(*testing.T) Store
	group fencepost.Group
}

// The incarnations of topics, and the cluster, of the suite.
var (
	firstTopic  = fencepost.TopicID{15: 1}
	secondTopic = fencepost.TopicID{0: 0xff, 7: '\'', 15: 2}
)

const cluster = "cluster-A"

// fence makes a fresh one.
func fence() ledger.Fence { return ledger.NewFence(rand.Uint64()) }

// partition names a partition of the suite's usual topic.
func partition(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "flights", Partition: p}
}

// partitions names the first n partitions of the suite's usual topic.
func partitions(n int32) []fencepost.TopicPartition {
	tps := make([]fencepost.TopicPartition, n)
	for p := range n {
		tps[p] = partition(p)
	}
	return tps
}

// worker is one process's view of the store: its sink, its ledger and one lane.
type worker struct {
	sink   sink.Sink
	ledger ledger.Ledger
	lane   sink.Lane
	as     ledger.Actor
}

// open makes a worker. It fails by its error only, so any goroutine may call it.
func (w *world) open(ctx context.Context, keep ledger.KeepCommits) (*worker, error) {
	sink, err := w.store.Open(ctx, keep)
	if err != nil {
		return nil, fmt.Errorf("open sink: %w", err)
	}
	return w.employ(ctx, sink)
}

// employ opens a sink's lane.
func (w *world) employ(ctx context.Context, sink sink.Sink) (*worker, error) {
	lane, err := sink.Lane(ctx, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open lane: %w", err), sink.Close())
	}
	return &worker{sink: sink, ledger: sink.Ledger(), lane: lane,
		as: ledger.Actor{Group: w.group, ClusterID: cluster, Who: "sinktest"}}, nil
}

// close ends the worker.
func (k *worker) close() error { return errors.Join(k.lane.Close(), k.sink.Close()) }

// worker opens a worker for the length of the test.
func (w *world) worker(keep ledger.KeepCommits) *worker {
	w.Helper()
	k, err := w.open(w.Context(), keep)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := k.close(); err != nil {
			w.Errorf("close worker: %v", err)
		}
	})
	return k
}

// starts are the moves of the first worker that meets the partitions' topics: one a partition, in the order given.
func starts(at fencepost.Offset, id fencepost.TopicID, tps ...fencepost.TopicPartition) []ledger.Move {
	count := map[string]int32{}
	for _, tp := range tps {
		count[tp.Topic] = max(count[tp.Topic], tp.Partition+1)
	}
	moves := make([]ledger.Move, len(tps))
	for i, tp := range tps {
		moves[i] = ledger.Move{TopicPartition: tp, Cause: ledger.CauseStart, Why: "earliest", Partitions: count[tp.Topic],
			Next: ledger.Position{Offset: at, LeaderEpoch: fencepost.NoEpoch, Fence: fence(), TopicID: id}}
	}
	return moves
}

// start makes the starts, and returns the positions that they leave.
func (w *world) start(k *worker, at fencepost.Offset, tps ...fencepost.TopicPartition) map[fencepost.TopicPartition]ledger.Position {
	w.Helper()
	moves := starts(at, firstTopic, tps...)
	w.move(k, moves...)
	held := map[fencepost.TopicPartition]ledger.Position{}
	for _, m := range moves {
		held[m.TopicPartition] = m.Next
	}
	return held
}

// move makes moves that must be accepted.
func (w *world) move(k *worker, moves ...ledger.Move) {
	w.Helper()
	if err := k.ledger.Move(w.Context(), k.as, moves); err != nil {
		w.Fatalf("move %d partitions: %v", len(moves), err)
	}
}

// rewind is an operator's move of a held position.
func rewind(tp fencepost.TopicPartition, held ledger.Position, to fencepost.Offset) ledger.Move {
	return ledger.Move{TopicPartition: tp, Held: held, Cause: ledger.CauseRewind, Why: "again, with the fixed query",
		Next: ledger.Position{Offset: to, LeaderEpoch: fencepost.NoEpoch, Fence: fence(), TopicID: held.TopicID}}
}

// commit commits a batch of the spans, which must be accepted.
func (w *world) commit(k *worker, spans ...Span) {
	w.Helper()
	if err := k.lane.Commit(w.Context(), k.as, Commit(spans...)); err != nil {
		w.Fatalf("commit %v: %v", spans, err)
	}
}

// read reads the group's snapshot.
func (w *world) read(k *worker) ledger.Snapshot {
	w.Helper()
	s, err := k.ledger.Read(w.Context(), k.as.Group)
	if err != nil {
		w.Fatalf("read group %q: %v", k.as.Group, err)
	}
	return s
}

// moves reads the group's history.
func (w *world) moves(k *worker) []ledger.Recorded {
	w.Helper()
	h, ok := k.ledger.(ledger.History)
	if !ok {
		w.Fatalf("the ledger %T keeps no history: it must be a ledger.History", k.ledger)
	}
	var all []ledger.Recorded
	for r, err := range h.Moves(w.Context(), k.as.Group) {
		if err != nil {
			w.Fatalf("read moves of group %q: %v", k.as.Group, err)
		}
		all = append(all, r)
	}
	return all
}

// wantPositions fails unless the group's positions are these and no others.
func (w *world) wantPositions(k *worker, want map[fencepost.TopicPartition]ledger.Position) {
	w.Helper()
	if diff := cmp.Diff(want, w.read(k).Positions); diff != "" {
		w.Errorf("positions of group %q differ (-want +got):\n%s", k.as.Group, diff)
	}
}

// wantRows fails unless each row of the spans is in the table exactly once, and nothing else is.
func (w *world) wantRows(spans ...Span) {
	w.Helper()
	var want []Row
	for _, s := range spans {
		for _, o := range s.offsets() {
			want = append(want, s.row(o))
		}
	}
	got := slices.Clone(w.store.Rows(w.T))
	slices.SortFunc(want, Row.compare)
	slices.SortFunc(got, Row.compare)
	if slices.Equal(want, got) {
		return
	}
	if diff := cmp.Diff(want, got); len(want)+len(got) < 100 {
		w.Errorf("rows differ (-want +got):\n%s", diff)
		return
	}
	w.Errorf("rows differ: %d stand in the table, %d should", len(got), len(want))
}

// wantRefused fails unless err is a *Refused that names these partitions, each with what the ledger holds of it.
func (w *world) wantRefused(what string, err error, held map[fencepost.TopicPartition]ledger.Position) {
	w.Helper()
	refused, ok := errors.AsType[*ledger.Refused](err)
	if !ok {
		w.Errorf("%s: got error %v, want *ledger.Refused", what, err)
		return
	}
	if diff := cmp.Diff(held, refused.Held); diff != "" {
		w.Errorf("%s: Refused.Held differs from what the ledger holds (-want +got):\n%s", what, diff)
	}
}

// wantSnapshot fails unless the group is as it was.
func (w *world) wantSnapshot(k *worker, want ledger.Snapshot) {
	w.Helper()
	if diff := cmp.Diff(want, w.read(k)); diff != "" {
		w.Errorf("group %q changed (-before +now):\n%s", k.as.Group, diff)
	}
}

// wantMoves fails unless the group's history is as it was.
func (w *world) wantMoves(k *worker, want []ledger.Recorded) {
	w.Helper()
	if diff := cmp.Diff(want, w.moves(k)); diff != "" {
		w.Errorf("the moves of group %q changed (-before +now):\n%s", k.as.Group, diff)
	}
}
