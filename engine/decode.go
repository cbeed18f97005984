package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
)

// columns makes the empty columns of a batch: the decoder's, then the metadata columns that the sink asked for.
func (e *Engine) columns(d fencepost.Decoder) []fencepost.Column {
	var cols []fencepost.Column
	if d != nil {
		for _, c := range d.Columns() {
			cols = append(cols, c.Column())
		}
	}
	for _, c := range fencepost.MetaColumns() {
		if (c.Name == fencepost.MetaKey && e.needsKey) || (c.Name == fencepost.MetaHeaders && e.needsHeaders) {
			cols = append(cols, c.Column())
		}
	}
	return cols
}

// schemaPatience is how long the records of one batch wait in place for schemas that are on their way. What takes longer makes
// its partition wait, and not those beside it.
const schemaPatience = time.Second

// decode turns the entries of w.takes into rows, one segment a partition. A record that cannot be decoded ends its
// partition's segment in front of it, and parks the partition; one that cannot be decoded yet makes it wait. Where records make many
// rows, the batch is full before all are decoded: the others go back into their queues.
func (l *lane) decode(ctx context.Context, w *work) {
	l.until = time.Time{}
	w.batch.Reset()
	w.moves, w.parts, w.sessions, w.passed, w.spread = w.moves[:0], w.parts[:0], w.sessions[:0], w.passed[:0], false
	looked, full := 0, false
	for i := range w.claims {
		t := &w.claims[i]
		lo, taken := len(w.batch.Offsets), t.Records
		r := reading{next: t.From, full: true, entry: t.Spans[0].Lo}
		if !full {
			r = l.rows(ctx, w, t)
		}
		var rest assignment.Claim
		if full = r.full; full {
			rest = t.Cut(r.span, r.entry)
		}
		looked += t.Records
		if !l.e.cfg.OnError.keepsRaw() {
			recycle(t.Spans)
		}
		l.e.rate.back(taken - r.records)
		if r.bad == nil && !full || r.next.Offset > t.From.Offset {
			w.add(t, r.next, lo)
		}
		l.reached(t, r.next, r.bad, r.at)
		l.giveBack(w, t.p, rest)
	}
	l.spread.saw(looked, full, w.most.Records)
	l.record = fencepost.Record{} // it would keep a fetch in memory
}

// giveBack puts the entries of a claim that were not looked at back into their queue.
func (l *lane) giveBack(w *work, p *partition, rest assignment.Claim) {
	if rest.Records == 0 {
		return
	}
	w.bytes -= rest.Bytes
	l.mu.Lock()
	back := p.Return(rest, time.Now())
	l.mu.Unlock()
	if !back {
		rest.Void()
		l.e.freed(rest.Bytes)
	}
}

// add makes a segment of t's rows from lo on, which ends at next.
func (w *work) add(t *claimed, next ledger.Position, lo int) {
	w.batch.Segments = append(w.batch.Segments, fencepost.Segment{TopicPartition: t.p.TopicPartition,
		Range: fencepost.OffsetRange{From: t.From.Offset, Until: next.Offset}, Lo: lo, Hi: len(w.batch.Offsets)})
	w.moves = append(w.moves, ledger.Move{TopicPartition: t.p.TopicPartition, Held: t.From, Next: next, Cause: ledger.CauseCommit})
	w.parts, w.sessions = append(w.parts, t.p), append(w.sessions, t.Session)
}

// reached moves the partition's cut to where its segment ends, or stops it at a record that cannot be decoded.
func (l *lane) reached(t *claimed, next ledger.Position, bad error, at fencepost.Offset) {
	l.mu.Lock()
	if !t.p.Form(t.Session, next) || bad == nil {
		l.mu.Unlock()
		return
	}
	if u, ok := errors.AsType[*fencepost.Unready](bad); ok {
		freed, first := t.p.Hold(at, u.Code, fmt.Sprintf("the record at offset %d cannot be decoded yet: %s", at, u.Reason), time.Now(), l.e.cfg.Watch)
		_, reason := t.p.Why()
		l.mu.Unlock()
		l.e.freed(freed)
		if first {
			l.e.emit(Waiting{TopicPartition: t.p.TopicPartition, Reason: reason})
		}
		l.e.wakeMonitor()
		return
	}
	reason, code := bad.Error(), fencepost.BadCode(bad)
	freed := t.p.Park(code, reason)
	l.mu.Unlock()
	l.e.freed(freed)
	l.e.parkedAt(t.p, code, at, reason, nil)
}

