package engine

import (
	"context"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// monitor looks after the partitions that are not running, and once every watch interval after all of them, until ctx
// ends.
func (e *Engine) monitor(ctx context.Context) {
	watch := time.NewTicker(e.cfg.Watch)
	defer watch.Stop()
	report := time.NewTicker(250 * time.Millisecond)
	defer report.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		e.pauseParked()
		e.reconcile(ctx, e.due(time.Now()))
		if e.cfg.Until.Set() {
			e.checkEnd(ctx)
		}
		if at := e.nextRetry(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-timer.C:
		case now := <-report.C:
			e.progress(now)
		case <-watch.C:
			e.watch(ctx)
		}
	}
}

// progress reports what the run has done: at each tick while something changes, else once a second.
func (e *Engine) progress(now time.Time) {
	st := e.Status()
	if st == e.reported.Status && now.Sub(e.reportedAt) < time.Second {
		return
	}
	e.reported, e.reportedAt = Progress{st}, now
	e.emit(e.reported)
}

// wakeMonitor makes the monitor look again.
func (e *Engine) wakeMonitor() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// due is the partitions to reconcile now: the pending ones, and those that have waited long enough.
func (e *Engine) due(now time.Time) []*partition {
	return e.pick(func(p *partition) bool {
		return p.Due(now)
	})
}

// nextRetry is when the first waiting partition is reconciled again; zero: none waits.
func (e *Engine) nextRetry() (at time.Time) {
	for p := range e.every {
		if due := p.RetryAt(); !due.IsZero() && (at.IsZero() || due.Before(at)) {
			at = due
		}
	}
	return at
}

// watch compares every held partition with the ledger and the brokers. Running ones that were moved, or that the
// log no longer covers, are reconciled; parked ones are tested again; what was silent or blocked is reported.
func (e *Engine) watch(ctx context.Context) {
	now := time.Now()
	e.reconcile(ctx, e.pick(func(p *partition) bool { return p.Testable(now) }))
	stood := map[*partition]ledger.Position{} // :: idle partition -> its position before the ledger was read
	parts := e.pick(func(p *partition) bool {
		if p.Idle() {
			stood[p] = p.Done()
		}
		return p.Runs()
	})
	if len(parts) == 0 {
		return
	}
	s := &reconciliation{e: e, verdicts: map[fencepost.TopicPartition]verdict{}}
	if err := s.ask(ctx); err != nil {
		if ctx.Err() != nil {
			return // the run ends, and with it the question
		}
		e.failIfLasting(err)
		e.emit(Retrying{What: "watch", Lane: -1, In: e.cfg.Watch, Err: err})
		return
	}
	answers := map[fencepost.TopicPartition][]ledger.Answer{}
	s.bounds(ctx, names(parts), answers)
	var moved, back []*partition
	var events []Event
	for _, p := range parts {
		switch e.watchOne(p, s, answers[p.TopicPartition], stood) {
		case odd:
			moved = append(moved, p)
		case fellSilent:
			events = append(events, Waiting{TopicPartition: p.TopicPartition, Reason: s.verdicts[p.TopicPartition].Reason})
		case heldBack:
			back = append(back, p)
		case well:
		}
	}
	e.emit(append(events, e.blocked(ctx, back)...)...)
	e.reset(moved, foundByWatch)
}

// foundByWatch is why a partition is reconciled that a watch found to be elsewhere than it runs.
const foundByWatch = "watch"

// sighting is what a watch found of a running partition.
type sighting uint8

const (
	well       sighting = iota
	odd                 // it has to be reconciled
	fellSilent          // the brokers have not answered for it since now
	heldBack            // something has held it back for two watches
)

// watchOne compares one running partition with what ledger and brokers say.
func (e *Engine) watchOne(p *partition, s *reconciliation, answers []ledger.Answer, stood map[*partition]ledger.Position) sighting {
	d := s.judge(p.TopicPartition, answers)
	held := s.snapshot.Positions[p.TopicPartition]
	p.lane.mu.Lock()
	defer p.lane.mu.Unlock()
	if p.Gone() || !p.Runs() {
		return well
	}
	was, idle := stood[p]
	switch {
	case idle && p.Idle() && p.Done() == was && !held.Holds(was):
		return odd // nothing was under way, and the ledger holds another position: the store went back
	case d.Action == ledger.AskAgain || d.Action == ledger.Stop:
		return odd
	case d.Verdict == ledger.Unknown:
		if p.Unanswered(time.Now()) {
			return fellSilent
		}
		return well
	}
	p.Answered()
	b := answers[len(answers)-1].LogOffsets
	p.SetLog(b.LastStableOffset, b.HighWatermark)
	if !e.cfg.Uncommitted && p.HeldBack(time.Now()) {
		return heldBack
	}
	return well
}

// blocked asks which transactions hold partitions back, and returns what is to be reported. Where the brokers know of none,
// there is nothing to report; where they do not answer, what two watches saw is reported.
func (e *Engine) blocked(ctx context.Context, parts []*partition) (events []Event) {
	finder, able := e.cluster.(source.TransactionFinder)
	var open map[fencepost.TopicPartition]source.Transaction
	if able && len(parts) > 0 {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		var err error
		open, err = finder.OpenTransactions(ctx, names(parts))
		able = err == nil
	}
	for _, p := range parts {
		tx, named := open[p.TopicPartition]
		if able && !named {
			continue
		}
		p.lane.mu.Lock()
		if since, ok := p.Blocked(); ok {
			events = append(events, Blocked{TopicPartition: p.TopicPartition, Offset: p.Done().Offset, Since: since, Transaction: tx})
		}
		p.lane.mu.Unlock()
	}
	return events
}

// pauseParked pauses partitions in the source that a lane has parked.
func (e *Engine) pauseParked() {
	parts := e.pick(func(p *partition) bool { return p.Pausing() })
	if len(parts) == 0 {
		return
	}
	e.seek(func(uint64) map[fencepost.TopicPartition]source.Start {
		starts := map[fencepost.TopicPartition]source.Start{}
		for _, p := range parts {
			p.lane.mu.Lock()
			if at, ok := p.Pause(); ok {
				starts[p.TopicPartition] = source.Start{Offset: at, Paused: true}
			}
			p.lane.mu.Unlock()
		}
		return starts
	})
}
