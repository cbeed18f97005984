package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
)

// reporter keeps in the ledger why partitions of this worker stand still, so that others than its log can say it.
//
//	events --wake--> pass: what stands still now   --differs from--> what the ledger has --write-->
//	watch  --------> pass, and what the ledger has is read again
//
// It is no part of a commit. A write that fails stops nothing, and the next pass makes up for it. What other workers have
// left is replaced once the partition is here: at its assignment, or at the next watch.
type reporter struct {
	e    *Engine
	wake chan struct{} // capacity 1

	mu struct {
		sync.Mutex
		read     bool                                         // the next pass reads what the ledger has
		reasons  map[fencepost.TopicPartition]string          // of partitions that run and do not get on
		troubles map[int]trouble                              // :: lane -> its commit that fails or takes long
		cut      map[fencepost.TopicPartition]ledger.Position // lost, and not got back
		silent   Silent                                       // no broker answers this worker; without Since: one does
		stood    map[fencepost.TopicPartition]ledger.Report   // what stood still at the last pass
	}

	// the passes' own; they take turns
	turn   chan struct{}
	kept   map[fencepost.TopicPartition]ledger.Report // what the ledger has, as far as it is known
	told   map[fencepost.TopicPartition]bool          // it was told that these are cut off
	failed bool                                       // the last pass; it was reported
	other  ledger.Pipeline                            // that another worker has begun with; it was reported
}

// trouble is a commit under way that fails again and again, or takes long.
type trouble struct {
	batch        <-chan struct{} // closed when the batch is done with: it identifies the batch
	since        time.Time
	code, reason string
}

// reportPause is how long a pass waits for more news: what passes sooner is not written. reportTimeout bounds what it asks
// of the ledger.
const (
	reportPause   = 200 * time.Millisecond
	reportTimeout = 3 * time.Second
)

func newReporter(e *Engine) *reporter {
	r := &reporter{e: e, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1), told: map[fencepost.TopicPartition]bool{}}
	r.mu.read = true
	r.mu.reasons = map[fencepost.TopicPartition]string{}
	r.mu.troubles = map[int]trouble{}
	r.mu.cut = map[fencepost.TopicPartition]ledger.Position{}
	return r
}

// hear takes in what an event says of partitions that stand still.
func (r *reporter) hear(ev Event) {
	switch ev := ev.(type) {
	case Assigned:
		r.assigned(ev.Partitions)
	case Waiting:
		r.reason(ev.TopicPartition, ev.Reason)
	case Blocked:
		r.reason(ev.TopicPartition, ev.Transaction.String()+" holds the rest back")
	case Retrying:
		if ev.What == "commit" {
			r.trouble(ev.Lane, codeOf(ev.Err), ev.Err.Error())
		}
	case Silent:
		r.silent(ev)
	case Slow:
		reason := "a commit has taken " + ev.For.Round(time.Second).String()
		if ev.Wait.Text != "" {
			reason += ": " + ev.Wait.Text
		}
		r.trouble(ev.Lane, "", reason)
	case Parked, Reconciled, Revoked:
	default:
		return
	}
	r.rouse()
}

func (r *reporter) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) assigned(tps []fencepost.TopicPartition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.read = true
	for _, tp := range tps {
		delete(r.mu.cut, tp)
	}
}

// silent notes that no broker answers this worker, or that one does again. Others may reach them all the same.
func (r *reporter) silent(ev Silent) {
	if ev.Ended {
		ev = Silent{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.silent = ev
}

func (r *reporter) reason(tp fencepost.TopicPartition, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.reasons[tp] = why
}

// trouble notes that the commit of a lane does not get on.
func (r *reporter) trouble(number int, code, reason string) {
	l := r.e.lanes[number]
	l.mu.Lock()
	t := trouble{batch: l.mu.finished, since: time.Now(), code: code, reason: reason}
	l.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if was := r.mu.troubles[number]; was.batch == t.batch {
		t.since = was.since
	}
	r.mu.troubles[number] = t
}

// cutOff notes partitions that are lost: they belong to another worker, or to none that is known here. REQUIRES: they are
// still held.
func (r *reporter) cutOff(tps []fencepost.TopicPartition) {
	positions := map[fencepost.TopicPartition]ledger.Position{}
	for _, tp := range tps {
		if p := r.e.partition(tp); p != nil {
			p.lane.mu.Lock()
			positions[tp] = p.Done()
			p.lane.mu.Unlock()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.mu.cut, positions)
}

// codeOf is the code of an error; empty: it has none.
func codeOf(err error) string {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		return f.Code
	}
	return ""
}

// run makes a pass at news and once every watch interval, until ctx ends.
func (r *reporter) run(ctx context.Context) {
	watch := time.NewTicker(r.e.cfg.Watch)
	defer watch.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watch.C:
			r.mu.Lock()
			r.mu.read = true
			r.mu.Unlock()
		case <-r.wake:
			select {
			case <-ctx.Done():
				return
			case <-time.After(reportPause):
			}
		}
		r.pass(ctx, false)
	}
}

