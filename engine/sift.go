package engine

import (
	"context"
	"errors"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// sift brings a refused batch to an end. Where a batch is one statement of the user's and refused records are passed, bad rows are
// found by trials and left out, and the others go in as one batch: so SQL that depends on the order of rows, or on all of them,
// does what it does without the bad ones. Else, and where trials do not tell, smaller batches are committed: up to the row that the
// store names, or halves.
//
//	batch refused --trials--> bad row: left out, with its letter --+--> commit of the rest --refused--> trials again
//	                                   or one too many: cut there -'            |
//	                                                                            '--applied--> the partitions that were cut park
func (l *lane) sift(ctx context.Context, w *work, err error, began time.Time) {
	before := l.refused
	defer func() { l.spaced(l.refused - before) }()
	if l.trier == nil || !l.e.cfg.OnError.sifts() {
		l.inPieces(ctx, w, err, began)
		return
	}
	s := &sieve{lane: l, work: w, began: began}
	for err != nil && rowsRefused(err) && ctx.Err() == nil && s.findBad(ctx, err) {
		err = l.attempt(ctx, w, began)
	}
	if err != nil {
		l.inPieces(ctx, w, err, began)
	}
	for _, b := range s.parked {
		l.reject(b.p, b.session, b.at, b.err, 0)
	}
}

// inPieces commits a refused batch piece by piece.
func (l *lane) inPieces(ctx context.Context, w *work, err error, began time.Time) {
	rest, err := l.cutAtNamed(ctx, w, err)
	if err != nil {
		l.bisect(ctx, rest, err, time.Since(began))
	}
}

// rowsRefused reports whether the store says that it is rows which it refuses, and not how many they are or what else goes on.
func rowsRefused(err error) bool {
	r, ok := errors.AsType[*sink.Rejected](err)
	return ok && r.Blame == sink.TheRows && !errors.Is(err, ledger.ErrUnknown)
}

// sieve is a refused batch whose bad rows are looked for.
type sieve struct {
	*lane
	*work
	began    time.Time
	good     int // so many of the batch's first rows are taken together
	segments int // that the batch had when good was counted
	parked   []cut
	dropped  []int // scratch: rows of a record that is left out
}

// cut is a partition whose segment ends in front of a bad row that is not passed.
type cut struct {
	p       *partition
	session uint64
	at      fencepost.Offset
	err     error
}

// findBad finds the first record whose rows the store refuses behind those in front of it, by trials of the first rows of the batch:
// log2 of them, or two where the store names a row. A record alone, or without those in front of it, proves nothing: it may need
// them. Its rows are left out, or its segment is cut there. False: trials do not tell.
func (s *sieve) findBad(ctx context.Context, refused error) bool {
	if s.segments != len(s.batch.Segments) { // the ledger refused some, or their partitions have left
		s.good, s.segments = 0, len(s.batch.Segments)
	}
	rows := s.batch.Rows()
	good, bad := s.good, rows
	from, to, hinted := s.named(refused)
	whole := false // all rows were tried: the error is one of a trial
	for {
		mid, one := s.between(good, bad)
		if one && (whole || bad < rows) {
			break
		}
		switch { // the record that is named, and then those in front of it
		case one || !hinted: // of the last record a trial must say what the commit did
		case to > good && to < bad:
			mid = to
		case from > good && from < bad:
			mid = from
		}
		err := s.try(ctx, mid)
		switch {
		case err == nil && mid == rows:
			return false
		case err == nil:
			good = mid
		case rowsRefused(err):
			bad, refused, whole = mid, err, whole || mid == rows
		default:
			return false
		}
	}
	if bad == 0 {
		return false
	}
	s.good = good
	s.leaveOut(bad-1, refused)
	s.segments = len(s.batch.Segments)
	return true
}

// between is how many of the batch's first rows are tried next, where the first good ones are taken and the first bad ones are
// refused: as near to the middle as a record ends. one: all rows between are of one record, and it is bad.
func (s *sieve) between(good, bad int) (n int, one bool) {
	if bad-good <= 1 {
		return bad, true
	}
	mid := good + (bad-good)/2
	i, row := s.locate(mid)
	lo, hi := s.batch.RecordAt(s.batch.Segments[i], row)
	switch lo, hi = mid-(row-lo), mid+(hi-row); {
	case lo > good:
		return lo, false
	case hi < bad:
		return hi, false
	}
	return bad, true
}

// locate is the segment and the row of the batch's n-th row. REQUIRES: it has one.
func (w *work) locate(n int) (segment, row int) {
	for n >= w.batch.Segments[segment].Rows() {
		n -= w.batch.Segments[segment].Rows()
		segment++
	}
	return segment, w.batch.Segments[segment].Lo + n
}

// try tries the first n rows of the batch, in the time of a commit.
func (s *sieve) try(ctx context.Context, n int) error {
	s.committing.turn()
	b := s.batch
	b.Segments = nil
	for _, seg := range s.batch.Segments {
		if seg.Rows() > n {
			seg.Hi = seg.Lo + n
			seg.Range.Until = b.Offsets[seg.Lo+n]
		}
		b.Segments = append(b.Segments, seg)
		if n -= seg.Rows(); n <= 0 {
			break
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.e.cfg.CommitTimeout)
	defer cancel()
	return s.trier.Try(ctx, &b)
}

// leaveOut takes the record of the batch's n-th row out, or ends its segment there where its partition has to park.
func (s *sieve) leaveOut(n int, refused error) {
	i, row := s.locate(n)
	seg := &s.batch.Segments[i]
	lo, hi := s.batch.RecordAt(*seg, row)
	at := s.batch.Offsets[row]
	err := s.passRefused(s.work, s.parts[i], s.moves[i], at, refused)
	if err == nil {
		s.dropped = s.dropped[:0]
		for row := lo; row < hi; row++ {
			s.dropped = append(s.dropped, row)
		}
		s.batch.Drop(s.dropped...)
		return
	}
	s.parked = append(s.parked, cut{s.parts[i], s.sessions[i], at, err})
	seg.Hi, seg.Range.Until = lo, at // everything in front of the record was read
	s.moves[i].Next = s.moves[i].Held.Advance(at, fencepost.NoEpoch)
	if seg.Range.Len() == 0 {
		s.lane.mu.Lock()
		defer s.lane.mu.Unlock()
		s.keep(s.work, func(j int) bool { return j != i })
	}
}
