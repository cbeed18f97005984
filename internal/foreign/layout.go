package foreign

import (
	"context"

	"github.com/fencepost/fencepost"
)

// Layout is offsets in the form of another program (docs/layouts.md names those we know). All methods are safe for
// concurrent use.
type Layout interface {
	// Foreign reads all of it. What is not there at all is an empty Offsets.
	//
	// Errors: *fencepost.UserError with the code layout-damaged for an entry that is negative, no integer or not of this
	// layout, and with the key that it was found at: nothing is guessed, and nothing passed over. Any other error: no
	// answer.
	Foreign(context.Context) (Offsets, error)
	Close() error
}

// LiveLayout is a Layout that its own readers still use, so that we may keep it up to date for them. It has no field
// for a Fence and is never read back as truth.
type LiveLayout interface {
	Layout
	// Put sets the entries of these partitions and leaves all others as they are. An empty map changes nothing.
	//
	// Errors: whatever happened, the next Put of the same partitions mends it.
	Put(context.Context, map[fencepost.TopicPartition]fencepost.OffsetRange) error
}

// Explainer is an optional ability of a Layout: it says why there are no offsets, where Foreign returned none.
type Explainer interface {
	// Absence is a UserError ledger-missing, or kafka-denied.
	Absence(context.Context) *fencepost.UserError
}

// Watched is an optional ability of a Layout: it knows whether its own readers are at work.
type Watched interface {
	// Readers says who reads by these offsets now. Errors: any; then nothing is known.
	Readers(context.Context) (Readers, error)
}

// Readers are the programs that read by a Layout's offsets and write them.
type Readers struct {
	Kind    string // of a Kafka group: classic, consumer, share
	Members int    // that are live
	Note    string // what somebody who takes the offsets over has to know; may be empty
}
