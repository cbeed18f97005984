package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// passed is a bad record that its batch passes.
type passed struct {
	ledger.DeadLetter // of one that is skipped: without key, value and headers
	as                Treatment
}

// passUndecodable passes a record that the decoder refuses, if it is to be passed. Its error is why the partition parks.
func (l *lane) passUndecodable(w *work, t *claimed, r *fencepost.Record, bad error) error {
	o := &l.e.cfg.OnError
	if _, waits := errors.AsType[*fencepost.Unready](bad); waits || o.Undecodable == Park {
		return bad
	}
	if b, is := errors.AsType[*fencepost.BadRecord](bad); is && b.Parks {
		return bad
	}
	if err := o.pass(t.p, r.Offset, bad.Error()); err != nil {
		return err
	}
	d := ledger.DeadLetter{LetterID: ledger.LetterID{TopicPartition: t.p.TopicPartition, TopicID: t.From.TopicID, Offset: r.Offset},
		Code: fencepost.BadCode(bad), Reason: bad.Error()}
	w.pass(d, o.Undecodable, r)
	return nil
}

// passRefused passes a record that the store refuses when it is alone, if it is to be passed. Its error is why the partition
// parks.
func (l *lane) passRefused(w *work, p *partition, move ledger.Move, at fencepost.Offset, refused error) error {
	as, reason := l.e.cfg.OnError.of(refused), rejection(refused)
	if as == Park {
		return refused
	}
	r := fencepost.Record{Offset: at}
	if as == DeadLetter && !w.raw(p, &r) {
		return refused // it is not this worker's to lose
	}
	if err := l.e.cfg.OnError.pass(p, at, reason); err != nil {
		return err
	}
	d := ledger.DeadLetter{LetterID: ledger.LetterID{TopicPartition: p.TopicPartition, TopicID: move.Held.TopicID, Offset: at},
		Code: "record-refused", Reason: reason}
	w.pass(d, as, &r)
	l.refused++
	return nil
}

// rejection is what the store says of a record, whichever call it said it to.
func rejection(err error) string {
	if r, ok := errors.AsType[*sink.Rejected](err); ok {
		return r.Error()
	}
	return err.Error()
}

// pass notes a record that the batch passes. Of one that becomes a letter a copy is kept: the client takes its memory back.
func (w *work) pass(d ledger.DeadLetter, as Treatment, r *fencepost.Record) {
	if as == DeadLetter {
		d.Timestamp, d.Key, d.Value = r.Timestamp, bytes.Clone(r.Key), bytes.Clone(r.Value)
		for _, h := range r.Headers {
			d.Headers = append(d.Headers, fencepost.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
		}
	}
	w.passed = append(w.passed, passed{d, as})
}

// raw reads the record at r.Offset as the source delivered it. False: it is not kept.
func (w *work) raw(p *partition, r *fencepost.Record) bool {
	at := r.Offset
	for i := range w.claims {
		if w.claims[i].p != p {
			continue
		}
		for _, s := range w.claims[i].Spans {
			if s.Records == nil { // given back
				return false
			}
			n := sort.Search(s.Hi-s.Lo, func(n int) bool {
				s.Records.Read(s.Lo+n, r)
				return r.Offset >= at
			})
			if n < s.Hi-s.Lo {
				s.Records.Read(s.Lo+n, r)
				return r.Offset == at
			}
		}
	}
	return false
}

// commitOf is what the lane commits of w: the batch, its moves, the letters that it writes, and those whose records it passes
// again. A move of which records are skipped says so.
func (l *lane) commitOf(w *work) sink.Commit {
	c := sink.Commit{Batch: &w.batch, Moves: w.moves, Removed: l.reread(w)}
	if len(w.passed) == 0 {
		return c
	}
	skipped := map[int][]passed{} // :: index of a segment -> its skipped records
	for i := range w.passed {
		d := &w.passed[i]
		n, ok := w.segment(d.TopicPartition, d.Offset)
		switch {
		case !ok: // its segment was cut out
		case d.as == Skip:
			skipped[n] = append(skipped[n], *d)
		default:
			c.Dead = append(c.Dead, d.DeadLetter)
		}
	}
	if len(skipped) > 0 {
		c.Moves = slices.Clone(c.Moves)
		for n, records := range skipped {
			c.Moves[n].AtMost, c.Moves[n].Why = int64(len(records)), skips(records)
		}
	}
	return c
}

// askLetters asks which records have a letter already and are about to be passed again.
func (s *reconciliation) askLetters(ctx context.Context) (err error) {
	kept, able := ledger.As[ledger.Letters](s.e.ledger)
	if !able || s.e.cfg.Sink.Capabilities().Apart {
		return nil
	}
	from := make(map[fencepost.TopicPartition]fencepost.Offset, len(s.verdicts))
	for tp, v := range s.verdicts {
		if !v.position.Absent() {
			from[tp] = v.position.Offset
		}
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ids, err := kept.LettersFrom(ctx, s.e.cfg.Group, from)
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	s.letters = map[fencepost.TopicPartition][]ledger.LetterID{}
	for _, id := range ids {
		if id.TopicID == s.verdicts[id.TopicPartition].position.TopicID { // records of an earlier incarnation come no more
			s.letters[id.TopicPartition] = append(s.letters[id.TopicPartition], id)
		}
	}
	return nil
}

// reread is the letters whose records w passes again, since their partition was moved back over them.
func (l *lane) reread(w *work) (ids []ledger.LetterID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range w.parts {
		for _, id := range p.ahead {
			if w.batch.Segments[i].Range.Contains(id.Offset) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// passedIn is what w passes in segments that are durable, in order.
func (w *work) passedIn(done segments) (records []PassedRecord) {
	for i := range w.passed {
		d := &w.passed[i]
		if slices.ContainsFunc(done.of, func(s fencepost.Segment) bool {
			return s.TopicPartition == d.TopicPartition && s.Range.Contains(d.Offset)
		}) {
			records = append(records, PassedRecord{d.TopicPartition, d.Offset, d.as, d.Code, d.Reason})
		}
	}
	slices.SortFunc(records, func(a, b PassedRecord) int {
		return cmp.Or(a.TopicPartition.Compare(b.TopicPartition), cmp.Compare(a.Offset, b.Offset))
	})
	return records
}

// segment is the index of the segment whose range has an offset.
func (w *work) segment(tp fencepost.TopicPartition, at fencepost.Offset) (int, bool) {
	n, ok := slices.BinarySearchFunc(w.batch.Segments, tp, func(s fencepost.Segment, tp fencepost.TopicPartition) int { return s.Compare(tp) })
	return n, ok && w.batch.Segments[n].Range.Contains(at)
}

// mostSkips bounds what a move says of the records that it skips, in bytes.
const mostSkips = 1500

// skips says in a move's words which records it skips, and why: by on_error: 17 (record-undecodable: value is not JSON).
func skips(records []passed) string {
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b passed) int { return cmp.Compare(a.Offset, b.Offset) })
	var b strings.Builder
	b.WriteString("skipped by on_error: ")
	for i, d := range records {
		if b.Len() > mostSkips {
			fmt.Fprintf(&b, ", and %d more up to %d", len(records)-i, records[len(records)-1].Offset)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d", d.Offset)
		if i == 0 || d.Code != records[i-1].Code || d.Reason != records[i-1].Reason {
			reason := strings.ToValidUTF8(d.Reason[:min(len(d.Reason), mostSkips/4)], "")
			fmt.Fprintf(&b, " (%s: %s)", d.Code, reason)
		}
	}
	return b.String()
}
