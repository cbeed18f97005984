package engine

import (
	"slices"
	"sync"
	"sync/atomic"
)

// events delivers each event to every subscriber, one call at a time. The list of subscribers has a lock of its own, so
// that a subscriber may subscribe and cancel while it is called.
type events struct {
	delivery sync.Mutex
	over     bool // guarded by delivery: Stopped was the last, what was left behind is not reported any more

	mu struct {
		sync.Mutex
		subscribers []*subscriber // never changed in place: a delivery goes through it without the lock
	}
}

type subscriber struct {
	receive  func(Event)
	canceled atomic.Bool
}

// Subscribe has f receive each event from now on, in order, one call at a time; f must not block, and keeps nothing of an
// event that says it is valid during the call only. The last event of a run is Stopped. After cancel no call begins; one
// that has begun may still run.
func (e *Engine) Subscribe(f func(Event)) (cancel func()) {
	s := &subscriber{receive: f}
	e.events.mu.Lock()
	defer e.events.mu.Unlock()
	e.events.mu.subscribers = append(slices.Clone(e.events.mu.subscribers), s)
	return func() {
		s.canceled.Store(true)
		e.events.mu.Lock()
		defer e.events.mu.Unlock()
		e.events.mu.subscribers = slices.DeleteFunc(slices.Clone(e.events.mu.subscribers), func(o *subscriber) bool { return o == s })
	}
}

// emit reports events, one goroutine at a time. REQUIRES: the caller holds no lock.
func (e *Engine) emit(events ...Event) {
	e.events.delivery.Lock()
	defer e.events.delivery.Unlock()
	for _, ev := range events {
		if e.events.over {
			return
		}
		_, e.events.over = ev.(Stopped)
		e.events.mu.Lock()
		subscribers := e.events.mu.subscribers
		e.events.mu.Unlock()
		for _, s := range subscribers {
			if !s.canceled.Load() {
				s.receive(ev)
			}
		}
	}
}
