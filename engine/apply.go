package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// reconcile finds where partitions resume, and has them resume there between two polls.
func (e *Engine) reconcile(ctx context.Context, parts []*partition) {
	if len(parts) == 0 {
		return
	}
	s, err := e.resolveAlone(ctx, names(parts))
	var events []Event
	e.seek(func(poll uint64) map[fencepost.TopicPartition]source.Start {
		var starts map[fencepost.TopicPartition]source.Start
		starts, events = e.apply(parts, s, err, poll)
		return starts
	})
	e.emit(events...)
	e.notifyLanes()
}

// callbacks is the engine as the source's listener.
type callbacks struct{ *Engine }

var _ source.Listener = callbacks{}

// Assigned answers where newly held partitions begin.
func (e callbacks) Assigned(ctx context.Context, tps []fencepost.TopicPartition) map[fencepost.TopicPartition]source.Start {
	e.emit(Assigned{Partitions: tps})
	parts := e.take(tps)
	s, err := e.resolveAlone(ctx, tps)
	starts, events := e.apply(parts, s, err, e.poller.number())
	e.emit(events...)
	e.notifyLanes()
	return starts
}

// answerWithin is how long a callback of the group may take.
func (e *Engine) answerWithin() time.Duration { return min(10*time.Second, e.cfg.Rebalance/2) }

// bounded splits the time of a callback: what it does may take until the context ends, and has further to come back.
func (e *Engine) bounded(ctx context.Context) (_ context.Context, cancel context.CancelFunc, further time.Duration) {
	all := e.answerWithin()
	further = min(grace, all/10)
	ctx, cancel = context.WithTimeoutCause(ctx, all-further, fmt.Errorf("no answer in %s", all-further))
	return ctx, cancel, further
}

// resolveAlone keeps two reconciliations of one engine from refusing each other. It returns before anything is sought: the
// source may be inside Assigned, which waits here. It answers within answerWithin: the caller may be a callback of the
// group, or the next one may be.
func (e *Engine) resolveAlone(ctx context.Context, tps []fencepost.TopicPartition) (*reconciliation, error) {
	ctx, cancel, further := e.bounded(ctx)
	defer cancel()
	select {
	case e.resolving <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("reconcile behind other partitions: %w", context.Cause(ctx))
	}
	return call(ctx, &e.others, further, "reconcile", func(ctx context.Context) (*reconciliation, error) {
		defer func() { <-e.resolving }()
		return e.resolve(ctx, tps)
	})
}

// apply carries verdicts out. It returns where each partition goes on, and the events to emit.
func (e *Engine) apply(parts []*partition, s *reconciliation, err error, poll uint64) (map[fencepost.TopicPartition]source.Start, []Event) {
	starts, at := map[fencepost.TopicPartition]source.Start{}, map[fencepost.TopicPartition]ledger.Position{}
	var events []Event
	var reconciled []Reconciliation
	var weak []string
	if err != nil {
		e.failIfLasting(err)
	}
	for _, p := range parts {
		v := verdict{Decision: ledger.Decision{Action: ledger.Wait}}
		if err != nil {
			v.Reason = err.Error()
		} else {
			v = s.verdicts[p.TopicPartition]
		}
		p.lane.mu.Lock()
		if !p.Gone() {
			was := p.Partition
			starts[p.TopicPartition] = e.applyOne(p, v, poll)
			if s != nil {
				p.ahead = s.letters[p.TopicPartition]
			}
			events = append(events, stops(p, v, &was)...)
			_, why := was.Why()
			if v.WentBack && (s.others > 0 || was.Fresh() || why == foundByWatch) { // else a refused commit reported it
				events = append(events, SinkWentBack{TopicPartition: p.TopicPartition, From: s.mirrored[p.TopicPartition].Offset, To: v.position.Offset, Others: s.others})
				e.behind.Store(e.behind.Load() || s.others > 0)
			}
			if p.Runs() && v.weaker() {
				weak = append(weak, p.Topic)
			}
			if p.Runs() {
				at[p.TopicPartition] = p.Done()
			}
			if !p.Probing() && !p.Held() && (p.Runs() || !p.SameStop(&was)) { // a record that is tried again is reported when it goes in
				reconciled = append(reconciled, Reconciliation{TopicPartition: p.TopicPartition, Verdict: v.Verdict,
					Offset: p.Done().Offset, Running: p.Runs(), Reason: v.Reason})
			}
		}
		p.lane.mu.Unlock()
	}
	if s != nil {
		e.inherit(names(parts), at, s.mirrored)
	}
	if err == nil && len(reconciled) > 0 {
		events = append([]Event{Reconciled{Partitions: reconciled}}, events...)
	}
	if weak = e.firstWeak(weak); len(weak) > 0 {
		events = append(events, Weaker{Topics: weak})
	}
	return starts, events
}

