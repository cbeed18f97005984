package sinktest

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Namer is a Store that says which row it refuses.
type Namer interface {
	// NamesRefused reports whether it names each row that its append table refuses.
	NamesRefused(t *testing.T) bool
}

// refusedNamed: a store that names the row which it refuses names the right one, over several segments, the first of two, and in
// statements of any number of rows.
func refusedNamed(w *world) {
	namer, _ := w.store.(Namer)
	k := w.worker(ledger.KeepMerged)
	tps := partitions(3)
	held := w.start(k, 0, tps...)
	const each = 153
	for _, bad := range [][]int{{0}, {1}, {99, 100}, {137}, {149}, {150, 299}, {249}, {299}, {306}, {449}, {457}, {458}} {
		var spans []Span
		for _, tp := range tps {
			spans = append(spans, Span{TopicPartition: tp, Held: held[tp], Until: each})
		}
		c := Commit(spans...)
		n := fencepost.Column{Name: "n", Type: fencepost.Int}
		for i := range 3 * each {
			if len(bad) > 0 && i == bad[0] || len(bad) > 1 && i == bad[1] {
				n.AppendInt(-1)
			} else {
				n.AppendInt(int64(i))
			}
		}
		c.Columns[1] = n
		r, ok := errors.AsType[*sink.Rejected](k.lane.Commit(w.Context(), k.as, c))
		if !ok {
			w.Fatalf("a commit with a bad row at %v is not *sink.Rejected", bad)
		}
		if r.Row != bad[0]+1 && (r.Row != 0 || namer != nil && namer.NamesRefused(w.T)) {
			w.Errorf("row %d is refused, and the store names row %d: %s", bad[0]+1, r.Row, r)
		}
	}
	w.wantRows()
}

// nullsNamed: of an upsert in which a null is refused the row is named where its column is.
func nullsNamed(w *world) {
	k, ok := w.keyed(2)
	if !ok {
		return
	}
	namer, _ := w.store.(Namer)
	before := w.read(k.k).Positions
	for _, bad := range []int{0, 7, 19} {
		k.held = maps.Clone(before)
		var of [2][]change
		for i := range 20 {
			of[i/10] = append(of[i/10], set(fmt.Sprint("k", i), int64(i)))
		}
		c := k.changes(of[:]...)
		v := fencepost.Column{Name: "v", Type: fencepost.Int}
		for i := range 20 {
			if i == bad {
				v.AppendNull()
			} else {
				v.AppendInt(int64(i))
			}
		}
		c.Columns[1] = v
		r, ok := errors.AsType[*sink.Rejected](k.k.lane.Commit(w.Context(), k.k.as, c))
		if !ok {
			w.Fatalf("an upsert with a null at %d is not *sink.Rejected", bad)
		}
		if r.Row != bad+1 && (r.Row != 0 || namer != nil) {
			w.Errorf("row %d is refused, and the store names row %d: %s", bad+1, r.Row, r)
		}
	}
}
