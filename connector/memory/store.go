package memory

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// version is what this code writes into a store, and the newest that it reads.
const version = 1

// Store is a sink and its ledger. It is made by [Open]; all its methods are safe for concurrent use. The exported
// fields are set before the store is first used.
type Store struct {
	// Handle makes a batch's effects inside the commit. nil: each row of the batch is appended to the rows. It runs
	// without a lock, and again if what it read has changed meanwhile. Its error leaves nothing behind.
	Handle func(context.Context, *Tx, *fencepost.Batch) error
	// Metadata is what Columns answers: the metadata columns that Handle reads. nil: none.
	Metadata []string

	mu struct {
		sync.Mutex
		content
		keep ledger.KeepCommits
		hook Hook
		rejecter
		faults []Fault // for the next commits and moves, first first
		silent bool    // it has no place for reports
		signs  map[string]*sign
		told   chan struct{} // closed when a sign is taken or ends; nil: none was taken yet
	}
}

var (
	_ sink.Sink       = (*Store)(nil)
	_ ledger.Ledger   = (*Store)(nil)
	_ ledger.History  = (*Store)(nil)
	_ ledger.Recent   = (*Store)(nil)
	_ ledger.Reports  = (*Store)(nil)
	_ ledger.Letters  = (*Store)(nil)
	_ ledger.Presence = (*Store)(nil)
)

// content is all that a backup holds.
type content struct {
	id      fencepost.LedgerID
	version int
	groups  map[fencepost.Group]*ledger.Book
	reports map[fencepost.Group]map[string]string // :: group -> subject -> text
	letters map[fencepost.Group]map[ledger.LetterID]ledger.Letter
	rows    []Row
	values  map[string]string
}

// rejecter is a store's constraint on rows.
type rejecter struct{ reject func(Row) *sink.Rejected }

// refuses is why one of the rows is refused.
func (r rejecter) refuses(rows []Row) error {
	if r.reject == nil {
		return nil
	}
	for _, row := range rows {
		if rejected := r.reject(row); rejected != nil {
			return rejected
		}
	}
	return nil
}

// Open makes an empty store with an identity of its own.
func Open() *Store {
	s := &Store{}
	rand.Read(s.mu.id[:])
	s.mu.version = version
	s.mu.groups = map[fencepost.Group]*ledger.Book{}
	s.mu.reports = map[fencepost.Group]map[string]string{}
	s.mu.letters = map[fencepost.Group]map[ledger.LetterID]ledger.Letter{}
	s.mu.values = map[string]string{}
	return s
}

// Capabilities says that any number of lanes may be open, and that none keeps another waiting.
func (s *Store) Capabilities() sink.Capabilities {
	return sink.Capabilities{Name: "memory", Together: s.Handle != nil}
}

// Ledger is the store itself, which is a ledger.History too.
func (s *Store) Ledger() ledger.Ledger { return s }

// Columns is the store's Metadata. Every column is taken.
func (s *Store) Columns(context.Context, []fencepost.ColumnSpec) ([]string, error) {
	return slices.Clone(s.Metadata), nil
}

// Lane opens a lane. There is nothing to connect to, so it does not fail.
func (s *Store) Lane(_ context.Context, number int) (sink.Lane, error) {
	return &Lane{store: s, number: number}, nil
}

// Close does nothing: the content stays for the other workers.
func (s *Store) Close() error { return nil }

// SetKeep says what is kept of the commit moves from now on. A new store merges them.
func (s *Store) SetKeep(keep ledger.KeepCommits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.keep = keep
}

// Rows is a copy of the rows, in the order in which they were committed.
func (s *Store) Rows() []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.rows)
}

// Values is a copy of the handlers' key-value table.
func (s *Store) Values() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.mu.values)
}

// Read returns the group's content. It never creates anything: a group appears with its first move.
func (s *Store) Read(ctx context.Context, name fencepost.Group) (ledger.Snapshot, error) {
	if err := s.stopAt(ctx, Reading); err != nil {
		return ledger.Snapshot{}, fmt.Errorf("read ledger of group %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.version > version {
		return ledger.Snapshot{}, ledger.ErrNewer
	}
	return s.mu.book(name).Snapshot(s.mu.id), nil
}

// Move makes all moves or none.
func (s *Store) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if len(moves) == 0 {
		return nil
	}
	return s.change(ctx, w, sink.Commit{Moves: moves}, func(*Tx) error { return nil })
}

// Moves yields what was kept of the group's moves at the moment of the first step.
func (s *Store) Moves(_ context.Context, name fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		s.mu.Lock()
		newer := s.mu.version > version
		kept := s.mu.book(name).Moves()
		s.mu.Unlock()
		if newer {
			yield(ledger.Recorded{}, ledger.ErrNewer)
			return
		}
		for _, r := range kept {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// LastMoves reads what was kept of the group's moves.
func (s *Store) LastMoves(ctx context.Context, name fencepost.Group) (map[fencepost.TopicPartition]ledger.LastMoves, error) {
	return ledger.LastMovesOf(s.Moves(ctx, name))
}

// book is a group's ledger, an empty one if the group is new. A new one is not yet in the content.
func (c *content) book(name fencepost.Group) *ledger.Book {
	if b := c.groups[name]; b != nil {
		return b
	}
	return &ledger.Book{}
}

// Backup is a store's rows, values and ledger at one moment.
type Backup struct{ content content }

// Backup copies the content.
func (s *Store) Backup() *Backup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Backup{s.mu.content.clone()}
}

// Restore puts back an older content, rows and ledger together, identity included. Restored into another store, it
// makes a clone: two ledgers that no identity tells apart.
func (s *Store) Restore(b *Backup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.content = b.content.clone()
}

// clone copies the content. The rows are only ever appended to, so they are shared up to their length.
func (c *content) clone() content {
	n := content{id: c.id, version: c.version, rows: slices.Clip(c.rows), values: maps.Clone(c.values),
		groups:  make(map[fencepost.Group]*ledger.Book, len(c.groups)),
		reports: make(map[fencepost.Group]map[string]string, len(c.reports)),
		letters: make(map[fencepost.Group]map[ledger.LetterID]ledger.Letter, len(c.letters))}
	for name, letters := range c.letters {
		n.letters[name] = maps.Clone(letters)
	}
	for name, texts := range c.reports {
		n.reports[name] = maps.Clone(texts)
	}
	for name, b := range c.groups {
		kept := b.Clone()
		n.groups[name] = &kept
	}
	return n
}
