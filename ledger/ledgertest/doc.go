// Package ledgertest is the conformance suite of a ledger alone, whose pipelines keep their effects elsewhere. A ledger
// that lives in one store with a sink is proved together with it, by package sink/sinktest.
//
//	func TestConformance(t *testing.T) {
//		ledgertest.Run(t, ledgertest.Fixture{New: func(t *testing.T) ledgertest.Store { return newStore(t) }})
//	}
//
// # How it works
//
// The demands are those of sinktest. A sink around the ledger records each batch's rows in memory, and a row counts once
// the ledger took its move, so that a demand on rows is one on moves:
//
//	sinktest.Run --Commit--> noting sink --Move--> the ledger
//	      ^                      | taken: the rows count; unknown: the ledger is asked later
//	      '------- Rows ---------'
//
// # What it does not do
//
// It kills no process and cuts no connection: those tests need the ledger's own servers. It measures no speed.
package ledgertest
