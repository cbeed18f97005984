package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
)

// fixEnds asks where a run with an end stops, for every consumed partition, until all are known: what arrives later is
// not read. A topic that is not described yet has partitions that are not known yet.
func (e *Engine) fixEnds(ctx context.Context, s *reconciliation) error {
	until := time.Now().Add(e.cfg.Wait)
	for {
		silent, err := e.askEnds(ctx, s)
		if err == nil && silent == "" {
			e.askTwice(ctx, s)
			return e.reachable(ctx)
		}
		if time.Now().After(until) {
			return &fencepost.UserError{Code: "ends-unknown", Err: fmt.Errorf("%s has no end that the brokers would tell: %w", silent, err)}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
		if len(s.about.Errs) == 0 {
			continue
		}
		if about, err := e.cluster.Describe(ctx); err == nil {
			s.about = about
		}
	}
}

// askEnds asks once for the ends that are not known yet. It returns one that is still unknown, and why.
func (e *Engine) askEnds(ctx context.Context, s *reconciliation) (silent string, why error) {
	for topic, err := range s.about.Errs {
		silent, why = "topic "+topic, err
	}
	var asks []fencepost.OffsetQuery
	for name, topic := range s.about.Topics {
		for p := range topic.Taken {
			tp := fencepost.TopicPartition{Topic: name, Partition: p}
			if _, known := e.ends[tp]; !known && e.cfg.Until.takes(tp) {
				asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: s.epoch(tp), Time: e.cfg.Until.Time})
			}
		}
	}
	if len(asks) == 0 {
		return silent, why
	}
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	got := e.cluster.LogOffsets(asking, asks)
	for _, a := range asks {
		b, ok := got[a.TopicPartition]
		switch {
		case !ok:
			silent, why = a.String(), fencepost.ErrNoAnswer
		case b.Err != nil:
			silent, why = a.String(), b.Err
		default:
			e.fixEnd(a.TopicPartition, b, s)
		}
	}
	return silent, why
}

// fixEnd takes one partition's end, and remembers a stored position that the log contradicts: whatever its offset is, it has
// not reached this end, and the run waits until the worker that holds the partition has reconciled it.
func (e *Engine) fixEnd(tp fencepost.TopicPartition, b fencepost.LogOffsets, s *reconciliation) {
	e.ends[tp] = e.endFor(tp, b)
	stored := s.stored(tp)
	d := ledger.Reconcile(stored, []ledger.Answer{{LogOffsets: b, ClusterID: s.about.ClusterID}}, e.cfg.Policy)
	if !stored.Position.Absent() && (d.Action == ledger.AskAgain || d.Action == ledger.Stop) {
		e.contradicted[tp] = stored.Position
	}
}

// askTwice asks again about the positions that the log seems to contradict (law 5): a broker that lagged behind gave an
// end that is too low, and no partition is to be waited for because of it.
func (e *Engine) askTwice(ctx context.Context, s *reconciliation) {
	tps := slices.Collect(maps.Keys(e.contradicted))
	if len(tps) == 0 {
		return
	}
	s.verdicts = map[fencepost.TopicPartition]verdict{}
	answers := map[fencepost.TopicPartition][]ledger.Answer{}
	for range 2 {
		s.bounds(ctx, tps, answers)
	}
	for _, tp := range tps {
		last := answers[tp][len(answers[tp])-1]
		if d := s.judge(tp, answers[tp]); last.Err == nil && (d.Action == ledger.Resume || d.Adopts()) {
			delete(e.contradicted, tp)
			e.ends[tp] = e.endFor(tp, last.LogOffsets)
		}
	}
}

// endFor is where the run ends in a partition.
func (e *Engine) endFor(tp fencepost.TopicPartition, b fencepost.LogOffsets) fencepost.Offset {
	if at, named := e.cfg.Until.Offsets[tp]; named {
		return at
	}
	end := e.endOf(b)
	if !e.cfg.Until.Time.IsZero() && b.AtTime >= 0 {
		end = min(b.AtTime, end)
	}
	return end
}

