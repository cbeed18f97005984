package admin

import (
	"context"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// Resources are a group's ledger, its brokers and its sink, as ledger, source and sink promise them. Group, Ledger and Cluster are
// required; a Layout takes the place of Group and Ledger.
type Resources struct {
	Group   fencepost.Group
	Ledger  ledger.Ledger
	Cluster source.Cluster

	Where   string          // the ledger or layout as people name it, without secrets
	Layout  foreign.Layout  // offsets of another program, in place of Ledger: they are looked at; of a Kafka group that is idle they are moved too
	Meaning foreign.Meaning // what the Layout's numbers mean; unset: Look asks for it
	Subject string          // what holds them: hash spark:orders
	// Seen keeps what Topics reads of the Layout for the first look behind it; nil: each reads for itself.
	Seen *Seen

	History    ledger.History  // nil: who moved a position last is not reported
	Reader     source.Reader   // nil: nothing is read of the log: no lag in time, no look at the next record
	Provenance sink.Provenance // nil: an audit does not look at rows

	Reads       func(topic string) bool // whether the pipeline reads a topic; nil: it is not known, and none is
	Policy      ledger.Policy           // of the pipeline; decides what a worker would do by itself
	Uncommitted bool                    // the pipeline reads uncommitted records: no open transaction holds it back
	// Try decodes a record as a worker would; its error says why it cannot be applied. nil: not tried.
	Try func(*fencepost.Record) error
	// Decode is Try that leaves what it made of the record: a value a column, as far as it got. nil: no schema is known.
	Decode func(*fencepost.Record) ([]fencepost.Column, error)
	// Replay applies dead letters by the pipeline's decoder and sink, and calls f with each. nil: no pipeline is known.
	Replay func(ctx context.Context, letters []ledger.Letter, f func(Replayed)) error
	Who    string // recorded with each move

	// Patience is how long a lost answer of the ledger is asked for again, while it is silent. 0: 30 s.
	Patience time.Duration

	Now    func() time.Time // nil: time.Now
	Random func() uint64    // fences; nil: crypto/rand
}
