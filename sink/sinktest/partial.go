package sinktest

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost/sink"
)

// partly is keyed in a store whose sink can leave columns of a row alone.
func (w *world) partly(n int32) (kw *keyedWorld, ok bool) {
	kw, ok = w.keyed(n)
	if !ok {
		return nil, false
	}
	if !kw.k.sink.Capabilities().Partial {
		w.Logf("%T leaves no columns alone", w.store)
		return nil, false
	}
	kw.partial = true
	return kw, true
}

// refused commits changes of which one leaves a row as it is that is not there: all of them are refused, and nothing happens.
func (w *keyedWorld) refused(of ...[]change) {
	w.Helper()
	twin, held := maps.Clone(w.twin), maps.Clone(w.held)
	err := w.k.lane.Commit(w.Context(), w.k.as, w.changes(of...))
	if r, ok := errors.AsType[*sink.Rejected](err); !ok || r.Reason != sink.RowNotThere().Reason {
		w.Errorf("commit %v: got %v, want the refusal of a row that is not there", of, err)
	}
	w.twin, w.held = twin, held
	w.compare(fmt.Sprint("a refusal of ", of))
}

// partialByKey: a value that a record does not hold stays as it is: what an earlier record of the same batch says, or else what the table has. A
// row that is not there cannot be made of such a record.
func partialByKey(w *world) {
	k, ok := w.partly(2)
	if !ok {
		return
	}
	k.must([]change{set("a", 1), set("b", 1)}, nil)
	k.must([]change{left("a")}, nil)
	k.must([]change{set("a", 2), left("a")}, []change{left("b")})
	k.must([]change{left("a"), left("a"), set("c", 1)}, []change{left("c")})
	k.must([]change{left("a"), set("a", 3), left("a"), set("b", 4)}, nil)
	k.must([]change{left("a"), gone("a"), set("a", 5), left("a"), gone("b"), set("x", 1), gone("x")}, nil)
	k.must([]change{left("a"), gone("a")}, nil)
	k.refused([]change{set("z", 1), left("a"), set("y", 1)}, nil)
	k.refused([]change{gone("c"), left("c")}, nil)
	k.refused([]change{set("n", 1), gone("n"), left("n")}, nil)
	k.must([]change{left("c"), set("größe 'q'", 1), left("größe 'q'")}, nil)
}

// partialLikeAMap: any sequence of changes leaves what it leaves in a map, where a batch is refused as a whole if one of its records leaves
// alone what is not there, and no later one makes it whole.
func partialLikeAMap(w *world) {
	k, ok := w.partly(3)
	if !ok {
		return
	}
	round := 0
	rapid.Check(w.T, func(t *rapid.T) {
		round++
		k.held = w.read(k.k).Positions // a round that failed has committed a part
		prefix := fmt.Sprintf("%d/", round)
		change := rapid.Custom(func(t *rapid.T) change {
			key := prefix + rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key")
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0:
				return gone(key)
			case 1, 2, 3:
				return left(key)
			}
			return set(key, int64(rapid.IntRange(0, 9).Draw(t, "v")))
		})
		for _, of := range rapid.SliceOfN(rapid.SliceOfN(rapid.SliceOfN(change, 0, 6), 3, 3), 1, 5).Draw(t, "batches") {
			may, must := k.leavesNothing(of)
			twin, held := maps.Clone(k.twin), maps.Clone(k.held)
			err := k.k.lane.Commit(w.Context(), k.k.as, k.changes(of...))
			_, refused := errors.AsType[*sink.Rejected](err)
			if err != nil && !refused || refused && !may || !refused && must {
				t.Fatalf("commit %v: got %v, may be refused: %t, has to be: %t", of, err, may, must)
			}
			if refused {
				k.twin, k.held = twin, held
			}
		}
		others := func(key string, _ int64) bool { return !strings.HasPrefix(key, prefix) }
		got, want := k.keyed.KeyedRows(w.T), maps.Clone(k.twin)
		maps.DeleteFunc(got, others)
		maps.DeleteFunc(want, others)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("rows differ (-want +got):\n%s", d)
		}
	})
}

// leavesNothing reports whether one of the changes leaves a row alone that is not there, so that they may be refused; and whether they have to be: no
// later one of its key holds the value, or the row was deleted in front of it.
func (w *keyedWorld) leavesNothing(of [][]change) (may, must bool) {
	there, deleted, lacks := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for key := range w.twin {
		there[key] = true
	}
	for _, changes := range of {
		for _, c := range changes {
			switch {
			case c.leaves && !there[c.key]:
				may, must = true, must || deleted[c.key]
				lacks[c.key] = true
			case !c.leaves:
				there[c.key], deleted[c.key], lacks[c.key] = !c.deletes, c.deletes, false
			}
		}
	}
	for _, lacks := range lacks {
		must = must || lacks
	}
	return may, must
}
