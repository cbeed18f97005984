package sink

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Sink applies batches. Where sink and ledger are one store, effects and moves are one commit.
type Sink interface {
	// Capabilities bounds what the engine may do and say. It does no I/O.
	Capabilities() Capabilities
	// Ledger is the ledger whose moves a Lane commits together with the effects.
	Ledger() ledger.Ledger
	// Columns says which metadata columns (MetaKey, MetaHeaders) the sink reads as Columns, given the columns that
	// the decoder makes. It may ask the store, and refuses a column that the store cannot take: *Rejected.
	Columns(context.Context, []fencepost.ColumnSpec) ([]string, error)
	// Lane opens one connection or session, with its number from 0.
	Lane(context.Context, int) (Lane, error)
	// Close closes what the sink itself holds. REQUIRES: its lanes are closed.
	Close() error
}

// Lane is one ordered stream of commits. It is used by one goroutine; the engine makes batch N+1 while Commit(N)
// runs.
type Lane interface {
	// Commit makes the batch's effects and all moves visible together, or nothing. No lock that another owner
	// needs is held across a wait for this client (law 11), where the store allows it. A lane whose Commit
	// returned ErrUnknown or a lost connection mends its connection at the next Commit by itself.
	//
	// Errors: *Refused, *Rejected, *Ended, ErrNewer, ErrOtherCluster, of a replay ErrLetterGone (nothing happened; for Ended see
	// there); ErrUnknown (law 7), which may wrap a *Rejected; *UserError, Passing or not; any other error: nothing happened,
	// the same batch may be tried again.
	Commit(context.Context, ledger.Actor, Commit) error
	Close() error
}

// Commit is what a Lane makes visible together: a batch's effects, and the moves of the partitions that it is of.
type Commit struct {
	*fencepost.Batch
	Moves []ledger.Move // :: index of a segment -> its partition's move, of cause commit, over the segment's Range
	// Dead are records of the segments' ranges that have no row, because they could not be applied: they are kept as letters, in
	// this commit. One that is there already is replaced. Only a sink whose ledger is ledger.Letters gets them.
	Dead []ledger.DeadLetter
	// Removed are letters that this commit takes out: their records have rows in it, or are written anew in Dead. In a commit
	// with moves one that is not there is no error. A commit without moves is a replay: each of them must be there, and wait,
	// or nothing happens (ledger.ErrLetterGone). That is its compare-and-set.
	Removed []ledger.LetterID
}

// Replays reports whether the commit moves nothing and applies letters instead.
func (c Commit) Replays() bool { return len(c.Moves) == 0 && len(c.Removed) > 0 }

// Trier is an optional ability of a Lane: it tells what a store would say of a batch.
type Trier interface {
	// Try makes the batch's effects and takes them back. Nothing of it is ever visible, and no lock is held across a wait for
	// this client (law 11). nil: the store would take the batch.
	//
	// Errors: as Lane.Commit, without *Refused and ErrUnknown.
	Try(context.Context, *fencepost.Batch) error
}

// Applier is an optional ability of a Lane: the effects alone, for a pipeline whose ledger lives elsewhere.
type Applier interface {
	// Apply makes the batch's effects visible, all or none, and moves nothing.
	//
	// Errors: as Lane.Commit, without *Refused.
	Apply(context.Context, *fencepost.Batch) error
}

// Forgetter is an optional ability of a Lane that remembers something of a batch from one try to the next.
type Forgetter interface {
	// Forget says that nothing of the batch that was committed last is tried again.
	Forget()
}

// Explainer is an optional ability of a Lane whose store can say what a commit waits for.
type Explainer interface {
	// Explain says what the Commit under way waits for. It is called by another goroutine than Commit, which may
	// return meanwhile.
	Explain(context.Context) (Wait, error)
}

// Wait is what a commit waits for. The zero Wait is nothing that is known.
type Wait struct {
	Text  string // for people: backend 4711 waits for a lock that backend 4712 holds
	Locks bool   // others hold locks that it needs
}

// Capabilities says what a sink is like.
type Capabilities struct {
	Name  string // the technology's word in the pipeline file: postgres
	Lanes int    // most lanes at once; 0: any number
	// Records is the most records that one Commit takes; 0: any number.
	Records int
	// BlocksOthers: a process stopped inside a commit keeps every other worker waiting until it is killed (one
	// lock for the whole file: SQLite).
	BlocksOthers bool
	// Apart: the effects live elsewhere than the ledger. A ledger that went back did so alone, and going on from there
	// would repeat what it forgot: the partition parks (law 1).
	Apart bool
	// Together: a batch is one statement of the user's, or one call of their function, which may look at all of its rows. The good
	// rows of a batch that is refused are found by trials and go in together, where the lanes are Triers. Else they go in
	// piece by piece, which costs less.
	Together bool
	// Partial: the sink upserts by a key, and leaves columns that a record does not hold alone (fencepost.ColumnSpec.Partial).
	Partial bool
}

// Rejected says that the store refused this batch, and that other batches may pass: the rows themselves are bad (a
// constraint, a type, a value out of range), or they are too many at once. Nothing happened, unless ErrUnknown is wrapped
// beside it. The engine tries smaller batches by bisection, and parks a partition at a record that is refused alone. Returned
// by Lane.Commit and Sink.Columns.
type Rejected struct {
	Code   string // the store's own code: 23502
	Reason string // for people: null in column origin violates not-null
	Hint   string // a remedy, may be empty
	Blame  Blame
	// Row is the row that the store names, counted from 1 over the batch's segments in their order; 0: it names none. It may be
	// wrong: the engine commits the rows in front of it, and tries it alone, before a record is blamed. With TheSize it is that row
	// which is too large.
	Row int
}

// Blame is what a store holds responsible for an error.
type Blame uint8

// The beliefs of a store.
const (
	// TheRows: the same rows would be refused again.
	TheRows Blame = iota
	// PerhapsTheRows: an error of which the store knows only that its connection is good. It is tried again a few times
	// before smaller batches are.
	PerhapsTheRows
	// TheSize: a limit of time, memory or bytes. Half of the batch may keep within it.
	TheSize
	// TheLocks: others held locks for too long. A smaller batch needs fewer of them; a single record that meets them is
	// not to blame, and is tried until they are gone.
	TheLocks
)

// Error is the reason with the store's code.
func (r *Rejected) Error() string {
	if r.Code == "" {
		return r.Reason
	}
	return fmt.Sprintf("%s (%s)", r.Reason, r.Code)
}

// Ended says that the user's SQL ended the transaction it ran in (COMMIT, or DDL where that commits), so that
// rows and moves would part. Returned by Lane.Commit. What the SQL did before it ended the transaction may be committed.
type Ended struct{ Reason string }

// Error says what the SQL did.
func (e *Ended) Error() string { return "the SQL ended its transaction: " + e.Reason }
