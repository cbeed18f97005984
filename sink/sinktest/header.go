package sinktest

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// newer: a ledger that a newer version wrote is refused by every call, of a worker that ran and of one that comes.
func newer(w *world) {
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	held := w.start(k, 0, tp)[tp]
	w.store.MakeNewer(w.T)
	w.refuses("a worker that runs", k, tp, held)
	late, err := w.open(w.Context(), ledger.KeepAll)
	switch {
	case errors.Is(err, ledger.ErrNewer):
	case err != nil:
		w.Errorf("open on a newer ledger: got %v, want ErrNewer or none", err)
	default:
		w.refuses("a worker that comes", late, tp, held)
		if err := late.close(); err != nil {
			w.Errorf("close: %v", err)
		}
	}
	w.wantRows()
}

// refuses fails unless each call of a worker answers ErrNewer.
func (w *world) refuses(who string, k *worker, tp fencepost.TopicPartition, held ledger.Position) {
	w.Helper()
	ctx := w.Context()
	_, read := k.ledger.Read(ctx, k.as.Group)
	for what, err := range map[string]error{
		"read":         read,
		"rewind":       k.ledger.Move(ctx, k.as, []ledger.Move{rewind(tp, held, 0)}),
		"start":        k.ledger.Move(ctx, k.as, starts(0, firstTopic, partition(1))),
		"commit":       k.lane.Commit(ctx, k.as, Commit(Span{TopicPartition: tp, Held: held, Until: 3})),
		"read history": lastError(k.ledger.(ledger.History).Moves(ctx, k.as.Group)),
		"last moves":   lastMovesError(ctx, k.ledger, k.as.Group),
	} {
		if !errors.Is(err, ledger.ErrNewer) {
			w.Errorf("%s, by %s, of a ledger that a newer version wrote: got %v, want ErrNewer", what, who, err)
		}
	}
}

// lastError is the error with which a history ends.
func lastError(moves iter.Seq2[ledger.Recorded, error]) (last error) {
	for _, err := range moves {
		last = err
	}
	return last
}

// otherCluster: the first move that names a cluster binds the group to it; another is refused, none is not.
func otherCluster(w *world) {
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	k.as.ClusterID = ""
	held := w.start(k, 0, tp)[tp]
	if got := w.read(k).ClusterID; got != "" {
		w.Errorf("cluster of a group whose mover knows none: got %q, want empty", got)
	}
	k.as.ClusterID = cluster
	back := rewind(tp, held, 4)
	w.move(k, back)
	before, history := w.read(k), w.moves(k)
	if before.ClusterID != cluster {
		w.Errorf("cluster after a move that names it: got %q, want %q", before.ClusterID, cluster)
	}
	k.as.ClusterID = "cluster-a" // another case is another cluster
	ctx := w.Context()
	for what, err := range map[string]error{
		"rewind": k.ledger.Move(ctx, k.as, []ledger.Move{rewind(tp, back.Next, 0)}),
		"start":  k.ledger.Move(ctx, k.as, starts(0, firstTopic, partition(1))),
		"commit": k.lane.Commit(ctx, k.as, Commit(Span{TopicPartition: tp, Held: back.Next, Until: 6})),
	} {
		if !errors.Is(err, ledger.ErrOtherCluster) {
			w.Errorf("%s under another cluster: got %v, want ErrOtherCluster", what, err)
		}
	}
	w.wantSnapshot(k, before)
	w.wantMoves(k, history)
	w.wantRows()

	k.as.ClusterID = ""
	unnamed := Span{TopicPartition: tp, Held: back.Next, Until: 6}
	w.commit(k, unnamed)
	w.wantRows(unnamed)
	if got := w.read(k).ClusterID; got != cluster {
		w.Errorf("cluster after a commit that names none: got %q, want %q still", got, cluster)
	}
	k.as.ClusterID, k.as.Group = "cluster-B", "another group"
	w.start(k, 0, tp)
	if got := w.read(k).ClusterID; got != "cluster-B" {
		w.Errorf("cluster of another group: got %q, want cluster-B", got)
	}
}

// identity: one store has one identity, through every view and reopening; another store has another.
func identity(w *world) {
	first := w.worker(ledger.KeepMerged)
	id := w.read(first).Ledger
	if id == (fencepost.LedgerID{}) {
		w.Fatal("a ledger without a move has no identity: it is made with the tables")
	}
	w.start(first, 0, partition(0))
	for range 3 {
		k, err := w.open(w.Context(), ledger.KeepMerged)
		if err != nil {
			w.Fatal(err)
		}
		k.as.Group = "nobody"
		if got := w.read(k).Ledger; got != id {
			w.Errorf("identity seen by another worker: got %s, want %s", got, id)
		}
		if err := k.close(); err != nil {
			w.Errorf("close: %v", err)
		}
	}
	if got := w.read(first).Ledger; got != id {
		w.Errorf("identity after others came and went: got %s, want %s", got, id)
	}
	other := &world{T: w.T, store: w.fresh(w.T), group: w.group}
	if got := other.read(other.worker(ledger.KeepMerged)).Ledger; got == id {
		w.Errorf("two stores have one identity, %s", got)
	}
}

// eightAtOnce: eight processes open an unused store, and each reads, starts a topic and commits.
func eightAtOnce(w *world) {
	const workers = 8
	var fs []func() error
	ids := make([]fencepost.LedgerID, workers)
	spans := make([]Span, workers)
	for i := range workers {
		fs = append(fs, func() (err error) {
			spans[i], ids[i], err = w.oneOfMany(w.Context(), fmt.Sprint("topic-", i))
			if err != nil {
				return fmt.Errorf("worker %d: %w", i, err)
			}
			return nil
		})
	}
	if err := together(fs...); err != nil {
		w.Fatal(err)
	}
	for i, id := range ids {
		if id != ids[0] {
			w.Errorf("worker %d sees identity %s, worker 0 %s", i, id, ids[0])
		}
	}
	k := w.worker(ledger.KeepMerged)
	want := map[fencepost.TopicPartition]ledger.Position{}
	for _, s := range spans {
		want[s.TopicPartition] = s.Next()
	}
	w.wantPositions(k, want)
	w.wantRows(spans...)
	if got := len(w.read(k).Topics); got != workers {
		w.Errorf("roster: %d topics, want %d", got, workers)
	}
}

// oneOfMany is one process of eightAtOnce.
func (w *world) oneOfMany(ctx context.Context, topic string) (s Span, id fencepost.LedgerID, err error) {
	k, err := w.open(ctx, ledger.KeepMerged)
	if err != nil {
		return s, id, err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	snap, err := k.ledger.Read(ctx, k.as.Group)
	if err != nil {
		return s, id, fmt.Errorf("read: %w", err)
	}
	moves := starts(0, firstTopic, fencepost.TopicPartition{Topic: topic})
	if err := k.ledger.Move(ctx, k.as, moves); err != nil {
		return s, id, fmt.Errorf("start: %w", err)
	}
	s = Span{TopicPartition: moves[0].TopicPartition, Held: moves[0].Next, Until: 2}
	if err := k.lane.Commit(ctx, k.as, Commit(s)); err != nil {
		return s, id, fmt.Errorf("commit: %w", err)
	}
	return s, snap.Ledger, nil
}
