package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// named is where, among the rows of w, those of the record are of which the store names a row as the one that it refuses: [from, to).
func (w *work) named(err error) (from, to int, ok bool) {
	r, ok := errors.AsType[*sink.Rejected](err)
	if !ok || r.Row < 1 || r.Row > w.batch.Rows() || r.Blame != sink.TheRows && r.Blame != sink.TheSize || errors.Is(err, ledger.ErrUnknown) {
		return 0, 0, false
	}
	n := r.Row - 1
	i, row := w.locate(n)
	lo, hi := w.batch.RecordAt(w.batch.Segments[i], row)
	return n - (row - lo), n + (hi - row), true
}

// cutAtNamed brings as much of a refused batch to an end as the store names rows of it. Those in front of a named row are
// committed, then its record alone: so it is refused behind all that it may need, which no hint has to prove. The row is passed, or
// parks its partition, and those behind it are committed, as long as the store names one of them. Every row is sent about
// twice, however many are bad.
//
//	refused, row n named --> commit of rows 0 to n-1 --> commit of row n --refused--> passed or parked --> commit of the rest
//	                                                           |                                                |
//	                                                           '--applied: no hint is believed any more         '--refused: from the front
//
// It returns what is left of the batch, and the error with which the store refuses that; nil: nothing is.
func (l *lane) cutAtNamed(ctx context.Context, w *work, err error) (*work, error) {
	rest := w.piece(slices.Clone(w.batch.Segments), slices.Clone(w.moves), slices.Clone(w.parts), slices.Clone(w.sessions))
	for {
		n, _, ok := rest.named(err)
		if !ok {
			return rest, err
		}
		if front := rest.takeFront(n); front != nil {
			if err := l.attempt(ctx, front, time.Now()); err != nil {
				l.bisect(ctx, front, err, 0)
			}
		}
		applied := l.single(ctx, rest)
		l.keepHeld(rest)
		if err = l.attempt(ctx, rest, time.Now()); err == nil || applied {
			return rest, err
		}
	}
}

// piece is a part of w that is committed alone.
func (w *work) piece(segments []fencepost.Segment, moves []ledger.Move, parts []*partition, sessions []uint64) *work {
	part := &work{batch: w.batch, moves: moves, parts: parts, sessions: sessions, claims: w.claims, passed: w.passed, part: true}
	part.batch.Segments = segments
	part.bytes = share(w.bytes, part.batch.Rows(), w.batch.Rows())
	return part
}

// share is what so many rows of all take of the bytes, as if each took the same.
func share(bytes int64, rows, all int) int64 {
	if all == 0 {
		return bytes
	}
	return bytes * int64(rows) / int64(all)
}

// takeFront takes the first n rows out of w, which then begins with the row behind them; nil: there are none. A segment is cut behind its
// last row in front, so that nothing unread is passed.
func (w *work) takeFront(n int) *work {
	if n == 0 && w.batch.Segments[0].Rows() > 0 {
		return nil
	}
	i, named := 0, n
	for n >= w.batch.Segments[i].Rows() {
		n -= w.batch.Segments[i].Rows()
		i++
	}
	k := i
	if n > 0 {
		k++ // a part of this one
	}
	front := w.piece(slices.Clone(w.batch.Segments[:k]), slices.Clone(w.moves[:k]), slices.Clone(w.parts[:k]), slices.Clone(w.sessions[:k]))
	taken := share(w.bytes, named, w.batch.Rows())
	w.batch.Segments, w.moves, w.parts, w.sessions = w.batch.Segments[i:], w.moves[i:], w.parts[i:], w.sessions[i:]
	w.bytes, front.bytes = w.bytes-taken, taken
	if n > 0 {
		front.endAt(i, w.beginBehind(n))
	}
	return front
}

// beginBehind has w's first segment begin behind its first n rows, n > 0, and returns the position there.
func (w *work) beginBehind(n int) ledger.Position {
	s, m := &w.batch.Segments[0], &w.moves[0]
	s.Lo += n
	m.Held = m.Held.Advance(w.batch.Offsets[s.Lo-1]+1, fencepost.NoEpoch)
	s.Range.From = m.Held.Offset
	return m.Held
}

// endAt has w's i-th segment, its last, end at a position.
func (w *work) endAt(i int, next ledger.Position) {
	s := &w.batch.Segments[i]
	w.moves[i].Next, s.Range.Until = next, next.Offset
	s.Hi, _ = slices.BinarySearch(w.batch.Offsets[:s.Hi][s.Lo:], next.Offset)
	s.Hi += s.Lo
}

// single commits the rows of w's first record alone, and takes them out of w. One that is refused is passed, in the range of its segment, or
// its partition parks. True: it was applied.
func (l *lane) single(ctx context.Context, w *work) bool {
	one := w.piece(slices.Clone(w.batch.Segments[:1]), slices.Clone(w.moves[:1]), w.parts[:1:1], w.sessions[:1:1])
	at, began := w.batch.Offsets[one.batch.Segments[0].Lo], time.Now()
	one.endAt(0, one.moves[0].Held.Advance(at+1, fencepost.NoEpoch))
	rows := one.batch.Segments[0].Rows()
	one.bytes = share(w.bytes, rows, w.batch.Rows())
	w.bytes -= one.bytes
	if l.keepHeld(one); len(one.parts) == 0 {
		w.beginBehind(rows)
		w.dropEmpty()
		return true
	}
	err := l.attempt(ctx, one, began)
	if err == nil {
		w.beginBehind(rows)
		w.dropEmpty()
		return true
	}
	if one.keeps() && !rowsRefused(err) { // what is kept of others may be what is too large
		l.halves(ctx, one, piece{one.batch.Segments[0], one.moves[0], time.Since(began)}, err)
		w.beginBehind(rows)
		w.dropEmpty()
		return false
	}
	if err = l.passRefused(w, w.parts[0], w.moves[0], at, err); err != nil {
		l.reject(w.parts[0], w.sessions[0], at, err, time.Since(began))
	}
	w.batch.Segments[0].Lo += rows
	return false
}

// dropEmpty takes w's first segment out if nothing is left of it.
func (w *work) dropEmpty() {
	if w.batch.Segments[0].Range.Len() == 0 {
		w.batch.Segments, w.moves, w.parts, w.sessions = w.batch.Segments[1:], w.moves[1:], w.parts[1:], w.sessions[1:]
	}
}

// keepHeld removes the segments of which this worker does not know that the ledger holds what their moves hold: what stood in
// front of them was not applied.
func (l *lane) keepHeld(w *work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(w, func(i int) bool { return w.parts[i].Current(w.sessions[i]) && w.parts[i].Done().Holds(w.moves[i].Held) })
}