// weaker reports whether a recreated topic would not show by its ID.
func (v verdict) weaker() bool {
	return v.Verdict == ledger.WeakerCheck || v.bounds.Err == nil && v.bounds.TopicID == (fencepost.TopicID{})
}

// firstWeak leaves the topics that this run has not reported yet.
func (e *Engine) firstWeak(topics []string) (first []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range topics {
		if !e.mu.weak[name] {
			e.mu.weak[name] = true
			first = append(first, name)
		}
	}
	slices.Sort(first)
	return first
}

// applyOne carries one verdict out. REQUIRES: p.lane.mu is held.
func (e *Engine) applyOne(p *partition, v verdict, poll uint64) source.Start {
	p.Reconciled(e.runEnd(p.TopicPartition))
	if v.bounds.Err == nil && v.bounds.HighWatermark > 0 {
		p.SetLog(v.bounds.LastStableOffset, v.bounds.HighWatermark)
	}
	switch v.Action {
	case ledger.Resume, ledger.MoveOn:
		e.freed(p.Resume(v.position, poll))
		return source.Start{Offset: p.Done().Offset, Paused: p.Exhausted()}
	case ledger.Stop:
		e.freed(p.ParkAt(v.position, v.code, v.Reason))
	default:
		e.freed(p.WaitAt(v.position, v.Reason, time.Now(), e.cfg.Watch))
	}
	return source.Start{Offset: p.Done().Offset, Paused: true}
}

// runEnd is where this run ends for a partition; negative: nowhere. A partition that was not there when the ends were
// fixed is no part of the run: it ends where it begins.
func (e *Engine) runEnd(tp fencepost.TopicPartition) fencepost.Offset {
	if !e.cfg.Until.Set() {
		return -1
	}
	return e.ends[tp]
}

// stops are the events of a verdict that stops a partition: a park or a wait is reported once, not at every test of it.
func stops(p *partition, v verdict, was *assignment.Partition) []Event {
	code, reason := p.Why()
	switch {
	case p.SameStop(was):
		return nil
	case p.State() == assignment.Parked && !p.Probing():
		return []Event{Parked{TopicPartition: p.TopicPartition, Code: code, Offset: p.Done().Offset, Reason: reason,
			Facts: v.facts, Lost: v.Lost}}
	case p.State() == assignment.Waiting:
		return []Event{Waiting{TopicPartition: p.TopicPartition, Reason: reason}}
	}
	return nil
}

// failIfLasting ends the engine for an error that no waiting mends.
func (e *Engine) failIfLasting(err error) {
	f, ok := errors.AsType[*fencepost.UserError](err)
	if ok && !f.Passing && !f.Mendable || errors.Is(err, ledger.ErrNewer) || errors.Is(err, ledger.ErrOtherCluster) {
		e.fail(err)
	}
}

// sameLedger holds laws 10 and 12: a group is kept by one ledger, and an empty one starts by itself only if the Kafka
// group does not know the group either. What this run has met is known without the Kafka group, which may not have been told yet.
func (e *Engine) sameLedger(s ledger.Snapshot, mirrored map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	if e.identity != (fencepost.LedgerID{}) && s.Ledger != e.identity {
		return ledger.KeptBy(e.cfg.Group, e.identity, s)
	}
	if err := ledger.Keeps(e.cfg.Group, s, mirrored); err != nil {
		return err
	}
	if e.cfg.Resume && s.Empty() {
		return &fencepost.UserError{Code: "ledger-empty", Facts: map[string]string{"resume": "true"},
			Err: fmt.Errorf("the ledger does not know group %s, and --resume starts nothing new", e.cfg.Group)}
	}
	return nil
}

// Revoked lets partitions go: what was cut is dropped, a commit under way is waited for, at most 10 s or half the
// rebalance timeout; then its connection is closed and the heir's compare-and-set decides.
func (e callbacks) Revoked(ctx context.Context, tps []fencepost.TopicPartition) {
	e.release(tps)
	leaving := make(map[fencepost.TopicPartition]bool, len(tps))
	for _, tp := range tps {
		leaving[tp] = true
	}
	ctx, cancel, further := e.bounded(ctx)
	defer cancel()
	e.quiet(ctx, further/2, func(p *partition) bool { return leaving[p.TopicPartition] })
	e.flushMirrors(ctx, tps)
	e.forget(tps)
	e.dropMirrors(tps)
	e.emit(Revoked{Partitions: tps})
}

// Lost drops partitions that belong to another worker already.
func (e callbacks) Lost(tps []fencepost.TopicPartition) {
	e.reporter.cutOff(tps)
	e.release(tps)
	e.forget(tps)
	e.dropMirrors(tps)
	e.emit(Revoked{Partitions: tps, Lost: true})
}