// pass brings what the ledger has up to date. The last pass of a run leaves what is parked, and takes everything else away.
func (r *reporter) pass(ctx context.Context, last bool) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-r.turn }()
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	r.mu.Lock()
	read := r.mu.read || r.kept == nil
	r.mu.read = false
	r.mu.Unlock()
	var changed []ledger.Report
	there, err := r.look(ctx, read)
	if err == nil {
		changed = r.changes(ctx, last, read)
		err = r.write(ctx, changed)
	}
	if there || len(changed) > 0 || err != nil { // else nothing was asked of a ledger that has no place for reports
		r.report(ctx, err)
	}
}

// look reads what the ledger has. there is false for a ledger without a place for reports, which may get one by the first
// that is written.
func (r *reporter) look(ctx context.Context, read bool) (there bool, err error) {
	if !read {
		return true, nil
	}
	known, err := ledger.ReadReports(ctx, r.e.ledger, r.e.cfg.Group)
	switch {
	case errors.Is(err, ledger.ErrNoReports):
		r.kept = map[fencepost.TopicPartition]ledger.Report{}
		return false, nil
	case err == nil:
		r.kept = known.Reports
		r.compare(known.Pipeline)
	}
	return true, err
}

// compare reports once that another worker has begun with another pipeline: this one goes on with its own until it is
// started anew.
func (r *reporter) compare(is ledger.Pipeline) {
	all := ledger.Differences(ledger.Pipeline{Parts: r.e.cfg.Does}, is)
	if len(all) == 0 || len(is.Parts) == 0 {
		return
	}
	if r.other.Who != is.Who || !r.other.Since.Equal(is.Since) {
		r.other = is
		r.e.emit(PipelineLeft{Is: is, Differences: all})
	}
}

// write writes reports, and remembers them as what the ledger has.
func (r *reporter) write(ctx context.Context, changed []ledger.Report) error {
	if err := ledger.WriteReports(ctx, r.e.ledger, r.e.cfg.Group, changed); err != nil {
		r.kept = nil // some of it may be there
		return err
	}
	for _, c := range changed {
		r.told[c.TopicPartition] = c.Halt == ledger.HaltCutOff
		if r.kept[c.TopicPartition] = c; c.Halt == "" {
			delete(r.kept, c.TopicPartition)
		}
	}
	return nil
}

// report emits an error once for as long as it lasts. The end of the run is none.
func (r *reporter) report(ctx context.Context, err error) {
	if err != nil && (r.failed || errors.Is(ctx.Err(), context.Canceled)) {
		return
	}
	if r.failed = err != nil; r.failed {
		r.e.emit(ReportFailed{Err: err})
	}
}

