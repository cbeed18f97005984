package sinktest

import (
	"errors"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
)

// rosterCounts: starts raise the count, nothing lowers it, and no cause but start and import changes it.
func rosterCounts(w *world) {
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	held := w.start(k, 0, partitions(2)...)
	w.wantRoster(k, firstTopic, 2)
	for _, c := range []struct {
		partition, partitions, count int32
	}{{5, 0, 6}, {6, 12, 12}, {3, 4, 12}, {12, 0, 13}} {
		m := starts(0, firstTopic, partition(c.partition))
		m[0].Partitions = c.partitions
		w.move(k, m...)
		w.wantRoster(k, firstTopic, c.count)
	}
	s := Span{TopicPartition: tp, Held: held[tp], Until: 5}
	w.commit(k, s)
	back := rewind(tp, s.Next(), 0)
	w.move(k, back)
	w.store.DeleteRow(w.T, k.as.Group, partition(12))
	w.wantRoster(k, firstTopic, 13)

	other := *k
	other.as.Group = "another group"
	w.start(&other, 0, tp)
	w.wantRoster(&other, firstTopic, 1)
	w.wantRoster(k, firstTopic, 13)
}

// rosterImports: an import counts as a start does, since it is where a group begins that another program has run: a
// partition that was imported and has no row any more is lost, not new.
func rosterImports(w *world) {
	k := w.worker(ledger.KeepAll)
	imports := func(id fencepost.TopicID, tps ...fencepost.TopicPartition) []ledger.Move {
		moves := starts(31_007, id, tps...)
		for i := range moves {
			moves[i].Cause, moves[i].Partitions = ledger.CauseImport, 3
		}
		return moves
	}
	first := imports(firstTopic, partition(1))
	w.move(k, first...)
	w.wantRoster(k, firstTopic, 3)
	held := first[0].Next

	s := Span{TopicPartition: partition(1), Held: held, Until: 31_010}
	w.commit(k, s)
	over := imports(secondTopic, partition(1))
	over[0].Held = s.Next()
	if err := k.ledger.Move(w.Context(), k.as, over); err == nil {
		w.Error("import one of three partitions under another topic ID: got no error")
	}
	w.wantRoster(k, firstTopic, 3)
	w.move(k, append(over, imports(secondTopic, partition(0), partition(2))...)...)
	w.wantRoster(k, secondTopic, 3)
	if got := w.read(k).Positions[partition(1)]; got != over[0].Next {
		w.Errorf("after the import of all of it: got %+v, want %+v", got, over[0].Next)
	}
	w.wantRefused("a commit that was prepared before the import",
		k.lane.Commit(w.Context(), k.as, Commit(Span{TopicPartition: partition(1), Held: s.Next(), Until: 31_020})),
		map[fencepost.TopicPartition]ledger.Position{partition(1): over[0].Next})
}

// rosterRecreated: a start under another topic ID covers every partition of the topic, or nothing happens.
func rosterRecreated(w *world) {
	k := w.worker(ledger.KeepAll)
	held := w.start(k, 9, partitions(3)...)
	w.store.DeleteRow(w.T, k.as.Group, partition(2)) // a lost row is covered by a start from nothing
	delete(held, partition(2))
	before, history := w.read(k), w.moves(k)

	repair := starts(0, secondTopic, partitions(3)...)
	for i := range repair {
		repair[i].Held = held[repair[i].TopicPartition]
	}
	added := starts(0, secondTopic, partition(3))
	for what, moves := range map[string][]ledger.Move{
		"one of three partitions":           repair[:1],
		"two of three partitions":           repair[1:],
		"two of three and an added one":     append(added[:1:1], repair[:2]...),
		"an added one only":                 added,
		"one by its old ID, two by another": append(starts(0, firstTopic, partition(2)), repair[:2]...),
	} {
		err := k.ledger.Move(w.Context(), k.as, moves)
		if _, refused := errors.AsType[*ledger.Refused](err); err == nil || refused || errors.Is(err, ledger.ErrUnknown) {
			w.Errorf("start %s of a recreated topic: got %v, want a plain error", what, err)
		}
		w.wantSnapshot(k, before)
		w.wantMoves(k, history)
	}

	w.move(k, append(added, repair...)...)
	w.wantRoster(k, secondTopic, 4)
	for _, m := range append(added, repair...) {
		if got := w.read(k).Positions[m.TopicPartition]; got != m.Next {
			w.Errorf("%s after the repair: got %+v, want %+v", m.TopicPartition, got, m.Next)
		}
	}
	zombie := Commit(Span{TopicPartition: partition(0), Held: held[partition(0)], Until: 11})
	w.wantRefused("a commit that was prepared before the topic was recreated", k.lane.Commit(w.Context(), k.as, zombie),
		map[fencepost.TopicPartition]ledger.Position{partition(0): repair[0].Next})
	w.wantRows()
}

