package ledgertest_test

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/ledger/ledgertest"
)

// alone is the memory ledger without its sink.
type alone struct{ *memory.Store }

func (r alone) Open(_ context.Context, keep ledger.KeepCommits) (ledger.Ledger, func() error, error) {
	r.SetKeep(keep)
	return r.Store.Ledger(), func() error { return nil }, nil
}

func (r alone) DeleteRow(_ *testing.T, g fencepost.Group, tp fencepost.TopicPartition) {
	r.Store.DeleteRow(g, tp)
}

func (r alone) ForeignWrite(_ *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	r.Store.ForeignWrite(g, tp, at)
}

func (r alone) MakeNewer(*testing.T) { r.Store.MakeNewer() }

func (r alone) LoseAnswer(_ *testing.T, applied bool) {
	if applied {
		r.Inject(memory.LostAfter)
		return
	}
	r.Inject(memory.LostBefore)
}

func TestReferenceLedgerPassesAlone(t *testing.T) {
	ledgertest.Run(t, ledgertest.Fixture{New: func(*testing.T) ledgertest.Store { return alone{memory.Open()} }})
}
