// Package sqlstore is what the connectors to SQL databases share: the ledger, the frame of a lane, the checks of a table, the
// tables of other programs, and a walk over the statements of a user's SQL ([Syntax]).
//
//	Ledger  Read, Move, Moves, LastMoves, Exists, Check     one session, callers take turns
//	Sink    Columns, Check, Applied                           one session, callers take turns
//	Lane    Commit, Apply                                   one session each
//	   |         \
//	   |          Flusher      the connector's: rows, compare-and-set and COMMIT in one flush
//	Dialect[S]                 the connector's: SQL, what errors mean, what tables take
//	Session                    the connector's: one connection
//
//	TableLayout --Query(Spelling)--> SQL --Reading--> TableRows --Foreign--> foreign.Offsets
//
// # A commit
//
// [Lane] finds the ledger's tables, prepares its session for the columns of the batch, asks the [Dialect] for the text of
// the compare-and-set, and hands all of it to the connector's [Flusher]. What the flush answers comes back through
// [Dialect.Refusal]: it distinguishes a refused move from a lost answer, and reads what the ledger holds instead.
//
// # Why
//
// The databases differ in how rows travel (COPY in a query, one packet of text), in the text of the compare-and-set, in
// codes of errors and in types. What is done around these is one algorithm, and is here once. A session is a type
// parameter, so that a connector's functions see their own connection. SQLite has no server and no text to parse: it runs
// one statement at a time under the lock of its file, and takes from here only what is the same there.
//
// # Laws kept here
//
//   - Chain and Together: a lane sends nothing apart from the flush, and calls a batch committed only if the session says
//     that the server has (Session.Flush).
//   - Unknown is resolved by the next compare-and-set: a lost answer is ledger.ErrUnknown, and drops the session.
//   - An error about rows may come from the batch itself: one that was committed already meets its own rows in a unique key. That is
//     *ledger.Refused, and no bad row.
//
// # How it fails
//
// Errors of a driver become the contracts' own in the connector ([Errors]), with the remedies of its [System]. A layout
// fails with *fencepost.UserError: layout-incomplete if it leaves something out or contradicts itself; layout-damaged for a
// row that cannot be read, with the row; choice-needed where the rows are of several groups.
//
// # What it does not do
//
// It opens no connection, encodes no row and knows no driver. It gives the numbers of other programs no meaning:
// foreign.Entry.Resume does.
package sqlstore
