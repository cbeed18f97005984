package ledgertest_test

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/ledgertest"
	"github.com/fencepost/fencepost/memory"
)

// aloneReference is the memory ledger without its sink.
type aloneReference struct{ reference }

func (r aloneReference) Open(_ context.Context, keep ledger.KeepCommits) (ledger.Ledger, func() error, error) {
	r.SetKeep(keep)
	return r.Store.Ledger(), func() error { return nil }, nil
}

func TestReferenceLedgerPassesAlone(t *testing.T) {
	ledgertest.RunLedger(t, ledgertest.LedgerFixture{New: func(*testing.T) ledgertest.LedgerStore {
		return aloneReference{reference{memory.Open()}}
	}})
}
