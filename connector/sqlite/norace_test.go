//go:build !race

package sqlite

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/ledger/ledgertest"
	"github.com/fencepost/fencepost/sink/sinktest"
)

const (
	workEnd, workKills = 3000, 50
	contendedRows      = 4000
)

// The suite once more, with SQL in place of the table. It is left out under the race detector, where it takes a minute:
// all that goroutines share is the ledger's connection, and the suite over the table covers that.
func TestConformanceOfSQL(t *testing.T) {
	sinktest.Run(t, sinktest.Fixture{New: func(t *testing.T) sinktest.Store {
		s := newStore(t)
		s.sql = `INSERT INTO suite SELECT value, n, _topic, _partition, _offset FROM batch`
		return s
	}})
}

// And with the ledger alone, without a sink.
func TestConformanceOfLedger(t *testing.T) {
	ledgertest.Run(t, ledgertest.Fixture{New: func(t *testing.T) ledgertest.Store { return alone{newStore(t)} }})
}

// alone is a store whose ledger has no sink.
type alone struct{ *store }

func (s alone) Open(_ context.Context, keep ledger.KeepCommits) (ledger.Ledger, func() error, error) {
	l, err := OpenLedger(s.path, keep)
	if err != nil {
		return nil, nil, err
	}
	l.tamper = s.tamper
	return l, l.Close, nil
}
