package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// PrepareLetters does nothing: the place is there.
func (s *Store) PrepareLetters(ctx context.Context, _ fencepost.Group) error { return ctx.Err() }

// Letters yields the group's letters at the moment of the first step.
func (s *Store) Letters(_ context.Context, name fencepost.Group) iter.Seq2[ledger.Letter, error] {
	return func(yield func(ledger.Letter, error) bool) {
		s.mu.Lock()
		letters := slices.SortedFunc(maps.Values(s.mu.letters[name]), func(a, b ledger.Letter) int {
			return cmp.Or(a.TopicPartition.Compare(b.TopicPartition), cmp.Compare(a.Offset, b.Offset), bytes.Compare(a.TopicID[:], b.TopicID[:]))
		})
		s.mu.Unlock()
		for _, l := range letters {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// LetterCounts counts the letters that wait.
func (s *Store) LetterCounts(_ context.Context, name fencepost.Group) (map[fencepost.TopicPartition]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[fencepost.TopicPartition]int64{}
	for id, l := range s.mu.letters[name] {
		if l.Discarded == "" {
			counts[id.TopicPartition]++
		}
	}
	return counts, nil
}

// LettersFrom names the letters at or past these offsets.
func (s *Store) LettersFrom(_ context.Context, name fencepost.Group, from map[fencepost.TopicPartition]fencepost.Offset) (ids []ledger.LetterID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.mu.letters[name] {
		if at, asked := from[id.TopicPartition]; asked && id.Offset >= at {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Discard empties letters.
func (s *Store) Discard(_ context.Context, w ledger.Actor, ids []ledger.LetterID, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mu.waits(w.Group, ids); err != nil {
		return err
	}
	for _, id := range ids {
		l := s.mu.letters[w.Group][id]
		l.Key, l.Value, l.Headers, l.Discarded = nil, nil, nil, why
		s.mu.letters[w.Group][id] = l
	}
	return nil
}

// waits returns ledger.ErrLetterGone if one of the letters does not wait.
func (c *content) waits(name fencepost.Group, ids []ledger.LetterID) error {
	for _, id := range ids {
		if l, ok := c.letters[name][id]; !ok || l.Discarded != "" {
			return fmt.Errorf("%w: %s@%d", ledger.ErrLetterGone, id.TopicPartition, id.Offset)
		}
	}
	return nil
}

// keepLetters removes the letters that a commit removes, and keeps those that it writes.
func (c *content) keepLetters(w ledger.Actor, commit sink.Commit, at time.Time) {
	for _, id := range commit.Removed {
		delete(c.letters[w.Group], id)
	}
	for _, d := range commit.Dead {
		if c.letters[w.Group] == nil {
			c.letters[w.Group] = map[ledger.LetterID]ledger.Letter{}
		}
		d.Key, d.Value, d.Headers = bytes.Clone(d.Key), bytes.Clone(d.Value), slices.Clone(d.Headers)
		c.letters[w.Group][d.LetterID] = ledger.Letter{DeadLetter: d.Bounded(), At: at, Who: w.Who}
	}
}
