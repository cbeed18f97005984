package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Facts is what brokers, store and ledger hold when a run is over and nothing writes any more, and what was ordered and seen meanwhile.
type Facts struct {
	Log      map[fencepost.TopicPartition][]Entry // :: partition -> its records, by offset
	Rows     map[fencepost.TopicPartition][]Entry // :: partition -> the store's rows, in the order in which they were written
	Moves    []ledger.Recorded                    // all of them, oldest first, each commit apart
	Snapshot ledger.Snapshot
	Orders   []Order
	Seen     []Sighting // of the positions, while the run went on, oldest first
	// AtLeastOnce is where rows and ledger are two stores: a batch's rows may be there without its move, and again with it. Then no record
	// is lost all the same, no row says anything else than its record, and the moves keep every law; I2, I4 and I5 are not promised.
	AtLeastOnce bool
	// Drained is how long after the last fault everything was applied; Limit is how long it may take. Behind says what was not
	// applied then, and is empty where everything was.
	Drained, Limit time.Duration
	Behind         string
}

// Entry is a record of the log, or a row of one. A run may have 20,000,000 of each: it is two words, and points at nothing.
type Entry struct {
	Offset fencepost.Offset
	Value  int64 // the number that it says
}

// Order is what an operator was told to do to the positions. Each partition's history has at most one move of it.
type Order struct {
	Why  string // a word that the reason of its moves holds, and that no other order has
	Most int64  // how many records it moves a position at most, back or forward
}

// covers reports whether a move is one that the order asked for.
func (o Order) covers(m ledger.Recorded) bool {
	by := int64(m.Next.Offset - m.Held.Offset)
	return strings.Contains(m.Why, o.Why) && max(by, -by) <= o.Most
}

// Violation is an invariant that did not hold.
type Violation struct {
	Invariant string // I1 to I10
	Text      string
}

// String names the invariant, and says where it was seen.
func (v Violation) String() string { return v.Invariant + ": " + v.Text }

func violation(invariant, format string, args ...any) Violation {
	return Violation{invariant, fmt.Sprintf(format, args...)}
}
