package simulation

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// database is the server that all workers commit to: the memory store, what it does to requests, and a journal of what was
// applied, kept apart from the store's own history.
type database struct {
	*memory.Store
	plan Plan
	dice *dice
	note func(format string, args ...any)

	applying sync.Mutex // one change and its entry in the journal are one step
	journal  []entry

	mu struct {
		sync.Mutex
		away    bool
		trouble trouble
	}
}

// entry is one change that was applied.
type entry struct {
	who     string
	at      time.Duration // since the simulation began
	moves   []ledger.Move
	replays bool
}

// trouble is how often the server does what, in a hundred requests.
type trouble struct{ lost, unheard, slow, rollsBack int }

// fate is what becomes of one request.
type fate struct {
	away      bool          // it is refused
	lost      bool          // it never arrives
	unheard   bool          // its answer does not arrive
	rollsBack bool          // it is undone once its client is gone; else it is carried out all the same
	takes     time.Duration // at the server
}

func (d *database) fate() fate {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.mu.trouble
	f := fate{away: d.mu.away, lost: d.dice.hits(t.lost), unheard: d.dice.hits(t.unheard), rollsBack: d.dice.hits(50), takes: d.dice.millis(1, 8)}
	if d.dice.hits(t.slow) {
		f.takes = d.dice.millis(100, 8000)
	}
	return f
}

// question is how long a question takes, or that the server does not answer.
func (d *database) question() (wait time.Duration, away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dice.millis(0, 4), d.mu.away
}

func (d *database) set(t trouble) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.trouble = t
}

// setAway takes the server away, with every sign of life, or brings it back.
func (d *database) setAway(away bool) {
	d.mu.Lock()
	d.mu.away = away
	d.mu.Unlock()
	if away {
		d.LoseSigns()
	}
}

// apply carries a change out and enters it in the journal.
func (d *database) apply(a ledger.Actor, c sink.Commit, change func() error) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	err := change()
	if err == nil {
		d.journal = append(d.journal, entry{a.Who, d.dice.now(), slices.Clone(c.Moves), c.Replays()})
		for _, m := range c.Moves {
			d.note("%s %s %d: %d -> %d", a.Who, m.Cause, m.Partition, m.Held.Offset, m.Next.Offset)
		}
	}
	return err
}

// isAway reports whether the server is away.
func (d *database) isAway() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.away
}

// move makes a move at once, as a person at the server does.
func (d *database) move(a ledger.Actor, m ledger.Move) error {
	return d.apply(a, sink.Commit{Moves: []ledger.Move{m}}, func() error { return d.Move(context.Background(), a, []ledger.Move{m}) })
}

// image is a backup of the database, with the journal as it was.
type image struct {
	backup  *memory.Backup
	journal []entry
}

func (d *database) save() image {
	d.applying.Lock()
	defer d.applying.Unlock()
	return image{d.Backup(), slices.Clone(d.journal)}
}

func (d *database) restore(i image) {
	d.applying.Lock()
	defer d.applying.Unlock()
	d.Restore(i.backup)
	d.journal = slices.Clone(i.journal)
}
