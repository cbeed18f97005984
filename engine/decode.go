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
// partition's segment in front of it, and parks the partition; one that cannot be decoded yet makes it wait.
func (l *lane) decode(ctx context.Context, w *work) {
	l.until = time.Time{}
	w.batch.Reset()
	w.moves, w.parts, w.sessions, w.passed = w.moves[:0], w.parts[:0], w.sessions[:0], w.passed[:0]
	for i := range w.claims {
		t := &w.claims[i]
		lo := len(w.batch.Offsets)
		next, bad, at := l.rows(ctx, w, t)
		if !l.e.cfg.OnError.keepsRaw() {
			recycle(t.Spans)
		}
		l.e.rate.back(t.Records - (len(w.batch.Offsets) - lo))
		if bad == nil || next.Offset > t.From.Offset {
			w.add(t, next, lo)
		}
		l.reached(t, next, bad, at)
	}
	l.record = fencepost.Record{} // it would keep a fetch in memory
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

// rows appends the data entries of t to the batch. It returns the Position behind the last entry that it passed, and
// for a bad record that stops the partition its error and offset.
func (l *lane) rows(ctx context.Context, w *work, t *claimed) (ledger.Position, error, fencepost.Offset) {
	b, next := &w.batch, t.From
	r := &l.record
	*r = fencepost.Record{TopicPartition: t.p.TopicPartition, Headers: r.Headers[:0]}
	cols := 0
	if l.decoder != nil {
		cols = len(l.decoder.Columns())
	}
	for _, s := range t.Spans {
		for i := s.Lo; i < s.Hi; i++ {
			s.Records.Read(i, r)
			if !r.Control {
				if l.decoder != nil {
					if err := l.row(ctx, b, r, cols); err != nil {
						if !errors.Is(err, fencepost.ErrNoRow) {
							err = l.passUndecodable(w, t, r, err)
							if err != nil {
								return next, err, r.Offset
							}
						}
						next.Offset, next.LeaderEpoch = r.Offset+1, r.LeaderEpoch
						continue
					}
				}
				b.Offsets = append(b.Offsets, r.Offset)
				b.Times = append(b.Times, r.Timestamp)
				if len(b.Columns) > cols {
					appendMeta(b.Columns[cols:], r)
				}
			}
			next.Offset, next.LeaderEpoch = r.Offset+1, r.LeaderEpoch
		}
	}
	return next, nil, 0
}

// row decodes one record. It waits in place for a schema that is on its way, for all records of a batch together no longer than
// schemaPatience. Behind an error nothing of the row is left.
func (l *lane) row(ctx context.Context, b *fencepost.Batch, r *fencepost.Record, cols int) error {
	for {
		err := l.decoder.Decode(r, b.Columns[:cols])
		if err == nil {
			return nil
		}
		b.Truncate(len(b.Offsets))
		u, ok := errors.AsType[*fencepost.Unready](err)
		if !ok || u.Await == nil || !l.await(ctx, u) {
			return err
		}
	}
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
