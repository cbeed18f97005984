package sinktest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Keyed is a Store that can write rows over by a key, and delete them by it.
type Keyed interface {
	// OpenKeyed is Open with a table of the columns k and v of KeyedColumns, upserted by k, in place of the append table. v takes no null.
	OpenKeyed(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error)
	// KeyedRows reads that table, around the sink. :: k -> v
	KeyedRows(t *testing.T) map[string]int64
}

// DeadlockCounter is a Store that counts deadlocks, of which its keyed table should see none.
type DeadlockCounter interface {
	Deadlocks(t *testing.T) int64
}

// KeyedColumns are the columns of the suite's batches that delete.
func KeyedColumns() []fencepost.ColumnSpec {
	return []fencepost.ColumnSpec{{Name: "k", Type: fencepost.Text}, {Name: "v", Type: fencepost.Int}, {Name: fencepost.MetaOp, Type: fencepost.Text}}
}

// change is what one record does to a key.
type change struct {
	key     string
	v       int64
	deletes bool
	leaves  bool // v alone
}

// set and gone are the changes of a key to a value, and to nothing.
func set(key string, v int64) change { return change{key: key, v: v} }
func gone(key string) change         { return change{key: key, deletes: true} }

// left is the change of a row whose value is left as it is.
func left(key string) change { return change{key: key, leaves: true} }

// keyedWorld is a world of a keyed store: one worker of it, and what its table should hold.
type keyedWorld struct {
	*world
	keyed Keyed
	k     *worker
	held  map[fencepost.TopicPartition]ledger.Position
	twin  map[string]int64 // :: k -> v
	// partial: the batches leave values as they are.
	partial bool
}

// columns are those of the batches.
func (w *keyedWorld) columns() []fencepost.ColumnSpec {
	columns := KeyedColumns()
	columns[1].Partial = w.partial
	return columns
}

// keyed begins a group of n partitions in a keyed store. ok is false for a store that is none.
func (w *world) keyed(n int32) (kw *keyedWorld, ok bool) {
	keyed, ok := w.store.(Keyed)
	if !ok {
		w.Logf("%T is not Keyed: it shows no deletes", w.store)
		return nil, false
	}
	kw = &keyedWorld{world: w, keyed: keyed, twin: map[string]int64{}}
	kw.hire()
	kw.held = w.start(kw.k, 0, partitions(n)...)
	return kw, true
}

// hire puts a new worker in the place of the one before, as after a crash.
func (w *keyedWorld) hire() {
	w.Helper()
	opened, err := w.keyed.OpenKeyed(w.Context(), ledger.KeepAll)
	if err != nil {
		w.Fatalf("open a keyed sink: %v", err)
	}
	if _, err := opened.Columns(w.Context(), w.columns()); err != nil {
		w.Fatalf("needs of a keyed sink: %v", err)
	}
	if w.k, err = w.employ(w.Context(), opened); err != nil {
		w.Fatal(err)
	}
	k := w.k
	w.Cleanup(func() {
		if err := k.close(); err != nil {
			w.Errorf("close worker: %v", err)
		}
	})
}

// changes makes a commit of changes, those of partition 0 first, and notes what they leave.
func (w *keyedWorld) changes(of ...[]change) sink.Commit {
	b := &fencepost.Batch{}
	for _, c := range w.columns() {
		b.Columns = append(b.Columns, c.Column())
	}
	commit := sink.Commit{Batch: b}
	for p, changes := range of {
		tp := partition(int32(p))
		held := w.held[tp]
		until := held.Offset + fencepost.Offset(len(changes))
		b.Segments = append(b.Segments, fencepost.Segment{TopicPartition: tp, Range: fencepost.OffsetRange{From: held.Offset, Until: until}, Lo: len(b.Offsets), Hi: len(b.Offsets) + len(changes)})
		for i, c := range changes {
			b.Offsets, b.Times = append(b.Offsets, held.Offset+fencepost.Offset(i)), append(b.Times, 978_307_200_000)
			w.append(b, c)
		}
		w.held[tp] = held.Advance(until, fencepost.NoEpoch)
		commit.Moves = append(commit.Moves, ledger.Move{TopicPartition: tp, Cause: ledger.CauseCommit, Held: held, Next: w.held[tp]})
	}
	return commit
}

// append appends one change to a batch, and to the twin.
func (w *keyedWorld) append(b *fencepost.Batch, c change) {
	b.Columns[0].AppendText(c.key)
	if c.deletes {
		b.Columns[1].AppendNull()
		b.Columns[2].AppendText(fencepost.OpDelete)
		delete(w.twin, c.key)
		return
	}
	b.Columns[2].AppendText("u")
	if c.leaves {
		b.Columns[1].AppendUnchanged()
		return
	}
	b.Columns[1].AppendInt(c.v)
	w.twin[c.key] = c.v
}

// must commits changes, and compares the table with its twin.
func (w *keyedWorld) must(of ...[]change) {
	w.Helper()
	if err := w.k.lane.Commit(w.Context(), w.k.as, w.changes(of...)); err != nil {
		w.Fatalf("commit %v: %v", of, err)
	}
	w.compare(fmt.Sprint(of))
}

func (w *keyedWorld) compare(after string) {
	w.Helper()
	if d := cmp.Diff(w.twin, w.keyed.KeyedRows(w.T)); d != "" {
		w.Errorf("after %s the rows differ (-want +got):\n%s", after, d)
	}
}