// reading is how far the entries of a claim were read.
type reading struct {
	next    ledger.Position  // behind the last entry that was passed
	records int              // that have rows
	bad     error            // of a record that stops the partition; nil: there is none
	at      fencepost.Offset // its offset
	// full: the batch holds what it may, and the entries from this one on were not looked at.
	full        bool
	span, entry int
}

// rows appends the data entries of t to the batch.
func (l *lane) rows(ctx context.Context, w *work, t *claimed) (out reading) {
	b, r := &w.batch, &l.record
	*r = fencepost.Record{TopicPartition: t.p.TopicPartition, Headers: r.Headers[:0]}
	out.next = t.From
	cols := 0
	if l.decoder != nil {
		cols = len(l.decoder.Columns())
	}
	for k, s := range t.Spans {
		for i := s.Lo; i < s.Hi; i++ {
			s.Records.Read(i, r)
			if !r.Control {
				n, err := 1, error(nil)
				if l.decoder != nil {
					n, err = l.row(ctx, b, r, cols)
				}
				switch {
				case errors.Is(err, fencepost.ErrNoRow):
				case err != nil:
					if err = l.passUndecodable(w, t, r, err); err != nil {
						out.bad, out.at = err, r.Offset
						return out
					}
				case (n != 1 || w.spread) && w.overfull(n):
					b.Truncate(len(b.Offsets))
					out.full, out.span, out.entry = true, k, i
					return out
				default:
					appendRows(b, r, cols, n)
					w.spread = w.spread || n != 1
					out.records++
				}
			}
			out.next.Offset, out.next.LeaderEpoch = r.Offset+1, r.LeaderEpoch
		}
	}
	return out
}

// appendRows completes n rows of a record, whose decoded columns the batch has.
func appendRows(b *fencepost.Batch, r *fencepost.Record, cols, n int) {
	for range n {
		b.Offsets = append(b.Offsets, r.Offset)
		b.Times = append(b.Times, r.Timestamp)
		if len(b.Columns) > cols {
			appendMeta(b.Columns[cols:], r)
		}
	}
}

// row decodes one record, and returns how many rows it is. It waits in place for a schema that is on its way, for all records of a
// batch together no longer than schemaPatience. Behind an error nothing of the record is left.
func (l *lane) row(ctx context.Context, b *fencepost.Batch, r *fencepost.Record, cols int) (n int, err error) {
	for {
		err := l.decoder.Decode(r, b.Columns[:cols])
		if err == nil {
			return rowsOf(b, cols), nil
		}
		b.Truncate(len(b.Offsets))
		u, ok := errors.AsType[*fencepost.Unready](err)
		if !ok || u.Await == nil || !l.await(ctx, u) {
			return 0, err
		}
	}
}

// rowsOf is how many rows a decoder has appended to the first columns of a batch.
func rowsOf(b *fencepost.Batch, cols int) int {
	if cols == 0 {
		return 1
	}
	return b.Columns[0].Len() - len(b.Offsets)
}

// await waits for a schema that is on its way. False: the time for it is over.
func (l *lane) await(ctx context.Context, u *fencepost.Unready) bool {
	if l.until.IsZero() {
		l.until = time.Now().Add(schemaPatience)
	}
	ctx, cancel := context.WithDeadline(ctx, l.until)
	defer cancel()
	u.Await(ctx)
	return ctx.Err() == nil
}

func appendMeta(cols []fencepost.Column, r *fencepost.Record) {
	for i := range cols {
		c := &cols[i]
		switch {
		case c.Name == fencepost.MetaHeaders:
			c.Extend(func(data []byte) []byte { return fencepost.AppendHeaders(data, r.Headers) })
		case r.Key == nil:
			c.AppendNull()
		default:
			c.AppendBytes(r.Key)
		}
	}
}

func recycle(spans []assignment.Span) {
	for i, s := range spans {
		s.Records.Recycle(s.Lo, s.Hi)
		spans[i] = assignment.Span{}
	}
}
