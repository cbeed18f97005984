package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Lane is one stream of commits. It finds out when two goroutines use it at once.
type Lane struct {
	store  *Store
	number int
	busy   atomic.Bool
	closed atomic.Bool
}

var _ sink.Lane = (*Lane)(nil)

// Commit makes the batch's effects and its moves visible together, or nothing. A batch without segments does nothing.
func (l *Lane) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	if !l.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("commit on lane %d: two goroutines use it at once", l.number)
	}
	defer l.busy.Store(false)
	if l.closed.Load() {
		return fmt.Errorf("commit on lane %d: it is closed", l.number)
	}
	if len(c.Segments) == 0 {
		return nil
	}
	if err := validCommit(c); err != nil {
		return err
	}
	return l.store.change(ctx, w, c.Moves, func(tx *Tx) error { return l.store.effects(ctx, tx, c.Batch) })
}

// Close ends the lane.
func (l *Lane) Close() error {
	l.closed.Store(true)
	return nil
}

// effects runs the handler, or appends the batch's rows.
func (s *Store) effects(ctx context.Context, tx *Tx, b *fencepost.Batch) error {
	if s.Handle == nil {
		tx.Append(RowsOf(b)...)
		return nil
	}
	if err := s.Handle(ctx, tx, b); err != nil {
		return fmt.Errorf("handle batch: %w", err)
	}
	return nil
}

// errStale says that what a handler read has changed: it runs again.
var errStale = errors.New("a value that the handler read has changed")

// change is the one way in which a store changes: effects and moves together.
func (s *Store) change(ctx context.Context, w ledger.Actor, moves []ledger.Move, effects func(*Tx) error) error {
	fault := s.nextFault()
	if err := s.stopAt(ctx, BeforeApply); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	switch fault {
	case LostBefore:
		return fmt.Errorf("commit: the answer is lost: %w", ledger.ErrUnknown)
	case Down:
		return &fencepost.UserError{Code: "store-down", Err: errors.New("the store does not answer"), Passing: true}
	case NoFault, LostAfter:
	}
	for {
		tx := &Tx{store: s, read: map[string]string{}, set: map[string]string{}}
		if err := effects(tx); err != nil {
			return err
		}
		err := s.apply(w, moves, tx)
		if err == nil {
			break
		}
		if !errors.Is(err, errStale) {
			return err
		}
	}
	if err := s.stopAt(ctx, AfterApply); err != nil {
		return fmt.Errorf("commit: %w: %w", ledger.ErrUnknown, err)
	}
	if fault == LostAfter {
		return fmt.Errorf("commit: the answer is lost: %w", ledger.ErrUnknown)
	}
	return nil
}

// apply is the commit itself: everything that can refuse, then everything that changes.
func (s *Store) apply(w ledger.Actor, moves []ledger.Move, tx *Tx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.version > version {
		return ledger.ErrNewer
	}
	b := s.mu.book(w.Group)
	if err := b.Compare(w, moves); err != nil {
		return err
	}
	for key, was := range tx.read {
		if s.mu.values[key] != was {
			return errStale
		}
	}
	if s.mu.reject != nil {
		for _, r := range tx.rows {
			if rejected := s.mu.reject(r); rejected != nil {
				return rejected
			}
		}
	}

	s.mu.rows = append(s.mu.rows, tx.rows...)
	maps.Copy(s.mu.values, tx.set)
	b.Record(w, moves, time.Now(), s.mu.keep)
	s.mu.groups[w.Group] = b
	return nil
}

// validCommit checks the guarantees of a Commit and its Batch. A fast store leaves that to the engine.
func validCommit(commit sink.Commit) error {
	b := commit.Batch
	if len(commit.Moves) != len(b.Segments) {
		return fmt.Errorf("commit: %d moves of %d segments", len(commit.Moves), len(b.Segments))
	}
	if !slices.IsSortedFunc(b.Segments, func(x, y fencepost.Segment) int { return x.Compare(y.TopicPartition) }) {
		return errors.New("commit: segments are not in partition order")
	}
	for _, c := range b.Columns {
		if c.Len() != len(b.Offsets) {
			return fmt.Errorf("commit: column %s has %d rows of %d", c.Name, c.Len(), len(b.Offsets))
		}
	}
	for i, s := range b.Segments {
		m := commit.Moves[i]
		if m.Cause != ledger.CauseCommit {
			return fmt.Errorf("commit %s: the cause is %s", s.TopicPartition, m.Cause)
		}
		if m.TopicPartition != s.TopicPartition || (fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset}) != s.Range {
			return fmt.Errorf("commit %s %s: its move is of %s from %d to %d", s.TopicPartition, s.Range, m.TopicPartition, m.Held.Offset, m.Next.Offset)
		}
		if s.Lo < 0 || s.Hi < s.Lo || s.Hi > len(b.Offsets) || len(b.Times) != len(b.Offsets) {
			return fmt.Errorf("commit %s: rows [%d, %d) of %d", s.TopicPartition, s.Lo, s.Hi, len(b.Offsets))
		}
		last := s.Range.From - 1
		for _, o := range b.Offsets[s.Lo:s.Hi] {
			if o <= last || o >= s.Range.Until {
				return fmt.Errorf("commit %s: row at %d is outside %s or out of order", s.TopicPartition, o, s.Range)
			}
			last = o
		}
	}
	return nil
}