// deletesByKey: of several rows of one key in a batch the last one decides, in its segment and over segments; a delete of
// what is not there does nothing.
func deletesByKey(w *world) {
	k, ok := w.keyed(2)
	if !ok {
		return
	}
	k.must([]change{set("a", 1), set("b", 1), gone("never"), set("c", 1)}, nil)
	k.must([]change{gone("a")}, nil)
	k.must([]change{gone("a"), gone("a")}, nil)
	k.must([]change{set("a", 2), gone("a"), set("a", 3), gone("b"), set("d", 1), gone("d")}, nil)
	k.must([]change{gone("a"), set("a", 4), set("a", 5), set("c", 2), gone("c")}, []change{set("c", 3)})
	k.must([]change{set("x", 1), gone("c")}, []change{gone("x"), set("y", 1)})
	k.must([]change{set("o'brien \\ \"q\"", 1), set("", 1), set("größe 日本", 1)}, nil)
	k.must([]change{gone("o'brien \\ \"q\""), gone(""), set("größe 日本", 2)}, []change{gone("größe 日本")})
	k.must([]change{gone("a"), gone("y")}, nil)
}

// deletesAfterUnknown: a batch with deletes whose outcome is unknown, or whose worker is gone, is applied once, by whoever tries next.
func deletesAfterUnknown(w *world) {
	k, ok := w.keyed(1)
	if !ok {
		return
	}
	loser, loses := w.store.(AnswerLoser)
	k.must([]change{set("a", 1), set("b", 1), set("c", 1)})
	for n := 1; n <= 60; n++ {
		key := fmt.Sprint("key", n)
		b := k.changes([]change{gone("a"), set(key, int64(n)), set("b", int64(n)), gone("c"), set("c", int64(n)), set("z", 1), gone("z")})
		f := light(w.Context(), n)
		var lost error
		if loses && n%2 == 0 {
			loser.LoseAnswer(w.T, n%4 == 0)
			lost = k.k.lane.Commit(w.Context(), k.k.as, b)
		} else {
			lost = k.k.lane.Commit(f, k.k.as, b)
		}
		if lost == nil {
			if !f.burn(0) {
				break
			}
			continue
		}
		if n%3 == 0 {
			k.hire()
		}
		if err := w.insist(k.k, b, lost); err != nil {
			w.Fatalf("try %d: %v", n, err)
		}
		k.compare("a batch of unknown outcome")
		again := k.k.lane.Commit(w.Context(), k.k.as, b)
		w.wantRefused("the same batch again", again, map[fencepost.TopicPartition]ledger.Position{partition(0): k.held[partition(0)]})
	}
	k.compare("all batches")
	Chain(w.T, w.moves(k.k), w.read(k.k))
}

// deletesLikeAMap: any sequence of changes in any batches leaves what it leaves in a map.
func deletesLikeAMap(w *world) {
	k, ok := w.keyed(3)
	if !ok {
		return
	}
	round := 0
	rapid.Check(w.T, func(t *rapid.T) {
		round++
		k.held = w.read(k.k).Positions // a round that failed has committed a part
		prefix := fmt.Sprintf("%d/", round)
		change := rapid.Custom(func(t *rapid.T) change {
			key := prefix + rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "key")
			if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
				return gone(key)
			}
			return set(key, int64(rapid.IntRange(0, 9).Draw(t, "v")))
		})
		for _, of := range rapid.SliceOfN(rapid.SliceOfN(rapid.SliceOfN(change, 0, 6), 3, 3), 1, 4).Draw(t, "batches") {
			if err := k.k.lane.Commit(w.Context(), k.k.as, k.changes(of...)); err != nil {
				t.Fatalf("commit %v: %v", of, err)
			}
		}
		others := func(key string, _ int64) bool { return !strings.HasPrefix(key, prefix) }
		got := k.keyed.KeyedRows(w.T)
		maps.DeleteFunc(got, others)
		want := maps.Clone(k.twin)
		maps.DeleteFunc(want, others)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("rows differ (-want +got):\n%s", d)
		}
	})
}

// deletesInOppositeOrders: lanes that delete and upsert the same keys in opposite orders, and one that only upserts, all come
// through. Each key is as the last batch of one of them leaves it.
func deletesInOppositeOrders(w *world) {
	const lanes, rounds, size = 3, 15, 300
	var work []func() error
	for i := range lanes {
		own := *w
		own.group = fencepost.Group(fmt.Sprint(w.group, i))
		k, ok := own.keyed(1)
		if !ok {
			return
		}
		work = append(work, func() error { return k.writeOver(i, rounds, size) })
	}
	if err := together(work...); err != nil {
		w.Error(err)
	}
	rows := w.store.(Keyed).KeyedRows(w.T)
	for key, v := range rows {
		if v != rounds-1 {
			w.Errorf("key %s holds %d, which no last batch says", key, v)
		}
	}
	if len(rows) > size {
		w.Errorf("%d keys, want at most %d", len(rows), size)
	}
	if c, counts := w.store.(DeadlockCounter); counts {
		if n := c.Deadlocks(w.T); n != 0 {
			w.Errorf("%d deadlocks, want none", n)
		}
	}
}

// writeOver commits batches of the same keys: lane 0 upwards, lane 1 downwards, both deleting every other one; lane 2 only sets.
func (w *keyedWorld) writeOver(lane, rounds, size int) error {
	for round := range rounds {
		changes := make([]change, size)
		for j := range changes {
			at := j
			if lane == 1 {
				at = size - 1 - j
			}
			changes[j] = change{key: fmt.Sprintf("%05d", at), v: int64(round), deletes: lane < 2 && (at+round+lane)%2 != 0}
		}
		if err := w.k.lane.Commit(w.Context(), w.k.as, w.changes(changes)); err != nil {
			return fmt.Errorf("lane %d, round %d: %w", lane, round, err)
		}
	}
	return nil
}
