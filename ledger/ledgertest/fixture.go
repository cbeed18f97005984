package ledgertest

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// Fixture makes stores of a ledger that has no sink of its own.
type Fixture struct {
	// New makes a store that holds nothing of the ledger. It is called once a subtest, and whatever it took goes with
	// t.Cleanup. Stores live side by side.
	New func(t *testing.T) Store
}

// Store is one store, as the suite reaches it. It may be a [sinktest.AnswerLoser], whose next commit is then the next Move
// of commits.
type Store interface {
	// Open is what one more worker process does: a ledger of its own on this same store, which keeps commits as its argument says.
	// The ledger is a ledger.History. It is called by several goroutines at once; the suite calls closed.
	Open(ctx context.Context, keep ledger.KeepCommits) (l ledger.Ledger, closed func() error, err error)
	// DeleteRow deletes a partition's row from the ledger, as a careless operator would.
	DeleteRow(t *testing.T, group fencepost.Group, tp fencepost.TopicPartition)
	// ForeignWrite replaces a partition's row in the ledger by one with this offset and nothing else: no fence, no
	// epoch, no topic ID. Another program wrote it.
	ForeignWrite(t *testing.T, group fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset)
	// MakeNewer makes the ledger one that a newer version of the program wrote.
	MakeNewer(t *testing.T)
}

// Run runs the suite on a ledger alone, one subtest a demand. Each batch's rows are noted beside it in memory, and count
// once the ledger took the batch's moves; what only a sink can do (refuse rows, bring every type through) is left out.
func Run(t *testing.T, f Fixture) {
	sinktest.Run(t, sinktest.Fixture{RowsAreNoted: true, New: func(t *testing.T) sinktest.Store {
		s := &noted{Store: f.New(t)}
		s.mu.rows = map[post][]sinktest.Row{}
		s.mu.open = map[post]pending{}
		if loser, ok := s.Store.(sinktest.AnswerLoser); ok {
			return struct {
				*noted
				sinktest.AnswerLoser
			}{s, loser}
		}
		return s
	}})
}
