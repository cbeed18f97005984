package engine

import (
	"context"
	"time"

	"github.com/fencepost/fencepost"
)

// keep looks after the partitions that are not running, and once every watch interval after all of them, until ctx
// ends.
func (e *Engine) keep(ctx context.Context) {
	watch := time.NewTicker(e.cfg.Watch)
	defer watch.Stop()
	report := time.NewTicker(250 * time.Millisecond)
	defer report.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		e.pauseParked()
		e.settle(ctx, e.due(time.Now()))
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
		case <-e.keeper:
		case <-timer.C:
		case <-report.C:
			e.emit(Progress{e.Status()})
		case <-watch.C:
			e.watch(ctx)
		}
	}
}

// pokeKeeper makes the keeper look again.
func (e *Engine) pokeKeeper() {
	select {
	case e.keeper <- struct{}{}:
	default:
	}
}

// due is the partitions to settle now: the unsettled ones, and those that have waited long enough.
func (e *Engine) due(now time.Time) []*partition {
	return e.pick(func(p *partition) bool {
		return p.state == unsettled && !p.fresh || p.state == waiting && !now.Before(p.retryAt)
	})
}

// nextRetry is when the first waiting partition is settled again; zero: none waits.
func (e *Engine) nextRetry() (at time.Time) {
	for p := range e.every {
		if p.state == waiting && (at.IsZero() || p.retryAt.Before(at)) {
			at = p.retryAt
		}
	}
	return at
}

// watch compares every held partition with the ledger and the brokers. Running ones that somebody moved, or that the
// log no longer covers, are settled; parked ones are tested again; what was silent or blocked is told.
func (e *Engine) watch(ctx context.Context) {
	// One whose records in front of a bad one are still on their way into the sink is tested when they are in: to settle
	// it now would void them.
	e.settle(ctx, e.pick(func(p *partition) bool { return p.state == parked && p.idle() }))
	stood := map[*partition]fencepost.Position{} // :: idle partition -> where it stood before the ledger was read
	parts := e.pick(func(p *partition) bool {
		if p.idle() {
			stood[p] = p.done
		}
		return p.state == running
	})
	if len(parts) == 0 {
		return
	}
	s := &settling{e: e, verdicts: map[fencepost.TopicPartition]verdict{}}
	if err := s.ask(ctx); err != nil {
		if ctx.Err() != nil {
			return // the run ends, and with it the question
		}
		e.failIfLasting(err)
		e.emit(Retrying{What: "watch", Lane: -1, In: e.cfg.Watch, Err: err})
		return
	}
	answers := map[fencepost.TopicPartition][]fencepost.Answer{}
	s.bounds(ctx, names(parts), answers)
	var odd []*partition
	for _, p := range parts {
		if e.watchOne(p, s, answers[p.TopicPartition], stood) {
			odd = append(odd, p)
		}
	}
	e.unsettle(odd, "watch")
}

// watchOne reports whether a running partition has to be settled.
func (e *Engine) watchOne(p *partition, s *settling, answers []fencepost.Answer, stood map[*partition]fencepost.Position) bool {
	d := s.judge(p.TopicPartition, answers)
	held := s.snapshot.Positions[p.TopicPartition]
	p.lane.mu.Lock()
	defer p.lane.mu.Unlock()
	if p.gone || p.state != running {
		return false
	}
	was, idle := stood[p]
	switch {
	case idle && p.idle() && p.done == was && !held.Holds(was):
		return true // nothing was under way, and the ledger stands elsewhere: the store went back
	case d.Action == fencepost.AskAgain || d.Action == fencepost.Stop:
		return true
	case d.Verdict == fencepost.Unknown:
		if p.silent.IsZero() {
			p.silent = time.Now()
			e.emit(Waiting{TopicPartition: p.TopicPartition, Reason: d.Reason})
		}
		return false
	}
	p.silent = time.Time{}
	b := answers[len(answers)-1].Bounds
	p.stable, p.high = b.Stable, b.End
	e.watchBlocked(p)
	return false
}

// watchBlocked tells once when an open transaction holds a partition back. REQUIRES: p.lane.mu is held.
func (e *Engine) watchBlocked(p *partition) {
	if e.cfg.Uncommitted || p.records > 0 || p.done.Offset < p.stable || p.stable >= p.high {
		p.blocked, p.blockedTold = time.Time{}, false
		return
	}
	if p.blocked.IsZero() {
		p.blocked = time.Now()
		return
	}
	if !p.blockedTold {
		p.blockedTold = true
		e.emit(Blocked{TopicPartition: p.TopicPartition, Offset: p.done.Offset, Since: p.blocked})
	}
}

// pauseParked pauses partitions in the source that a lane has parked.
func (e *Engine) pauseParked() {
	parts := e.pick(func(p *partition) bool { return p.pausing })
	if len(parts) == 0 {
		return
	}
	e.steer(func(uint64) map[fencepost.TopicPartition]fencepost.Start {
		starts := map[fencepost.TopicPartition]fencepost.Start{}
		for _, p := range parts {
			p.lane.mu.Lock()
			if !p.gone && p.pausing && p.state == parked {
				starts[p.TopicPartition] = fencepost.Start{Offset: p.cut.Offset, Paused: true}
			}
			p.pausing = false
			p.lane.mu.Unlock()
		}
		return starts
	})
}
