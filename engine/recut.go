package engine

import (
	"iter"
	"slices"

	"github.com/fencepost/fencepost"
)

// recut yields w, or, where it has twice as many rows as the store is to get at once, copies of its parts. Such a batch was cut while the one
// in front of it was refused: each bad row in it would cost as many rows again as it has.
//
//	batch 1  refused, bad rows far apart: smaller batches from here on
//	batch 2  cut before that   --recut-->  2a  2b  2c ...
func (l *lane) recut(w *work) iter.Seq[*work] {
	l.mu.Lock()
	most := l.mu.fit.most
	l.mu.Unlock()
	return func(yield func(*work) bool) {
		if most == 0 || w.batch.Rows() < 2*most {
			yield(w)
			return
		}
		rest := w.piece(slices.Clone(w.batch.Segments), slices.Clone(w.moves), slices.Clone(w.parts), slices.Clone(w.sessions))
		for {
			n := rest.endOfRecord(most)
			if n == rest.batch.Rows() {
				yield(rest.copied())
				return
			}
			if !yield(rest.takeFront(n).copied()) {
				return
			}
			l.keepHeld(rest)
		}
	}
}

// endOfRecord is how many of the batch's first rows are n at least, and whole records; at most all of them.
func (w *work) endOfRecord(n int) int {
	if n >= w.batch.Rows() {
		return w.batch.Rows()
	}
	i, row := w.locate(n - 1)
	_, hi := w.batch.RecordAt(w.batch.Segments[i], row)
	return n - 1 + hi - row
}

// copied gives a piece rows of its own, so that what is left out of it moves none of the others, and makes it a batch like any other.
func (w *work) copied() *work {
	of := w.batch
	w.batch, w.part = fencepost.Batch{Segments: slices.Clone(of.Segments)}, false
	for i := range of.Columns {
		w.batch.Columns = append(w.batch.Columns, of.Columns[i].Spec().Column())
	}
	for i := range w.batch.Segments {
		s, lo := &w.batch.Segments[i], len(w.batch.Offsets)
		w.batch.Offsets = append(w.batch.Offsets, of.Offsets[s.Lo:s.Hi]...)
		w.batch.Times = append(w.batch.Times, of.Times[s.Lo:s.Hi]...)
		for k := range of.Columns {
			for row := s.Lo; row < s.Hi; row++ {
				w.batch.Columns[k].AppendFrom(&of.Columns[k], row)
			}
		}
		s.Lo, s.Hi = lo, len(w.batch.Offsets)
	}
	return w
}
