package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// commit brings w to an end: every segment of it is committed, or dropped because the ledger holds something else, its
// partition has left, or its rows were refused.
func (l *lane) commit(ctx context.Context, w *work) {
	ctx, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	l.begin(w, abort)
	defer l.finish(w)
	defer l.committing.rest()
	for part := range l.recut(w) {
		began := time.Now()
		if err := l.attempt(ctx, part, began); err != nil {
			l.sift(ctx, part, err, began)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil {
		l.e.reset(l.open(w), "aborted")
	}
}

// open is the partitions of w that stay here while it is unknown whether their segments are durable: the commit
// was aborted for the sake of others.
func (l *lane) open(w *work) (parts []*partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range w.parts {
		if p.Current(w.sessions[i]) && !p.Done().Holds(w.moves[i].Next) {
			parts = append(parts, p)
		}
	}
	return parts
}

func (l *lane) begin(w *work, abort context.CancelFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.inflight, l.mu.abort = w, abort
}

func (l *lane) finish(*work) {
	if l.forgetter != nil {
		l.forgetter.Forget()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.inflight, l.mu.abort = nil, nil
	close(l.mu.finished)
	l.mu.finished = make(chan struct{})
}

// attempt commits w, as often as it takes. It returns only when nothing is left of w to commit, or with a *Rejected
// error when smaller batches are to be tried. Each outcome has one way on:
//
//	applied    the positions move
//	refused    the refused segments are cut out, the rest is tried again (law 6)
//	rejected   smaller batches, once w was tried as often as the store's belief asks for
//	unknown    the ledger is read, since w may be done; then tried again with the same moves: refused as done means that
//	           it had happened (law 7)
//	again      tried again after a while, but not at a drain
//	fatal      the engine ends
func (l *lane) attempt(ctx context.Context, w *work, began time.Time) error {
	l.backoff = 0
	defer l.setWaits(false)
	unclear := false
	for tries := 1; ; tries++ {
		l.committing.turn()
		l.dropStale(w)
		if len(w.batch.Segments) == 0 || l.e.isEnded() {
			return nil
		}
		if ctx.Err() != nil || tries > 1 && l.endsRetries(unclear) {
			l.giveUp(ctx.Err() != nil || unclear)
			return nil
		}
		err := l.lookUp(ctx, w, unclear)
		if err == nil {
			err = l.try(ctx, w)
		}
		switch out := outcomeOf(err); out {
		case applied:
			l.advance(w, w.all(), time.Since(began), false)
			return nil
		case refused:
			l.follow(w, err, time.Since(began), unclear)
			unclear = false
		case fatal:
			l.e.fail(withCode(fmt.Errorf("commit: %w", err)))
			return nil
		case rejected, unknown, again:
			if r, ok := errors.AsType[*sink.Rejected](err); ok && tries >= l.patience(w, r) {
				if err := l.lookUp(ctx, w, out == unknown); err != nil {
					l.follow(w, err, time.Since(began), true)
					continue
				}
				l.tooLarge(w, r)
				return err
			}
			unclear = unclear || out == unknown
			if !l.pause(ctx, tries, err, out == unknown) {
				l.giveUp(true)
				return nil
			}
		}
	}
}

// lookUp reads the ledger before work is done again whose outcome is unknown: a commit that takes longer than its time may
// have ended since. Its error is a *ledger.Refused. What the ledger does not answer, or does not hold yet, the next
// compare-and-set decides.
func (l *lane) lookUp(ctx context.Context, w *work, unclear bool) error {
	if !unclear {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s, err := l.e.ledger.Read(ctx, l.e.cfg.Group)
	if err != nil {
		return nil
	}
	return ledger.Compare(s.Positions, w.moves)
}

// try commits w once, and gives it up after Config.CommitTimeout: the connection is closed under it, and the next
// compare-and-set finds what became of it. What took too long may be too large.
func (l *lane) try(ctx context.Context, w *work) error {
	timeout := l.e.cfg.CommitTimeout
	try, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	slow := l.watchSlow(try, w)
	err := l.sink.Commit(try, l.e.writer, l.commitOf(w))
	wait := slow.end()
	out := outcomeOf(err)
	if try.Err() == nil || ctx.Err() != nil || out != unknown && out != again {
		return err
	}
	if _, ok := errors.AsType[*fencepost.UserError](err); ok {
		return err // the store has its own word for it
	}
	r := &sink.Rejected{Reason: "no answer in " + timeout.String(), Blame: sink.TheSize}
	if wait.Text != "" {
		r.Reason += ": " + wait.Text
	}
	if wait.Locks {
		r.Blame = sink.TheLocks
	}
	return &tooSlow{timeout, r, err}
}

// tooSlow is a try of a commit that was given up after its time.
type tooSlow struct {
	timeout time.Duration
	refusal *sink.Rejected
	err     error // of the store
}

// Error leaves the store's own words out: they are those of a context that ended.
func (s *tooSlow) Error() string { return "commit batch: " + s.refusal.Error() }

// Unwrap is what it means to the engine, and the store's own error.
func (s *tooSlow) Unwrap() []error { return []error{s.refusal, s.err} }

// lostAnswerTime is how long a drain asks for a commit whose answer was lost. A store that is away for longer is not waited
// for: the next run finds what became of the commit.
const lostAnswerTime = 2 * time.Second

// endsRetries reports whether a drain leaves a commit that failed: at once where nothing happened.
func (l *lane) endsRetries(unclear bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.mu.ending.IsZero() && (!unclear || time.Since(l.mu.ending) > lostAnswerTime)
}

// giveUp notes at a drain that a commit ends, and whether its outcome is unknown.
func (l *lane) giveUp(unclear bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.doubt = l.mu.doubt || unclear && !l.mu.ending.IsZero()
}

// withCode gives an error that ends the run its code, where the sink did not.
func withCode(err error) error {
	if _, ok := errors.AsType[*fencepost.UserError](err); ok {
		return err
	}
	var ended *sink.Ended
	switch {
	case errors.As(err, &ended):
		return &fencepost.UserError{Code: "sql-ended-transaction", Err: err}
	case errors.Is(err, ledger.ErrNewer):
		return &fencepost.UserError{Code: "ledger-newer", Err: err}
	case errors.Is(err, ledger.ErrOtherCluster):
		return &fencepost.UserError{Code: "other-cluster", Err: err}
	}
	return err
}

// pause waits before the next try of a commit. False: the commit was aborted, and its outcome is left to the next
// compare-and-set of the worker that owns the partitions then.
func (l *lane) pause(ctx context.Context, tries int, err error, unclear bool) bool {
	if ctx.Err() != nil {
		return false
	}
	begins, most := l.drainBegins(), 5*time.Second
	if begins == nil {
		most = lostAnswerTime / 8
	}
	l.setWaits(true)
	l.backoff = longer(l.backoff, 20*time.Millisecond, most)
	in := l.e.jitter(l.backoff)
	l.e.emit(Retrying{What: "commit", Lane: l.number, Attempt: tries, In: in, Err: err, Unknown: unclear})
	timer := time.NewTimer(in)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-begins:
		return true
	case <-ctx.Done():
		return false
	}
}

// setWaits notes whether the lane's commit waits for the store.
func (l *lane) setWaits(waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.waits = waits
}

// drainBegins is closed when the lane begins to drain; nil: it has begun already.
func (l *lane) drainBegins() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mu.ending.IsZero() {
		return nil
	}
	return l.draining
}

// dropStale removes the segments whose partition has left or was reconciled again since they were formed.
func (l *lane) dropStale(w *work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(w, func(i int) bool { return w.parts[i].Current(w.sessions[i]) })
}

// keep removes the segments for which f is false. REQUIRES: l.mu is held: a revoke looks at what is in flight.
func (l *lane) keep(w *work, f func(i int) bool) {
	n := 0
	for i := range w.batch.Segments {
		if !f(i) {
			continue
		}
		w.batch.Segments[n], w.moves[n], w.parts[n], w.sessions[n] = w.batch.Segments[i], w.moves[i], w.parts[i], w.sessions[i]
		n++
	}
	w.batch.Segments, w.moves, w.parts, w.sessions = w.batch.Segments[:n], w.moves[:n], w.parts[:n], w.sessions[:n]
}

// advance records that segments of w are durable.
func (l *lane) advance(w *work, done segments, took time.Duration, recovered bool) {
	rows, now := 0, time.Now()
	var mended []Reconciliation
	l.mu.Lock()
	for i := range done.of {
		s, p := &done.of[i], done.parts[i]
		rows += s.Rows()
		moved, applied := p.Commit(done.moves[i].Next)
		if !moved {
			continue // the partition was reconciled meanwhile: the answer is late
		}
		p.leaveBehind()
		p.Durable(now)
		if s.Hi > s.Lo {
			p.Newest(w.batch.Times[s.Hi-1])
		}
		if applied {
			mended = append(mended, Reconciliation{TopicPartition: p.TopicPartition, Verdict: ledger.OK, Offset: p.Done().Offset,
				Running: true, Reason: "the record was applied"})
		}
	}
	l.mu.since += rows
	l.mu.fit.took(rows, l.e.cfg.Batch.Records)
	l.mu.Unlock()
	if mended != nil {
		l.e.emit(Reconciled{Partitions: mended})
	}
	if records := w.passedIn(done); records != nil {
		passed := Passed{Lane: l.number, Records: records}
		l.e.stats.passed(passed)
		l.e.emit(passed)
	}
	records := (&fencepost.Batch{Segments: done.of, Offsets: w.batch.Offsets}).Records()
	l.e.committed(Committed{Lane: l.number, Rows: rows, Records: records, Bytes: w.bytes, Segments: done.of, Took: took, Recovered: recovered}, done.moves)
}

// follow does what a refusal asks for: what the ledger holds decides (law 1). Segments that turn out to be done count as
// committed, where an answer was lost: else it was another worker that committed the same. The partitions of the others are reconciled
// again.
func (l *lane) follow(w *work, err error, took time.Duration, unclear bool) {
	ref, _ := errors.AsType[*ledger.Refused](err)
	var lost []int // indices of segments
	done := segments{w.done.of[:0], w.done.moves[:0], w.done.parts[:0]}
	for i, s := range w.batch.Segments {
		held, bad := ref.Held[s.TopicPartition]
		if !bad {
			continue
		}
		standing := ledger.Relate(held, w.moves[i])
		if standing == ledger.RelationDone && unclear {
			done = segments{append(done.of, s), append(done.moves, w.moves[i]), append(done.parts, w.parts[i])}
			continue
		}
		lost = append(lost, i)
		l.e.emit(Refused{TopicPartition: s.TopicPartition, Relation: standing, Held: held, Offset: s.Range.From, Unknown: unclear})
		if standing == ledger.RelationBehind {
			l.e.emit(SinkWentBack{TopicPartition: s.TopicPartition, From: s.Range.From, To: held.Offset})
		}
	}
	if w.done = done; len(done.of) > 0 {
		l.advance(w, done, took, unclear)
	}
	freed := int64(0)
	l.mu.Lock()
	for _, i := range lost {
		if p := w.parts[i]; p.Current(w.sessions[i]) { // else the partition was reconciled meanwhile, and this is no news
			freed += p.Reset("refused")
		}
	}
	l.keep(w, func(i int) bool { _, bad := ref.Held[w.batch.Segments[i].TopicPartition]; return !bad })
	l.mu.Unlock()
	l.e.freed(freed)
	if len(lost) > 0 {
		l.e.wakeMonitor()
	}
}