// changes returns what the ledger is to have and has not. A reason that counts on is no news between two watches.
func (r *reporter) changes(ctx context.Context, last, read bool) (changed []ledger.Report) {
	stops, runs := r.stops(last)
	r.locate(ctx, stops)
	stood := make(map[fencepost.TopicPartition]ledger.Report, len(stops))
	for _, s := range stops {
		if s.Halt == ledger.HaltCutOff && r.elsewhere(s.TopicPartition) {
			continue
		}
		was, kept := r.kept[s.TopicPartition]
		same := kept && continues(was, s)
		if same {
			s.Since = was.Since
		}
		stood[s.TopicPartition] = s
		if !same || !was.Current(s.Position) || was.Who != s.Who || read && !was.Same(s) {
			changed = append(changed, s)
		}
	}
	for tp, at := range runs {
		if was, kept := r.kept[tp]; kept && was.Current(at) {
			changed = append(changed, ledger.Report{TopicPartition: tp})
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.stood = stood
	return changed
}

// continues reports whether a partition stands still as it did before.
func continues(was, is ledger.Report) bool {
	return was.Halt == is.Halt && was.Code == is.Code && was.Offset == is.Offset
}

// elsewhere reports whether a lost partition is with another worker, and forgets it then: whoever holds it has replaced what the
// ledger was told, or taken it away.
func (r *reporter) elsewhere(tp fencepost.TopicPartition) bool {
	was, kept := r.kept[tp]
	if !r.told[tp] || kept && was.Who == r.e.cfg.Who {
		return false
	}
	delete(r.told, tp)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mu.cut, tp)
	return true
}

// stops returns what of this worker's partitions stands still, and where the others are.
func (r *reporter) stops(last bool) (stops []ledger.Report, runs map[fencepost.TopicPartition]ledger.Position) {
	n := r.news()
	now, runs := time.Now(), map[fencepost.TopicPartition]ledger.Position{}
	add := func(tp fencepost.TopicPartition, at ledger.Position, s ledger.Report) {
		if s.Halt == "" || last && s.Halt != ledger.HaltParked {
			runs[tp] = at
			return
		}
		stops = append(stops, r.full(tp, at, s, now))
	}
	for p := range r.e.every {
		add(p.TopicPartition, p.Done(), n.stop(p, r.kept[p.TopicPartition]))
	}
	for tp, at := range n.cut {
		add(tp, at, ledger.Report{Halt: ledger.HaltCutOff, Code: "not-a-member", Offset: -1,
			Reason: "its worker lost it without leaving the group, and has not got it back"})
	}
	return stops, runs
}

// full is a report with what every one has: of which partition, whose, and about which position.
func (r *reporter) full(tp fencepost.TopicPartition, at ledger.Position, s ledger.Report, now time.Time) ledger.Report {
	s.TopicPartition, s.Who, s.Position = tp, r.e.cfg.Who, ledger.Position{Offset: at.Offset, Fence: at.Fence}
	if s.Since.IsZero() {
		s.Since = now
	}
	if s.Offset < 0 {
		s.Offset = at.Offset
	}
	return s
}

// news is what events have said of partitions that stand still.
type news struct {
	reasons  map[fencepost.TopicPartition]string
	troubles map[int]trouble // :: lane -> its commit that fails or takes long
	cut      map[fencepost.TopicPartition]ledger.Position
	silent   Silent
	stood    map[fencepost.TopicPartition]ledger.Report
}

func (r *reporter) news() news {
	r.mu.Lock()
	defer r.mu.Unlock()
	return news{maps.Clone(r.mu.reasons), maps.Clone(r.mu.troubles), maps.Clone(r.mu.cut), r.mu.silent, r.mu.stood}
}

// stop is why a partition stands still; without a Halt: it does not. was is what was said of it last. REQUIRES: its lane's mutex is held.
func (n news) stop(p *partition, was ledger.Report) ledger.Report {
	s := n.stopOf(p, was)
	if s.Halt == "" && !n.silent.Since.IsZero() {
		s = ledger.Report{Halt: ledger.HaltWaiting, Code: "broker-silent", Reason: "no broker answers this worker: " + n.silent.Err.Error(),
			Since: n.silent.Since, Offset: -1}
	}
	return s
}

// stopOf is stop where brokers answer.
func (n news) stopOf(p *partition, was ledger.Report) ledger.Report {
	code, reason := p.Why()
	t := n.troubles[p.lane.number]
	switch {
	case p.State() == assignment.Parked:
		at, bad := p.BadAt()
		if !bad {
			at = -1
		}
		return ledger.Report{Halt: ledger.HaltParked, Code: code, Reason: reason, Record: bad, Offset: at}
	case p.Probing() || p.Held() && p.Runs() || p.State() == assignment.Pending: // it is being tested, or reconciled: nothing is decided yet
		if was.Current(p.Done()) {
			return was
		}
	case p.State() == assignment.Waiting:
		return ledger.Report{Halt: ledger.HaltWaiting, Code: code, Reason: reason, Offset: p.HeldAt()}
	case p.Silent():
		return ledger.Report{Halt: ledger.HaltWaiting, Reason: n.reasons[p.TopicPartition], Offset: -1}
	case p.IsBlocked():
		return ledger.Report{Halt: ledger.HaltBlocked, Reason: n.reasons[p.TopicPartition], Offset: -1}
	case p.lane.mu.inflight != nil && p.lane.mu.finished == t.batch && !p.Idle():
		return ledger.Report{Halt: ledger.HaltRetrying, Code: t.code, Reason: t.reason, Since: t.since, Offset: -1}
	}
	return ledger.Report{}
}

// locate fills in what the ledger holds of partitions that wait for the brokers since before this worker knew it.
func (r *reporter) locate(ctx context.Context, stops []ledger.Report) {
	unknown := func(s ledger.Report) bool { return s.Halt == ledger.HaltWaiting && s.Position.Absent() }
	if !slices.ContainsFunc(stops, unknown) {
		return
	}
	snap, err := r.e.ledger.Read(ctx, r.e.cfg.Group)
	if err != nil {
		return
	}
	for i, s := range stops {
		if at := snap.Positions[s.TopicPartition]; unknown(s) {
			stops[i].Offset, stops[i].Position = at.Offset, ledger.Position{Offset: at.Offset, Fence: at.Fence}
		}
	}
}

// parked lists the partitions that stand still until their cause is mended.
func (e *Engine) parked() []fencepost.TopicPartition {
	return names(e.pick(func(p *partition) bool { return p.State() == assignment.Parked || p.Probing() }))
}
