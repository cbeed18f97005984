package engine

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
)

// mirror copies committed offsets to the Kafka group, for tools that read them there and for laws 10 and 12. It is
// never read back as truth: a write that fails is told and written again with the next one.
type mirror struct {
	e    *Engine
	wake chan struct{}
	idle bool // the ledger writes the group's offsets itself; set before the first commit

	mu struct {
		sync.Mutex
		latest map[fencepost.TopicPartition]fencepost.Mirror
		dirty  map[fencepost.TopicPartition]bool
	}
	sending chan struct{} // holds an element while a request is in flight, so that a late one can not undo a newer one; capacity 1
}

// mirrorEvery is the shortest time between two writes of the mirror, renewEvery the longest: offsets of an idle group
// expire.
const (
	mirrorEvery = 500 * time.Millisecond
	renewEvery  = time.Hour
)

func newMirror(e *Engine) *mirror {
	m := &mirror{e: e, wake: make(chan struct{}, 1), sending: make(chan struct{}, 1)}
	m.mu.latest = map[fencepost.TopicPartition]fencepost.Mirror{}
	m.mu.dirty = map[fencepost.TopicPartition]bool{}
	return m
}

// leaveTo leaves the group's offsets to a ledger that writes them with its moves: a mirror behind it would overwrite its
// marks, and look like another program.
func (m *mirror) leaveTo(ctx context.Context, l fencepost.Ledger, cluster string) (err error) {
	if k, ok := l.(fencepost.GroupKeeper); ok {
		if m.idle, err = k.KeepsGroup(ctx, cluster); err != nil {
			return fmt.Errorf("ask ledger who writes the group's offsets: %w", err)
		}
	}
	return nil
}

// committed notes positions to be mirrored. One of a partition that has left says nothing: its heir's mark is newer, and
// this one would be renewed over it.
func (m *mirror) committed(segments []fencepost.Segment) {
	if m.idle {
		return
	}
	m.mu.Lock()
	for i := range segments {
		next := segments[i].Move.Next
		tp := segments[i].Move.TopicPartition
		if m.e.partition(tp) == nil { // asked under m.mu: drop comes behind forget
			continue
		}
		m.mu.latest[tp] = fencepost.Mirror{Offset: next.Offset, LeaderEpoch: next.LeaderEpoch, Ledger: m.e.identity, TopicID: next.TopicID}
		m.mu.dirty[tp] = true
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run writes the mirror until ctx ends.
func (m *mirror) run(ctx context.Context) {
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-renew.C:
			m.mu.Lock()
			for tp := range m.mu.latest {
				m.mu.dirty[tp] = true
			}
			m.mu.Unlock()
		}
		m.send(ctx, nil)
		select {
		case <-ctx.Done():
			return
		case <-time.After(mirrorEvery):
		}
	}
}

// send writes what is new of tps (nil: of all).
func (m *mirror) send(ctx context.Context, tps []fencepost.TopicPartition) {
	select {
	case m.sending <- struct{}{}:
		defer func() { <-m.sending }()
	case <-ctx.Done(): // a revoke does not wait for a request that hangs
		return
	}
	m.mu.Lock()
	marks := map[fencepost.TopicPartition]fencepost.Mirror{}
	if tps == nil {
		for tp := range m.mu.dirty {
			marks[tp] = m.mu.latest[tp]
		}
	}
	for _, tp := range tps {
		if m.mu.dirty[tp] {
			marks[tp] = m.mu.latest[tp]
		}
	}
	for tp := range marks {
		delete(m.mu.dirty, tp)
	}
	m.mu.Unlock()
	if len(marks) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := m.e.cluster.Mirror(ctx, m.e.cfg.Group, marks); err != nil {
		if ctx.Err() == nil {
			m.e.emit(MirrorFailed{Err: err})
		}
		m.mu.Lock() // also where a stop cut the request short: the flush that follows writes these again
		for tp := range maps.Keys(marks) {
			if _, held := m.mu.latest[tp]; held {
				m.mu.dirty[tp] = true
			}
		}
		m.mu.Unlock()
	}
}

// flush writes what is new of partitions that are leaving.
func (m *mirror) flush(ctx context.Context, tps []fencepost.TopicPartition) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	m.send(ctx, tps)
}

// drop forgets partitions.
func (m *mirror) drop(tps []fencepost.TopicPartition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, tp := range tps {
		delete(m.mu.latest, tp)
		delete(m.mu.dirty, tp)
	}
}