// reachable refuses ends that were named and that the log does not have: a range is applied whole or not at all. A
// broker that lags behind is asked again (law 5).
func (e *Engine) reachable(ctx context.Context) error {
	var short []fencepost.TopicPartition
	for tp := range e.cfg.Until.Offsets {
		short = append(short, tp)
	}
	slices.SortFunc(short, fencepost.TopicPartition.Compare)
	var last string
	for range 2 {
		asks := make([]fencepost.OffsetQuery, len(short))
		for i, tp := range short {
			asks[i] = fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch}
		}
		asking, cancel := context.WithTimeout(ctx, requestTimeout)
		got := e.cluster.LogOffsets(asking, asks)
		cancel()
		short = slices.DeleteFunc(short, func(tp fencepost.TopicPartition) bool {
			b, until := got[tp], e.cfg.Until.Offsets[tp]
			if b.Err == nil && until <= e.endOf(b) {
				return true
			}
			last = fmt.Sprintf("%s ends at %d, and the run was to end at %d", tp, e.endOf(b), until)
			if b.Err != nil {
				last = fmt.Sprintf("%s: %v", tp, b.Err)
			}
			return false
		})
	}
	if len(short) == 0 {
		return nil
	}
	return &fencepost.UserError{Code: "range-outside", Err: fmt.Errorf("%s; nothing was applied", last)}
}

// endOf is where a partition ends for this run's isolation.
func (e *Engine) endOf(b fencepost.LogOffsets) fencepost.Offset {
	if e.cfg.Uncommitted {
		return b.HighWatermark
	}
	return b.LastStableOffset
}

// checkEnd ends a run with an end once nothing is left to do: the partitions held here are at their ends or parked, and
// the ledger has every other one at its end. While something is left to do it looks no further.
func (e *Engine) checkEnd(ctx context.Context) {
	var here, stuck, parks []*partition
	open := false
	for p := range e.every {
		here = append(here, p)
		switch {
		case p.Finished():
		case p.State() == assignment.Parked && p.Idle():
			parks = append(parks, p)
		case p.State() == assignment.Pending || p.State() == assignment.Waiting || p.Silent() || p.IsBlocked(), p.lane.mu.waits:
			stuck = append(stuck, p)
		default:
			open = true
		}
		if open {
			break
		}
	}
	if open || len(stuck) == 0 {
		e.stuckSince = time.Time{}
	}
	switch {
	case open:
	case len(stuck) > 0:
		e.waitForStuck(stuck)
	case e.othersDone(ctx, here):
		e.finish(parksLeft(parks))
	}
}

// waitForStuck gives up after Config.Wait on partitions that do not answer, or whose commits wait for the store.
func (e *Engine) waitForStuck(stuck []*partition) {
	if e.stuckSince.IsZero() {
		e.stuckSince = time.Now()
	}
	if time.Since(e.stuckSince) < e.cfg.Wait {
		return
	}
	slices.SortFunc(stuck, inOrder)
	var b strings.Builder
	for i, p := range stuck {
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(p.String())
	}
	e.finish(&fencepost.UserError{Code: "ends-not-reached",
		Err: fmt.Errorf("%d partitions did not reach their end in %s of waiting: %s", len(stuck), e.cfg.Wait, b.String())})
}

// othersDone reports whether the ledger has every partition that was not found here at its end: one that is on its way
// to another worker, or has come since, is not judged by what is in this process. It asks the ledger at most five times
// a second.
func (e *Engine) othersDone(ctx context.Context, here []*partition) bool {
	found := make(map[fencepost.TopicPartition]bool, len(here))
	for _, p := range here {
		found[p.TopicPartition] = true
	}
	var others []fencepost.TopicPartition
	for tp := range e.ends {
		if !found[tp] {
			others = append(others, tp)
		}
	}
	if len(others) == 0 {
		return true
	}
	if time.Since(e.askedOthers) < 200*time.Millisecond {
		return false
	}
	e.askedOthers = time.Now()
	snapshot, err := e.ledger.Read(ctx, e.cfg.Group)
	if err != nil {
		return false
	}
	for _, tp := range others {
		pos, ok := snapshot.Positions[tp]
		odd, was := e.contradicted[tp]
		if !ok || pos.Offset < e.ends[tp] || was && pos.Holds(odd) {
			return false
		}
	}
	return true
}

// parksLeft is how a run with an end finishes when partitions stay parked.
func parksLeft(parks []*partition) error {
	if len(parks) == 0 {
		return nil
	}
	slices.SortFunc(parks, inOrder)
	var b strings.Builder
	for _, p := range parks {
		b.WriteString(" " + p.String())
	}
	return &fencepost.UserError{Code: "parked-left",
		Err: fmt.Errorf("every other partition reached its end; parked:%s", b.String())}
}
