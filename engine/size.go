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
	case smallest && (rows == 0 || r.Blame == sink.TheLocks):
		return math.MaxInt // no record is to blame
	case w.part && !smallest, l.probes(w):
		return 1
	case r.Blame == sink.PerhapsTheRows:
		return triesOfDoubt
	}
	return triesOfSize
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
	if rows := w.batch.Rows(); r.Blame == sink.TheSize && w.batch.Records() > 1 && !w.part && !l.probes(w) {
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
