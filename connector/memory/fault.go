package memory

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Fault is an injected failure of one commit or move.
type Fault uint8

// The faults. The zero Fault is none.
const (
	NoFault    Fault = iota
	LostBefore       // nothing is applied and the answer is lost: ErrUnknown
	LostAfter        // it is applied and the answer is lost: ErrUnknown
	Down             // nothing is applied: a passing *fencepost.UserError
)

// Inject queues faults: each next commit or move, of any worker, takes the first one. NoFault lets one pass.
func (s *Store) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.faults = append(s.mu.faults, faults...)
}

// nextFault takes the first fault of the queue.
func (s *Store) nextFault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.faults) == 0 {
		return NoFault
	}
	f := s.mu.faults[0]
	s.mu.faults = s.mu.faults[1:]
	return f
}

// Point is a place in a call where a Hook is asked.
type Point uint8

// The points.
const (
	Reading     Point = iota // a Read, before it looks
	BeforeApply              // a commit or move, before anything happened
	AfterApply               // a commit or move that happened, before its answer
)

// Hook delays a call by not returning, and fails it with an error: nothing happened at Reading and BeforeApply; at
// AfterApply the caller gets ErrUnknown. It runs without a lock, so other workers go on meanwhile.
type Hook func(context.Context, Point) error

// SetHook replaces the hook. nil: none.
func (s *Store) SetHook(h Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.hook = h
}

// stopAt asks the hook, then the context.
func (s *Store) stopAt(ctx context.Context, p Point) error {
	s.mu.Lock()
	h := s.mu.hook
	s.mu.Unlock()
	if h != nil {
		if err := h(ctx, p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// SetReject replaces the constraint on rows: it returns why a row is refused, nil for one that is taken. It must not
// use the store. nil: every row is taken.
func (s *Store) SetReject(reject func(Row) *sink.Rejected) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.reject = reject
}

// DeleteRow deletes one partition's row behind the ledger's back.
func (s *Store) DeleteRow(name fencepost.Group, tp fencepost.TopicPartition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.book(name).Put(tp, ledger.Position{})
}

// ForeignWrite puts a row without a Fence in a partition's place, as another program would.
func (s *Store) ForeignWrite(name fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.mu.book(name)
	b.Put(tp, ledger.Position{Offset: at, LeaderEpoch: fencepost.NoEpoch})
	s.mu.groups[name] = b
}

// MakeNewer turns the store into one that a newer version of the program wrote.
func (s *Store) MakeNewer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.version = version + 1
}
