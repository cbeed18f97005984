package engine

import (
	"math"

	"github.com/fencepost/fencepost/engine/internal/batching"
	"github.com/fencepost/fencepost/sink"
)

// How often a batch is tried that the store refuses by a belief, before smaller ones are.
const (
	triesOfDoubt = 3 // sink.PerhapsTheRows: it may pass by itself
	triesOfSize  = 2 // sink.TheSize, sink.TheLocks: each may take all the time that a commit has
)

// patience is how often w is tried before smaller batches are, as long as the store refuses it like this. A part of a batch
// is halved at once; a partition that is tested again brings no news.
func (l *lane) patience(w *work, r *sink.Rejected) int {
	rows := w.batch.Rows()
	smallest := len(w.batch.Segments) == 1 && w.batch.Records() <= 1
	switch {
	case r.Blame == sink.TheRows:
		return 1
	case r.Blame == sink.TheSize && r.Row > 0:
		return 1 // it is that row alone
	case smallest && (rows == 0 && !w.keeps() || r.Blame == sink.TheLocks):
		return math.MaxInt // no record is to blame
	case w.part && !smallest, l.probes(w):
		return 1
	case r.Blame == sink.PerhapsTheRows:
		return triesOfDoubt
	}
	return triesOfSize
}

// keeps reports whether w's only segment passes a record that is kept as a letter.
func (w *work) keeps() bool {
	for range w.keptIn(w.batch.Segments[0].Range) {
		return true
	}
	return false
}

// probes reports whether w has records that parked their partition and are tried again.
func (l *lane) probes(w *work) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range w.parts {
		if p.Probing() {
			return true
		}
	}
	return false
}

// growAfter is how many full commits a lane makes before it tries larger ones again: a try that fails may take all the time
// that a commit has, twice.
const growAfter = 32

// fit is how many records, and rows, of a batch the store was found to take; the zero value knows of no limit.
//
//	any --too large--> half --32 full commits--> half as much again --> ... --> any
type fit struct {
	most int // records; 0: any number
	full int // commits of so many since it was found
}

// tooLarge notes that a batch was refused for its size. What was cut smaller already, and a test of a record, say
// nothing of the size that others have.
func (l *lane) tooLarge(w *work, r *sink.Rejected) {
	if rows := w.batch.Rows(); r.Blame == sink.TheSize && r.Row == 0 && w.batch.Records() > 1 && !w.part && !l.probes(w) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.mu.fit = fit{most: rows / 2}
	}
}

// took notes a batch that was committed. bound is the most that batches may have.
func (f *fit) took(rows, bound int) {
	if f.most == 0 || rows < f.most {
		return
	}
	if f.full++; f.full < growAfter {
		return
	}
	*f = fit{most: f.most + (f.most+1)/2}
	if f.most >= bound {
		*f = fit{}
	}
}

// limit bounds batches by what the store takes.
func (f fit) limit(l batching.Limits) batching.Limits {
	if f.most > 0 && f.most < l.Records {
		l.Records, l.MinRows = f.most, min(l.MinRows, f.most)
	}
	return l
}

// Where refused rows are passed, a batch with one of them is sent more than once, so that batches hold a part of the rows from one to
// the next: most of them have none.
const (
	leastSpread  = 256 // rows: smaller batches cost more than they spare
	piecesSpread = 2   // parts of the spacing, for batches that are committed in pieces
	wholeSpread  = 4   // for those whose bad rows are found by trials, each of which may take as long as a commit
)

// spaced bounds batches by how far refused rows were apart, after so many were passed in one batch. The bound grows again as that
// of size does.
func (l *lane) spaced(refused int) {
	if refused == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	spacing := l.mu.since / refused
	if l.mu.spacing > 0 {
		spacing = (3*l.mu.spacing + spacing) / 4
	}
	l.mu.spacing, l.mu.since = max(1, spacing), 0
	parts := piecesSpread
	if l.trier != nil {
		parts = wholeSpread
	}
	most, bound := max(leastSpread, spacing/parts), l.e.cfg.Batch.Records
	if l.mu.fit.most > 0 {
		bound = l.mu.fit.most // the store may take no more
	}
	if most < bound {
		l.mu.fit = fit{most: most}
	}
}
