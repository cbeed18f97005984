// Package sinktest is the conformance suite of a store: a sink together with its ledger. A connector that passes it keeps
// the laws that the engine rests on; a third party's connector can run it too.
//
//	func TestConformance(t *testing.T) {
//		sinktest.Run(t, sinktest.Fixture{New: func(t *testing.T) sinktest.Store { return newStore(t) }})
//	}
//
// # How it looks at a store
//
// A subtest asks the [Fixture] for a fresh, empty [Store], opens sinks on it as so many worker processes would, and
// works through the public interfaces only. The result it reads in two ways: the ledger by Read and Moves,
// the rows by Store.Rows, which goes around the sink.
//
//	          Fixture.New
//	               |
//	.----------- Store -----------------------------.
//	| Open   Open   Open     Rows   DeleteRow ...   |
//	'---|------|------|--------|--------|-----------'
//	 worker worker worker   what is  what other
//	  (sink.Sink)      there    programs do
//
// # The table
//
// The suite's batches have the columns of [Columns]: value text, n int. The store appends each row to a table that
// keeps them with topic, partition and offset, has no unique key (a double must be seen), and refuses a row whose n is
// negative, by a constraint of its own.
//
// # More than the least
//
// A Store that can do more is asked for more: [Typed] for columns of every type, [Keyed] for deletes by a key, [AnswerLoser] for an answer lost at
// COMMIT; so is a ledger that is [ledger.Recent]. A connector says which of them it has by implementing them; README-grade
// claims about the rest are not proved.
//
// # What it does not do
//
// It kills no process and cuts no connection: those tests need the connector's own servers. It measures no speed. [Chain]
// proves a history from a KeepAll or KeepMerged ledger; one that keeps no commits has nothing to prove.
package sinktest
