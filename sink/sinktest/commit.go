package sinktest

import (
	"maps"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// chain: commits that meet are accepted, and rows and position agree; a late one is refused whole.
func chain(w *world) {
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	held := w.start(k, 0, tp)[tp]
	first := Span{TopicPartition: tp, Held: held, Until: 3}
	second := Span{TopicPartition: tp, Held: first.Next(), Until: 10, Rows: []fencepost.Offset{3, 5, 8}}
	w.commit(k, first)
	w.commit(k, second)
	w.wantRows(first, second)
	w.wantPositions(k, map[fencepost.TopicPartition]ledger.Position{tp: second.Next()})

	heir := w.worker(ledger.KeepAll)
	late := Commit(Span{TopicPartition: tp, Held: first.Next(), Until: 12})
	w.wantRefused("a commit from 3 where the ledger holds 10", heir.lane.Commit(w.Context(), heir.as, late),
		map[fencepost.TopicPartition]ledger.Position{tp: second.Next()})
	w.wantRows(first, second)

	third := Span{TopicPartition: tp, Held: w.read(heir).Positions[tp], Until: 11}
	w.commit(heir, third)
	w.wantRows(first, second, third)
	Chain(w.T, w.moves(heir), w.read(k))
}

// factsAreKept: the leader epoch and the topic ID are no part of the compare, and come back as they were written.
func factsAreKept(w *world) {
	k := w.worker(ledger.KeepMerged)
	tp := partition(0)
	moves := starts(5, secondTopic, tp)
	moves[0].Next.LeaderEpoch = 7
	w.move(k, moves...)
	w.wantPositions(k, map[fencepost.TopicPartition]ledger.Position{tp: moves[0].Next})

	stale := moves[0].Next
	stale.LeaderEpoch, stale.TopicID = fencepost.NoEpoch, firstTopic
	again := Span{TopicPartition: tp, Held: stale, Until: 6}
	b := Commit(again)
	b.Moves[0].Next.LeaderEpoch = 1<<31 - 1
	if err := k.lane.Commit(w.Context(), k.as, b); err != nil {
		w.Fatalf("commit of a held position with another epoch and topic ID: %v; only offset and fence are compared", err)
	}
	got := w.read(k).Positions[tp]
	if got.LeaderEpoch != 1<<31-1 || got.Offset != 6 || got.Fence != moves[0].Next.Fence {
		w.Errorf("position after the commit: got %+v, want offset 6, the largest leader epoch and the fence of the start", got)
	}
}

// emptyRange: a range without entries is accepted, and one of markers only moves the position without a row.
func emptyRange(w *world) {
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	held := w.start(k, 4, tp)[tp]
	none := Span{TopicPartition: tp, Held: held, Until: 4}
	w.commit(k, none)
	w.wantPositions(k, map[fencepost.TopicPartition]ledger.Position{tp: held})
	markers := Span{TopicPartition: tp, Held: held, Until: 9, Rows: []fencepost.Offset{}}
	w.commit(k, markers)
	w.wantPositions(k, map[fencepost.TopicPartition]ledger.Position{tp: markers.Next()})
	w.wantRows()
	Chain(w.T, w.moves(k), w.read(k))
}

// allOrNothingCommit: one refused partition of many, and nothing is applied; cut out, the rest goes in.
func allOrNothingCommit(w *world) {
	k := w.worker(ledger.KeepMerged)
	held := w.start(k, 0, partitions(5)...)
	operator := w.worker(ledger.KeepMerged)
	bad := partition(3)
	moved := rewind(bad, held[bad], 2)
	w.move(operator, moved)
	before := maps.Clone(held)
	before[bad] = moved.Next

	var spans, rest []Span
	after := maps.Clone(before)
	for _, tp := range partitions(5) {
		s := Span{TopicPartition: tp, Held: held[tp], Until: 4}
		spans = append(spans, s)
		if tp != bad {
			rest, after[tp] = append(rest, s), s.Next()
		}
	}
	b := Commit(spans...)
	w.wantRefused("a batch of five with one that was moved", k.lane.Commit(w.Context(), k.as, b),
		map[fencepost.TopicPartition]ledger.Position{bad: moved.Next})
	w.wantRows()
	w.wantPositions(k, before)

	b = part(b, func(tp fencepost.TopicPartition) bool { return tp != bad })
	if err := k.lane.Commit(w.Context(), k.as, b); err != nil {
		w.Fatalf("commit of the batch with the refused segment cut out: %v", err)
	}
	w.wantRows(rest...)
	w.wantPositions(k, after)
}

// allOrNothingMove: the same for moves without effects; a start among them is undone too, and its topic's state.
func allOrNothingMove(w *world) {
	k := w.worker(ledger.KeepAll)
	held := w.start(k, 7, partitions(3)...)
	before, history := w.read(k), len(w.moves(k))
	late := held[partition(1)]
	late.Offset = 6
	moves := []ledger.Move{rewind(partition(0), held[partition(0)], 0), rewind(partition(1), late, 0)}
	moves = append(moves, starts(0, firstTopic, fencepost.TopicPartition{Topic: "planes"})...)
	err := k.ledger.Move(w.Context(), k.as, moves)
	w.wantRefused("three moves with one late", err, map[fencepost.TopicPartition]ledger.Position{partition(1): held[partition(1)]})
	w.wantSnapshot(k, before)
	if got := len(w.moves(k)); got != history {
		w.Errorf("the refused moves were recorded: %d moves in the history, want %d", got, history)
	}
}

// standings: a refusal returns enough to tell the cases of law 1 apart.
func standings(w *world) {
	k := w.worker(ledger.KeepMerged)
	tps := partitions(6)
	held := w.start(k, 50, tps...)
	for i, c := range []struct {
		what  string
		world func(fencepost.TopicPartition, ledger.Position) ledger.Position // what happens to the ledger
		late  fencepost.Offset                                                // the mover's own position
		until fencepost.Offset
		want  ledger.Relation
	}{
		{"our own lost answer", func(tp fencepost.TopicPartition, p ledger.Position) ledger.Position {
			s := Span{TopicPartition: tp, Held: p, Until: 60, Rows: []fencepost.Offset{}}
			w.commit(k, s)
			return s.Next()
		}, 50, 60, ledger.RelationDone},
		{"the ledger is ahead", func(tp fencepost.TopicPartition, p ledger.Position) ledger.Position {
			s := Span{TopicPartition: tp, Held: p, Until: 61, Rows: []fencepost.Offset{}}
			w.commit(k, s)
			return s.Next()
		}, 50, 60, ledger.RelationAhead},
		{"the ledger is behind", func(_ fencepost.TopicPartition, p ledger.Position) ledger.Position { return p },
			55, 60, ledger.RelationBehind},
		{"moved, and back at the same offset", func(tp fencepost.TopicPartition, p ledger.Position) ledger.Position {
			m := rewind(tp, p, 50)
			w.move(k, m)
			return m.Next
		}, 50, 60, ledger.RelationMoved},
		{"a foreign write", func(tp fencepost.TopicPartition, _ ledger.Position) ledger.Position {
			w.store.ForeignWrite(w.T, k.as.Group, tp, 50)
			return ledger.Position{Offset: 50, LeaderEpoch: fencepost.NoEpoch}
		}, 50, 60, ledger.RelationForeign},
		{"a deleted row", func(tp fencepost.TopicPartition, _ ledger.Position) ledger.Position {
			w.store.DeleteRow(w.T, k.as.Group, tp)
			return ledger.Position{}
		}, 50, 60, ledger.RelationForeign},
	} {
		tp := tps[i]
		mine := held[tp]
		mine.Offset = c.late
		stands := c.world(tp, held[tp])
		b := Commit(Span{TopicPartition: tp, Held: mine, Until: c.until})
		err := k.lane.Commit(w.Context(), k.as, b)
		w.wantRefused(c.what, err, map[fencepost.TopicPartition]ledger.Position{tp: stands})
		if got := ledger.Relate(stands, b.Moves[0]); got != c.want {
			w.Errorf("%s: stands %s, want %s", c.what, got, c.want)
		}
		err = k.ledger.Move(w.Context(), k.as, []ledger.Move{rewind(tp, mine, 0)})
		w.wantRefused(c.what+", by a rewind", err, map[fencepost.TopicPartition]ledger.Position{tp: stands})
	}
	w.wantRows()
}

// startNeedsNoRow: a start is accepted where there is no row, refused where there is one, even a foreign one at 0.
func startNeedsNoRow(w *world) {
	k := w.worker(ledger.KeepAll)
	held := w.start(k, 0, partitions(2)...)
	err := k.ledger.Move(w.Context(), k.as, starts(0, firstTopic, partition(0)))
	w.wantRefused("a start of a started partition", err, map[fencepost.TopicPartition]ledger.Position{partition(0): held[partition(0)]})

	w.store.ForeignWrite(w.T, k.as.Group, partition(1), 0)
	foreign := ledger.Position{LeaderEpoch: fencepost.NoEpoch}
	err = k.ledger.Move(w.Context(), k.as, starts(0, firstTopic, partition(1)))
	w.wantRefused("a start over a foreign row at 0", err, map[fencepost.TopicPartition]ledger.Position{partition(1): foreign})

	adopted := rewind(partition(1), foreign, 0)
	w.move(k, adopted)
	w.store.DeleteRow(w.T, k.as.Group, partition(0))
	err = k.lane.Commit(w.Context(), k.as, Commit(Span{TopicPartition: partition(0), Held: held[partition(0)], Until: 1}))
	w.wantRefused("a commit of a deleted row", err, map[fencepost.TopicPartition]ledger.Position{partition(0): {}})
	again := starts(0, firstTopic, partition(0))
	w.move(k, again...)
	w.wantPositions(k, map[fencepost.TopicPartition]ledger.Position{partition(0): again[0].Next, partition(1): adopted.Next})
	w.wantRows()
}

// untouched: other partitions and other groups stay as they were through every kind of change.
func untouched(w *world) {
	k := w.worker(ledger.KeepAll)
	other := *k
	other.as.Group = "flight-delays-2"
	w.start(&other, 7, partitions(3)...)
	w.commit(&other, Span{TopicPartition: partition(1), Held: w.read(&other).Positions[partition(1)], Until: 9})
	theirs, history := w.read(&other), w.moves(&other)

	held := w.start(k, 0, partitions(2)...)
	first := Span{TopicPartition: partition(0), Held: held[partition(0)], Until: 3}
	w.commit(k, first)
	w.wantPositions(k, map[fencepost.TopicPartition]ledger.Position{partition(0): first.Next(), partition(1): held[partition(1)]})
	back := rewind(partition(1), held[partition(1)], 1)
	w.move(k, back)
	w.wantPositions(k, map[fencepost.TopicPartition]ledger.Position{partition(0): first.Next(), partition(1): back.Next})

	w.wantSnapshot(&other, theirs)
	w.wantMoves(&other, history)
}

// emptyWritesNothing: an empty list of moves and an empty batch change nothing, not even for a group that is new.
func emptyWritesNothing(w *world) {
	k := w.worker(ledger.KeepAll)
	for _, group := range []fencepost.Group{"flight-delays", "nobody"} {
		k.as.Group = group
		if group == "flight-delays" {
			w.start(k, 0, partition(0))
		}
		before, history := w.read(k), w.moves(k)
		if err := k.ledger.Move(w.Context(), k.as, nil); err != nil {
			w.Errorf("move of nothing: %v", err)
		}
		if err := k.lane.Commit(w.Context(), k.as, Commit()); err != nil {
			w.Errorf("commit of nothing: %v", err)
		}
		w.wantSnapshot(k, before)
		w.wantMoves(k, history)
		if group == "nobody" && (!before.Empty() || before.ClusterID != "") {
			w.Errorf("snapshot of a group that never moved: got %+v, want an empty one", before)
		}
	}
	w.wantRows()
}
