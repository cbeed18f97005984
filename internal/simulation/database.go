package simulation

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
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
	journal  []*entry
	restored bool // it came back as an older copy

	mu struct {
		sync.Mutex
		away    bool
		trouble trouble
		under   map[fencepost.TopicPartition]int // :: partition -> requests under way that move it
	}
}

// entry is one change that was applied.
type entry struct {
	who     string
	began   time.Duration // when it was sent
	at      time.Duration // since the simulation began
	moves   []ledger.Move
	replays bool
	heard   bool // the worker got the answer
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
func (d *database) apply(a ledger.Actor, c sink.Commit, change func() error) (*entry, error) {
	d.applying.Lock()
	defer d.applying.Unlock()
	if err := change(); err != nil {
		return nil, err
	}
	e := &entry{who: a.Who, began: d.dice.now(), at: d.dice.now(), moves: slices.Clone(c.Moves), replays: c.Replays()}
	d.journal = append(d.journal, e)
	for _, m := range c.Moves {
		d.note("%s %s %d: %d -> %d", a.Who, m.Cause, m.Partition, m.Held.Offset, m.Next.Offset)
	}
	return e, nil
}

// sent notes when a change was sent.
func (d *database) sent(e *entry, at time.Duration) {
	d.applying.Lock()
	defer d.applying.Unlock()
	e.began = at
}

// hears notes that the answer to a change arrived.
func (d *database) hears(e *entry) {
	if e == nil {
		return
	}
	d.applying.Lock()
	defer d.applying.Unlock()
	e.heard = true
}

// reaches notes that a request is under way, until the function that it returns is called.
func (d *database) reaches(moves []ledger.Move) (over func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range moves {
		d.mu.under[m.TopicPartition]++
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, m := range moves {
			if d.mu.under[m.TopicPartition]--; d.mu.under[m.TopicPartition] == 0 {
				delete(d.mu.under, m.TopicPartition)
			}
		}
	}
}

// underWay lists the partitions that a request under way moves.
func (d *database) underWay() []fencepost.TopicPartition {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.SortedFunc(maps.Keys(d.mu.under), fencepost.TopicPartition.Compare)
}

// isAway reports whether the server is away.
func (d *database) isAway() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.away
}

// move makes a move at once, as a person at the server does.
func (d *database) move(a ledger.Actor, m ledger.Move) error {
	_, err := d.apply(a, sink.Commit{Moves: []ledger.Move{m}}, func() error { return d.Move(context.Background(), a, []ledger.Move{m}) })
	return err
}

// image is a backup of the database, with the journal as it was.
type image struct {
	backup  *memory.Backup
	journal []*entry
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
	d.journal, d.restored = slices.Clone(i.journal), true
}
