// Package sink says what applies batches of records: a Sink opens Lanes, and a Lane commits one batch after the other,
// its effects together with the moves of the ledger.
//
// A connector implements Sink and Lane, and what it can besides of the optional abilities: Applier, Forgetter, Trier, Provenance.
// The engine drives them; package sinktest has the demands that both must meet.
package sink
