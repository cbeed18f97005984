package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
)

// Ledger is the durable Positions of many groups, each with its topics, under one identity. It changes by Moves
// only. All methods are safe for concurrent use.
type Ledger interface {
	// Read returns the group's whole content as of one moment, from the authority and never from a replica. It is
	// a hint: only Move decides. A group the ledger has never seen gives an empty Snapshot with the ledger's
	// identity. The first Read or Move creates what the ledger needs in its store, if it may.
	//
	// Errors: ErrNewer; any other error: no answer.
	Read(context.Context, fencepost.Group) (Snapshot, error)

	// Move makes all moves or none. Rows are locked in TopicPartition order. The starts and imports among them change
	// the topics as Enroll says, and are refused as a whole where it does.
	//
	// Errors: *Refused (nothing happened); ErrUnknown (ask again with the same moves: the compare-and-set
	// decides); ErrOtherCluster, ErrNewer (nothing happened); any other error: nothing happened.
	Move(context.Context, Actor, []Move) error
}

// History is an ability of a Ledger that every connector of the house has, and the suites demand: the recorded moves,
// oldest first.
type History interface {
	// Moves yields what the ledger kept of the group's moves. Commits may be merged: see Recorded.Commits.
	Moves(context.Context, fencepost.Group) iter.Seq2[Recorded, error]
}

// Recent is an optional ability of a Ledger that is a History too: the end of each partition's history, at a cost that
// does not grow with its length.
type Recent interface {
	// LastMoves is what LastMovesOf finds in History.Moves. Errors: as there.
	LastMoves(context.Context, fencepost.Group) (map[fencepost.TopicPartition]LastMoves, error)
}

// LastMoves is the end of one partition's history.
type LastMoves struct {
	Last  Recorded  // of any cause
	Moved *Recorded // the last that was neither start nor commit; nil: none
}

// LastMovesOf reads a whole history, oldest first, for a ledger that is not Recent.
func LastMovesOf(moves iter.Seq2[Recorded, error]) (map[fencepost.TopicPartition]LastMoves, error) {
	all := map[fencepost.TopicPartition]LastMoves{}
	for r, err := range moves {
		if err != nil {
			return nil, err
		}
		l := all[r.TopicPartition]
		l.Last = r
		if r.Cause != CauseStart && r.Cause != CauseCommit {
			moved := r
			l.Moved = &moved
		}
		all[r.TopicPartition] = l
	}
	return all, nil
}

// LastMovesIn is the end of each partition's history in a ledger; nil where it keeps none.
func LastMovesIn(ctx context.Context, l Ledger, g fencepost.Group) (map[fencepost.TopicPartition]LastMoves, error) {
	if recent, ok := As[Recent](l); ok {
		return recent.LastMoves(ctx, g)
	}
	if history, ok := As[History](l); ok {
		return LastMovesOf(history.Moves(ctx, g))
	}
	return nil, nil
}

// Finder is an optional ability of a Ledger: to look for it without making it, which Read and Move do.
type Finder interface {
	// Exists reports whether the store has this ledger. Errors: ErrNewer; any other error: no answer.
	Exists(context.Context, fencepost.Group) (bool, error)
}

// Refusing is an optional ability of a Ledger: to say that its server takes no writes now. Then every partition of every group stands
// still, and no worker can leave a report of it.
type Refusing interface {
	// RefusesWrites returns why no worker can commit, a *fencepost.UserError; nil: the server names nothing that keeps one from it. It
	// writes nothing. Errors: any; then it is not known.
	RefusesWrites(context.Context) (why, err error)
}

// Recorded is a Move as the ledger kept it.
type Recorded struct {
	Move
	Commits int64     // how many commits were merged into this row; 1 for one kept apart; 0 for other causes
	At      time.Time // by the store's clock; of the last commit, for a merged row
	Who     string
}

// KeepCommits says what a ledger keeps of the commit moves. Other causes are always kept, one row each.
type KeepCommits uint8

// The ways to keep commits. The zero value merges.
const (
	// KeepMerged keeps one row for each partition and run of commits under one Fence: Held of the first commit; Next, time
	// and writer of the last; Commits added up. A move of another cause ends the run, and a row kept apart is no part of one.
	KeepMerged KeepCommits = iota
	KeepAll                // a row per commit and partition
	KeepNone               // none: the Position is their sum all the same
)

