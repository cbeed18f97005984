package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// sign is a held sign of life.
type sign struct {
	store *Store
	name  string
	once  sync.Once
	lost  chan struct{}
}

// Appear takes a sign.
func (s *Store) Appear(ctx context.Context, _ fencepost.Group, name string) (ledger.Sign, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := &sign{store: s, name: name, lost: make(chan struct{})}
	if s.mu.signs == nil {
		s.mu.signs = map[string]*sign{}
	}
	s.mu.signs[name] = held
	s.tell()
	return held, nil
}

// tell wakes those that watch. REQUIRES: the lock.
func (s *Store) tell() {
	if s.mu.told != nil {
		close(s.mu.told)
	}
	s.mu.told = make(chan struct{})
}

// Alive returns those of the signs that are held.
func (s *Store) Alive(ctx context.Context, _ fencepost.Group, signs []string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(signs), func(name string) bool { return s.mu.signs[name] == nil }), ctx.Err()
}

// EndSigns takes signs away whose processes have died, as far as the others see, all in one moment.
func (s *Store) EndSigns(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		delete(s.mu.signs, name)
	}
	s.tell()
}

// LoseSigns takes signs away, as a store does that closes its connections: their holders are told. No names: all, as one does that restarts.
func (s *Store) LoseSigns(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, held := range s.mu.signs {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		held.once.Do(func() { close(held.lost) })
		delete(s.mu.signs, name)
	}
	s.tell()
}

// Watch waits until one of the signs is not held.
func (h *sign) Watch(ctx context.Context, others []string) (ended []string, err error) {
	for {
		h.store.mu.Lock()
		told := h.store.mu.told
		for _, name := range others {
			if h.store.mu.signs[name] == nil {
				ended = append(ended, name)
			}
		}
		h.store.mu.Unlock()
		if len(ended) > 0 {
			return ended, nil
		}
		select {
		case <-told:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Lost waits for LoseSigns.
func (h *sign) Lost(ctx context.Context) error {
	select {
	case <-h.lost:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// End gives the sign back.
func (h *sign) End(context.Context) error {
	h.store.EndSigns(h.name)
	return nil
}
