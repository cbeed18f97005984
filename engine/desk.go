package engine

import (
	"slices"

	"github.com/fencepost/fencepost"
)

// partition is the held partition of that name, nil if it is not held.
func (e *Engine) partition(tp fencepost.TopicPartition) *partition {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.parts[tp]
}

// held is all held partitions, in order.
func (e *Engine) held() []*partition {
	e.mu.Lock()
	defer e.mu.Unlock()
	parts := make([]*partition, 0, len(e.mu.parts))
	for _, p := range e.mu.parts {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b *partition) int { return a.Compare(b.TopicPartition) })
	return parts
}

// hold takes newly assigned partitions in, each into the lane with the fewest: it stays there while it is held.
func (e *Engine) hold(tps []fencepost.TopicPartition) []*partition {
	parts := make([]*partition, 0, len(tps))
	for _, tp := range tps {
		if p := e.partition(tp); p != nil {
			parts = append(parts, p)
			continue
		}
		e.mu.Lock()
		l := e.lanes[0]
		for _, m := range e.lanes {
			if e.mu.load[m] < e.mu.load[l] {
				l = m
			}
		}
		p := &partition{TopicPartition: tp, lane: l, fresh: true, end: -1, base: -1, stable: -1, high: -1}
		e.mu.parts[tp] = p
		e.mu.load[l]++
		e.mu.Unlock()
		l.add(p)
		parts = append(parts, p)
	}
	return parts
}

// release voids what is queued and cut of partitions that are leaving.
func (e *Engine) release(tps []fencepost.TopicPartition) {
	for _, tp := range tps {
		p := e.partition(tp)
		if p == nil {
			continue
		}
		p.lane.mu.Lock()
		e.freed(p.leave())
		p.lane.mu.Unlock()
	}
}

// forget takes partitions off the desk and out of their lanes.
func (e *Engine) forget(tps []fencepost.TopicPartition) {
	for _, tp := range tps {
		e.mu.Lock()
		p := e.mu.parts[tp]
		delete(e.mu.parts, tp)
		if p != nil {
			e.mu.load[p.lane]--
		}
		e.mu.Unlock()
		if p == nil {
			continue
		}
		p.lane.mu.Lock()
		p.lane.mu.parts = slices.DeleteFunc(p.lane.mu.parts, func(q *partition) bool { return q == p })
		p.lane.mu.Unlock()
	}
}

// unsettle voids what is queued and cut of partitions, and has the keeper settle them.
func (e *Engine) unsettle(parts []*partition, why string) {
	if len(parts) == 0 {
		return
	}
	for _, p := range parts {
		p.lane.mu.Lock()
		if !p.gone {
			e.freed(p.unsettle())
			p.reason = why
		}
		p.lane.mu.Unlock()
	}
	e.pokeKeeper()
}

func names(parts []*partition) []fencepost.TopicPartition {
	tps := make([]fencepost.TopicPartition, len(parts))
	for i, p := range parts {
		tps[i] = p.TopicPartition
	}
	return tps
}

func (e *Engine) pokeAll() {
	for _, l := range e.lanes {
		l.poke()
	}
}
