package engine

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// bisect finds the records that the store refuses. Segments are tried one by one, and a refused one in halves, between two records: every half
// that goes in is committed for good, so that the good records in front of a bad one are applied, and its partition parks
// exactly there. The others go on.
func (l *lane) bisect(ctx context.Context, w *work, err error, took time.Duration) {
	all := work{batch: w.batch, bytes: w.bytes, claims: w.claims, passed: w.passed}
	for i := range w.batch.Segments {
		all.parts, all.sessions = w.parts[i:i+1], w.sessions[i:i+1]
		if len(w.batch.Segments) == 1 {
			l.halves(ctx, &all, piece{w.batch.Segments[i], w.moves[i], took}, err)
			continue
		}
		l.one(ctx, &all, piece{w.batch.Segments[i], w.moves[i], 0})
	}
}

// piece is a segment that is tried alone, or a part of one.
type piece struct {
	fencepost.Segment
	move ledger.Move
	took time.Duration // until it was refused
}

// one commits a single segment, in halves if it is refused. False: it is not applied, because a bad row was found, the
// partition has left, or the commit was given up.
func (l *lane) one(ctx context.Context, w *work, s piece) bool {
	part := work{batch: w.batch, bytes: share(w.bytes, s.Rows(), w.batch.Rows()), claims: w.claims, passed: w.passed,
		moves: []ledger.Move{s.move}, parts: w.parts[:1:1], sessions: w.sessions[:1:1], part: true}
	part.batch.Segments = []fencepost.Segment{s.Segment}
	began := time.Now()
	if err := l.attempt(ctx, &part, began); err != nil {
		s.took = time.Since(began)
		return l.halves(ctx, w, s, err)
	}
	return l.durable(w, s)
}

// durable reports whether a segment of w's one partition is durable, as far as this worker knows. Neither an aborted
// attempt nor an empty one proves that, and a lost answer that turned out a success does.
func (l *lane) durable(w *work, s piece) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := w.parts[0]
	return p.Current(w.sessions[0]) && p.Done().Holds(s.move.Next)
}

// halves splits a refused segment. Its first half ends behind the record of its last row, so that nothing unread is passed. The rows of a
// single record that Config.OnError passes are left out of what is tried next: its range alone, with its letter.
func (l *lane) halves(ctx context.Context, w *work, s piece, err error) bool {
	if first, second, ok := w.parted(s); ok {
		return l.one(ctx, w, first) && l.one(ctx, w, second)
	}
	mid, one := w.middle(s.Segment)
	if one {
		at := s.Range.From
		for at := range w.keptIn(s.Range) {
			l.reject(w.parts[0], w.sessions[0], at, err, s.took)
			return false
		}
		if s.Rows() > 0 {
			at = w.batch.Offsets[s.Lo]
			if err = l.passRefused(w, w.parts[0], s.move, at, err); err == nil {
				s.Hi = s.Lo
				return l.one(ctx, w, s)
			}
		}
		l.reject(w.parts[0], w.sessions[0], at, err, s.took)
		return false
	}
	first, second := s.cut(mid, w.batch.Offsets[mid-1]+1)
	return l.one(ctx, w, first) && l.one(ctx, w, second)
}

// cut is the piece in two: up to a row and an offset, and from there on.
func (s piece) cut(row int, at fencepost.Offset) (first, second piece) {
	first, second = s, s
	first.Hi, second.Lo = row, row
	middle := s.move.Held.Advance(at, fencepost.NoEpoch)
	first.Range.Until, first.move.Next = middle.Offset, middle
	second.Range.From, second.move.Held = middle.Offset, middle
	return first, second
}

// parted cuts a piece with rows of one record at most that passes records which are kept: the rows are not to blame for what these take. ok
// is false for a piece with rows of several records, of one alone, or of one such record alone.
func (w *work) parted(s piece) (first, second piece, ok bool) {
	if _, one := w.middle(s.Segment); !one {
		return s, s, false
	}
	items := slices.Collect(w.keptIn(s.Range))
	if s.Rows() > 0 {
		items = append(items, w.batch.Offsets[s.Lo])
		slices.Sort(items)
	}
	if len(items) < 2 {
		return s, s, false
	}
	last := items[len(items)/2-1]
	row := s.Lo
	if s.Rows() > 0 && w.batch.Offsets[s.Lo] <= last {
		row = s.Hi
	}
	first, second = s.cut(row, last+1)
	return first, second, true
}

// keptIn yields the offsets in a range of w's first partition whose records are kept as letters.
func (w *work) keptIn(r fencepost.OffsetRange) iter.Seq[fencepost.Offset] {
	return func(yield func(fencepost.Offset) bool) {
		for i := range w.passed {
			d := &w.passed[i]
			if d.as == DeadLetter && d.TopicPartition == w.parts[0].TopicPartition && r.Contains(d.Offset) && !yield(d.Offset) {
				return
			}
		}
	}
}

// middle is the row at which a segment is halved: the first of a record, as near as one is to the middle. one: there is no such row but
// the first, since all are of one record.
func (w *work) middle(s fencepost.Segment) (row int, one bool) {
	if s.Rows() <= 1 {
		return s.Lo, true
	}
	lo, hi := w.batch.RecordAt(s, s.Lo+s.Rows()/2)
	if lo > s.Lo {
		return lo, false
	}
	return hi, hi == s.Hi
}

// refusal is a store's error about a record. Where an outcome was unknown besides, the ledger has been read since.
func refusal(err error) string {
	if r, ok := errors.AsType[*sink.Rejected](err); ok && errors.Is(err, ledger.ErrUnknown) {
		return "commit batch: " + r.Error()
	}
	return err.Error()
}

// shareOfTests is how much of a lane's time the tests of a record may take, one part of it: a test that takes all the time
// that a commit has would else leave none to the lane's other partitions.
const shareOfTests = 10

// testIn is in how long a record that parked its partition is tested: a share of the time that it took. Where the store gave no answer it may
// have stood still for all records, and the first test is soon.
func testIn(err error, took time.Duration, tested bool) time.Duration {
	if _, slow := errors.AsType[*tooSlow](err); slow && !tested {
		return took
	}
	return shareOfTests * took
}

// reject parks a partition at a row that the store took its time to refuse, unless it has left or was reconciled meanwhile.
func (l *lane) reject(p *partition, session uint64, at fencepost.Offset, err error, took time.Duration) {
	l.mu.Lock()
	if !p.Current(session) {
		l.mu.Unlock()
		return
	}
	code, reason := "record-refused", refusal(err)
	if bad, ok := errors.AsType[*fencepost.BadRecord](err); ok {
		code = bad.Code
	}
	tested := p.Probing()
	freed := p.Refuse(code, reason)
	p.TestAfter(time.Now().Add(testIn(err, took, tested)))
	l.mu.Unlock()
	l.e.freed(freed)
	facts := map[string]string{}
	if slow, ok := errors.AsType[*tooSlow](err); ok {
		facts["timeout"] = slow.timeout.String()
	}
	l.e.parkedAt(p, code, at, reason, facts)
}
