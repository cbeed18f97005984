package engine

import (
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/allowance"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// partition is a held partition and the lane that commits it. The lane's mutex guards it.
type partition struct {
	assignment.Partition
	lane *lane

	spent  allowance.Spent  // bad records that were passed lately
	over   bool             // Max was reached at overAt
	overAt fencepost.Offset // the record that parks the partition for it
	// ahead are letters at or past the position, as it was reconciled: a move back was recorded since they were
	// written, and the commit that passes their records again takes them out.
	ahead []ledger.LetterID
}

// leaveBehind drops the letters in front of the committed position.
func (p *partition) leaveBehind() {
	p.ahead = slices.DeleteFunc(p.ahead, func(id ledger.LetterID) bool { return id.Offset < p.Done().Offset })
}

// partition is the held partition of that name, nil if it is not held.
func (e *Engine) partition(tp fencepost.TopicPartition) *partition {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.parts[tp]
}

// partitions is the held partitions of fetches, nil for one that is not held.
func (e *Engine) partitions(chunks []source.Fetch) []*partition {
	parts := make([]*partition, len(chunks))
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range chunks {
		parts[i] = e.mu.parts[chunks[i].TopicPartition]
	}
	return parts
}

// held is all held partitions, in order.
func (e *Engine) held() []*partition {
	e.mu.Lock()
	defer e.mu.Unlock()
	parts := make([]*partition, 0, len(e.mu.parts))
	for _, p := range e.mu.parts {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, inOrder)
	return parts
}

// inOrder compares partitions by name.
func inOrder(a, b *partition) int { return a.Compare(b.TopicPartition) }

// every yields the held partitions of which something may still be begun, lane by lane, each under its lane's mutex.
func (e *Engine) every(yield func(*partition) bool) {
	for _, l := range e.lanes {
		if !l.every(yield) {
			return
		}
	}
}

// pick is the held partitions for which f, called under their lane's mutex, is true, in order.
func (e *Engine) pick(f func(*partition) bool) (parts []*partition) {
	for p := range e.every {
		if f(p) {
			parts = append(parts, p)
		}
	}
	if len(e.lanes) > 1 { // a lane's own are in order
		slices.SortFunc(parts, inOrder)
	}
	return parts
}

// take accepts newly assigned partitions in, each into the lane with the fewest: it stays there while it is held.
func (e *Engine) take(tps []fencepost.TopicPartition) []*partition {
	parts := make([]*partition, len(tps))
	fresh := map[*lane][]*partition{}
	e.mu.Lock()
	for i, tp := range tps {
		if parts[i] = e.mu.parts[tp]; parts[i] != nil {
			continue
		}
		l := e.lanes[0]
		for _, m := range e.lanes {
			if e.mu.load[m] < e.mu.load[l] {
				l = m
			}
		}
		parts[i] = &partition{Partition: assignment.New(tp), lane: l}
		e.mu.parts[tp] = parts[i]
		e.mu.load[l]++
		fresh[l] = append(fresh[l], parts[i])
	}
	e.mu.Unlock()
	for l, list := range fresh {
		l.add(list)
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
		e.freed(p.Leave())
		p.lane.mu.Unlock()
	}
}

// forget removes partitions from the assignment and from their lanes.
func (e *Engine) forget(tps []fencepost.TopicPartition) {
	leaving := map[*lane]map[*partition]bool{}
	e.mu.Lock()
	for _, tp := range tps {
		p := e.mu.parts[tp]
		if p == nil {
			continue
		}
		delete(e.mu.parts, tp)
		e.mu.load[p.lane]--
		if leaving[p.lane] == nil {
			leaving[p.lane] = map[*partition]bool{}
		}
		leaving[p.lane][p] = true
	}
	e.mu.Unlock()
	for l, gone := range leaving {
		l.remove(gone)
	}
}

// reset voids what is queued and formed of partitions, and has the monitor reconcile them.
func (e *Engine) reset(parts []*partition, why string) {
	if len(parts) == 0 {
		return
	}
	for _, p := range parts {
		p.lane.mu.Lock()
		if !p.Gone() {
			e.freed(p.Reset(why))
		}
		p.lane.mu.Unlock()
	}
	e.wakeMonitor()
}

func names(parts []*partition) []fencepost.TopicPartition {
	tps := make([]fencepost.TopicPartition, len(parts))
	for i, p := range parts {
		tps[i] = p.TopicPartition
	}
	return tps
}

func (e *Engine) notifyLanes() {
	for _, l := range e.lanes {
		l.notify()
	}
}