// rosterUnknownID: a topic ID that one side does not know is not another one.
func rosterUnknownID(w *world) {
	k := w.worker(ledger.KeepAll)
	none := fencepost.TopicID{}
	w.move(k, starts(0, none, partitions(2)...)...)
	w.wantRoster(k, none, 2)
	w.move(k, starts(0, firstTopic, partition(2))...)
	w.wantRoster(k, firstTopic, 3)
	w.move(k, starts(0, none, partition(3))...)
	w.wantRoster(k, firstTopic, 4)

	for _, tp := range partitions(4) {
		w.store.DeleteRow(w.T, k.as.Group, tp)
	}
	again := append(starts(0, secondTopic, partitions(3)...), starts(0, none, partition(3))...)
	w.move(k, again...) // a start without an ID covers its partition as any other
	w.wantRoster(k, secondTopic, 4)
}

// rosterLearnsID: a group that was written without topic IDs takes one over, partition by partition: an import in place,
// which keeps offset and epoch, brings a fresh fence, and fills the topic's ID in without counting anything.
func rosterLearnsID(w *world) {
	k := w.worker(ledger.KeepMerged)
	first := starts(0, fencepost.TopicID{}, partitions(3)...)
	w.move(k, first...)
	spans := make([]Span, 2)
	for i := range spans {
		spans[i] = Span{TopicPartition: partition(int32(i)), Held: first[i].Next, Until: 7}
	}
	w.commit(k, spans...)
	want := w.read(k).Positions
	for i, s := range spans {
		m := ledger.Move{TopicPartition: s.TopicPartition, Held: s.Next(), Next: s.Next(), Cause: ledger.CauseImport, Why: "the brokers' topic ID is taken over"}
		m.Next.Fence, m.Next.TopicID = fence(), firstTopic
		w.move(k, m)
		want[m.TopicPartition] = m.Next
		w.wantPositions(k, want)
		w.wantRoster(k, firstTopic, 3)
		if !slices.ContainsFunc(w.moves(k), func(r ledger.Recorded) bool { return r.Move == m }) {
			w.Errorf("the recorded moves do not have the import of %s from %+v to %+v", m.TopicPartition, m.Held, m.Next)
		}
		w.wantRefused("a commit that was prepared before", k.lane.Commit(w.Context(), k.as, Commit(Span{TopicPartition: m.TopicPartition, Held: m.Held, Until: 9})),
			map[fencepost.TopicPartition]ledger.Position{m.TopicPartition: m.Next})
		spans[i] = Span{TopicPartition: m.TopicPartition, Held: m.Next, Until: 9}
	}
	w.commit(k, spans...)
	for _, s := range spans {
		want[s.TopicPartition] = s.Next()
	}
	w.wantPositions(k, want)
}

// wantRoster fails unless the usual topic, and no other, is among the group's topics like this.
func (w *world) wantRoster(k *worker, id fencepost.TopicID, count int32) {
	w.Helper()
	want := map[string]ledger.TopicState{"flights": {TopicID: id, Partitions: count}}
	if diff := cmp.Diff(want, w.read(k).Topics); diff != "" {
		w.Errorf("roster of group %q differs (-want +got):\n%s", k.as.Group, diff)
	}
}