// String is the word of the pipeline file.
func (k KeepCommits) String() string { return [...]string{"merged", "all", "none"}[k] }

// Snapshot is a ledger's content for one group at one moment.
type Snapshot struct {
	Ledger    fencepost.LedgerID
	Place     fencepost.Place       // of the server that answered; zero: the store does not say
	ClusterID string                // of the first move that named one; empty until then
	Topics    map[string]TopicState // :: topic -> what was started of it
	Positions map[fencepost.TopicPartition]Position
}

// Empty reports whether the ledger knows nothing of the group.
func (s Snapshot) Empty() bool { return len(s.Topics) == 0 && len(s.Positions) == 0 }

// Decisions that a caller makes. Each sentinel says which calls return it; test with errors.Is.
var (
	// ErrUnknown: the answer to Move or Commit was lost; it may have happened or not. Law 7: repeat it with the
	// same moves, and the compare-and-set shows it. A repetition that is refused did nothing itself; the first try
	// happened if a position or the history holds its fence, and did not if a position still holds the fence of
	// before. Returned by Ledger.Move and Lane.Commit.
	ErrUnknown = errors.New("outcome unknown")
	// ErrNewer: a newer version of the program wrote this ledger. It is left untouched. Returned by every call of
	// a Ledger or Lane.
	ErrNewer = errors.New("the ledger was written by a newer version")
	// ErrOtherCluster: the group's offsets belong to another Kafka cluster. Returned by Ledger.Move.
	ErrOtherCluster = errors.New("the group's offsets belong to another cluster")
)

// Refused says that a compare-and-set did not hold, and what the ledger held instead. Nothing happened.
type Refused struct {
	// Held has an entry for each partition that was refused, and for no other: what the ledger holds of it, the
	// zero Position if it has no row.
	Held map[fencepost.TopicPartition]Position
}

// Error names the refused partitions.
func (r *Refused) Error() string {
	tps := slices.SortedFunc(maps.Keys(r.Held), fencepost.TopicPartition.Compare)
	var b strings.Builder
	b.WriteString("refused: the ledger holds")
	for i, tp := range tps {
		if i == 3 {
			fmt.Fprintf(&b, " and %d more", len(tps)-i)
			break
		}
		p := r.Held[tp]
		if p.Absent() {
			fmt.Fprintf(&b, " %s absent", tp)
			continue
		}
		fmt.Fprintf(&b, " %s at %d (fence %s)", tp, p.Offset, p.Fence)
	}
	return b.String()
}

// Compare compares what a ledger holds with what moves expect: nil, or a *Refused naming each partition that does not
// agree. It is the compare of every compare-and-set that is done in Go (memory, tests); other stores do the same in
// their own language and pass the same suite.
func Compare(held map[fencepost.TopicPartition]Position, moves []Move) error {
	var bad map[fencepost.TopicPartition]Position
	for _, m := range moves {
		if h := held[m.TopicPartition]; !h.Holds(m.Held) {
			if bad == nil {
				bad = map[fencepost.TopicPartition]Position{}
			}
			bad[m.TopicPartition] = h
		}
	}
	if bad != nil {
		return &Refused{Held: bad}
	}
	return nil
}

// Relation says how what a refused mover holds relates to what the ledger holds. The Fence is compared first.
type Relation uint8

// The standings (law 1).
const (
	RelationHeld    Relation = iota // the ledger holds what the mover holds: not refused at all
	RelationDone                    // it holds the mover's Next: the mover's own lost answer was a success, or another did the same
	RelationMoved                   // another Fence: it was moved. Re-read and obey
	RelationAhead                   // same Fence, ledger ahead: the mover is the late one
	RelationBehind                  // same Fence, ledger behind: the store itself went back (restored, failed over)
	RelationForeign                 // no row where one was held, or a row without a Fence: a foreign write
)

// String names the relation for logs.
func (s Relation) String() string {
	return [...]string{"held", "done", "moved", "ahead", "behind", "foreign"}[s]
}

// Relate compares what the ledger holds with a Move that it refused.
func Relate(ledger Position, m Move) Relation {
	switch {
	case ledger.Holds(m.Held):
		return RelationHeld
	case ledger.Holds(m.Next):
		return RelationDone
	case ledger.Fence == 0:
		return RelationForeign
	case ledger.Fence != m.Held.Fence:
		return RelationMoved
	case ledger.Offset > m.Held.Offset:
		return RelationAhead
	default:
		return RelationBehind
	}
}
