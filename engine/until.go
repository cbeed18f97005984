package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
)

// fixEnds asks once where a run with an end stops, for every partition of the topics: what arrives later is not read.
func (e *Engine) fixEnds(ctx context.Context, about fencepost.Description) error {
	var asks []fencepost.Ask
	for name, topic := range about.Topics {
		for p := range topic.Partitions {
			asks = append(asks, fencepost.Ask{TopicPartition: fencepost.TopicPartition{Topic: name, Partition: p},
				LeaderEpoch: fencepost.NoEpoch, Time: e.cfg.Until.Time})
		}
	}
	until := time.Now().Add(e.cfg.Wait)
	for len(asks) > 0 {
		asking, cancel := context.WithTimeout(ctx, requestTimeout)
		got := e.cluster.Bounds(asking, asks)
		cancel()
		var silent []fencepost.Ask
		var why error
		for _, a := range asks {
			b, ok := got[a.TopicPartition]
			switch {
			case !ok || b.Err != nil:
				silent, why = append(silent, a), b.Err
			case !e.cfg.Until.Time.IsZero() && b.AtTime >= 0:
				e.ends[a.TopicPartition] = min(b.AtTime, e.endOf(b))
			default:
				e.ends[a.TopicPartition] = e.endOf(b)
			}
		}
		if asks = silent; len(asks) == 0 {
			break
		}
		if time.Now().After(until) {
			return &fencepost.Fault{Code: "ends-unknown", Err: fmt.Errorf("%s has no end that the brokers would tell, and %d more: %w",
				asks[0].TopicPartition, len(asks)-1, why), Help: "wait until every partition has a leader"}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
	return nil
}

// endOf is where a partition ends for this run's isolation.
func (e *Engine) endOf(b fencepost.Bounds) fencepost.Offset {
	if e.cfg.Uncommitted {
		return b.End
	}
	return b.Stable
}

// checkEnd ends a run with an end once nothing is left to do: the partitions held here are at their ends or parked, and
// the ledger has every other one at its end.
func (e *Engine) checkEnd(ctx context.Context) {
	var open, stuck, parks []*partition
	for _, p := range e.held() {
		p.lane.mu.Lock()
		switch {
		case p.gone || p.finished():
		case p.state == parked && p.idle() || p.probing:
			parks = append(parks, p)
		case p.state == unsettled || p.state == waiting || !p.silent.IsZero() || p.blockedTold:
			stuck = append(stuck, p)
		default:
			open = append(open, p)
		}
		p.lane.mu.Unlock()
	}
	switch {
	case len(open) > 0:
		e.stuckSince = time.Time{}
	case len(stuck) > 0:
		e.waitForStuck(stuck)
	case e.othersDone(ctx):
		e.finish(parksLeft(parks))
	}
}

// waitForStuck gives up on partitions that do not answer after Config.Wait.
func (e *Engine) waitForStuck(stuck []*partition) {
	if e.stuckSince.IsZero() {
		e.stuckSince = time.Now()
	}
	if time.Since(e.stuckSince) < e.cfg.Wait {
		return
	}
	var b strings.Builder
	for i, p := range stuck {
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(p.String())
	}
	e.finish(&fencepost.Fault{Code: "ends-not-reached", Exit: 1,
		Err:  fmt.Errorf("%d partitions did not reach their end in %s of waiting: %s", len(stuck), e.cfg.Wait, b.String()),
		Help: "run it again when they answer; nothing is lost"})
}

// othersDone reports whether the ledger has every partition that is not held here at its end. It asks the ledger at
// most five times a second.
func (e *Engine) othersDone(ctx context.Context) bool {
	var others []fencepost.TopicPartition
	for tp := range e.ends {
		if e.partition(tp) == nil {
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
		if pos, ok := snapshot.Positions[tp]; !ok || pos.Offset < e.ends[tp] {
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
	var b strings.Builder
	for _, p := range parks {
		b.WriteString(" " + p.String())
	}
	return &fencepost.Fault{Code: "parked-left", Exit: 3,
		Err: fmt.Errorf("every other partition reached its end; parked:%s", b.String()), Help: "mend what parks them, and run it again"}
}
