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

var (
	_ sink.Lane  = (*Lane)(nil)
	_ sink.Trier = (*Lane)(nil)
)

// Commit makes the batch's effects and its moves visible together, or nothing. A batch without segments does nothing.
func (l *Lane) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	return l.alone("commit", func() error {
		if len(c.Segments) == 0 {
			return nil
		}
		if err := validCommit(c); err != nil {
			return err
		}
		return l.store.change(ctx, w, c, func(tx *Tx) error { return l.store.effects(ctx, tx, c.Batch) })
	})
}

// Try makes the batch's effects on a copy that is dropped.
func (l *Lane) Try(ctx context.Context, b *fencepost.Batch) error {
	return l.alone("try", func() error {
		if err := l.store.stopAt(ctx, BeforeApply); err != nil {
			return fmt.Errorf("try batch: %w", err)
		}
		tx := l.store.tx()
		if err := l.store.effects(ctx, tx, b); err != nil {
			return err
		}
		l.store.mu.Lock()
		defer l.store.mu.Unlock()
		return l.store.mu.refuses(tx.rows)
	})
}

// alone runs a call, and finds out whether another goroutine runs one.
func (l *Lane) alone(verb string, call func() error) error {
	if !l.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("%s on lane %d: two goroutines use it at once", verb, l.number)
	}
	defer l.busy.Store(false)
	if l.closed.Load() {
		return fmt.Errorf("%s on lane %d: it is closed", verb, l.number)
	}
	return call()
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

// change is the one way in which a store changes: effects, letters and moves together.
func (s *Store) change(ctx context.Context, w ledger.Actor, c sink.Commit, effects func(*Tx) error) error {
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
		tx := s.tx()
		if err := effects(tx); err != nil {
			return err
		}
		err := s.apply(w, c, tx)
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
func (s *Store) apply(w ledger.Actor, c sink.Commit, tx *Tx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.version > version {
		return ledger.ErrNewer
	}
	b := s.mu.book(w.Group)
	if err := b.Compare(w, c.Moves); err != nil {
		return err
	}
	if c.Replays() {
		if err := s.mu.waits(w.Group, c.Removed); err != nil {
			return err
		}
	}
	for key, was := range tx.read {
		if s.mu.values[key] != was {
			return errStale
		}
	}
	if err := s.mu.refuses(tx.rows); err != nil {
		return err
	}

	s.mu.rows = append(s.mu.rows, tx.rows...)
	maps.Copy(s.mu.values, tx.set)
	s.mu.keepLetters(w, c, time.Now())
	if len(c.Moves) > 0 {
		b.Record(w, c.Moves, time.Now(), s.mu.keep)
		s.mu.groups[w.Group] = b
	}
	return nil
}

// validCommit checks the guarantees of a Commit and its Batch. A fast store leaves that to the engine.
func validCommit(commit sink.Commit) error {
	b := commit.Batch
	if commit.Replays() {
		return nil
	}
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
		last := s.Range.From
		for _, o := range b.Offsets[s.Lo:s.Hi] {
			if o < last || o >= s.Range.Until {
				return fmt.Errorf("commit %s: row at %d is outside %s or out of order", s.TopicPartition, o, s.Range)
			}
			last = o
		}
	}
	return validLetters(commit)
}

// validLetters checks that each dead letter is of a record that the commit passes.
func validLetters(c sink.Commit) error {
	for _, d := range c.Dead {
		if !slices.ContainsFunc(c.Segments, func(s fencepost.Segment) bool {
			return s.TopicPartition == d.TopicPartition && s.Range.Contains(d.Offset) && !slices.Contains(c.Offsets[s.Lo:s.Hi], d.Offset)
		}) {
			return fmt.Errorf("commit: a dead letter of %s@%d, which it does not pass without a row", d.TopicPartition, d.Offset)
		}
	}
	return nil
}
