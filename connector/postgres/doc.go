// Package postgres is Postgres as ledger and as sink, in one commit: the rows of a batch, or what your SQL or your
// handler makes of them, and the moves of its partitions are one transaction. So a record counts exactly once whatever
// dies when.
//
// # A commit
//
// Everything leaves in one simple Query with a binary COPY inside it, which Lane makes from the columns of the batch
// and the types of the table:
//
//	begin; copy TABLE (...) from stdin binary; [statements;] compare-and-set; commit
//	       ^ rows travel here: no lock that     ^ from here on the server runs alone: a client that
//	         another owner needs is held           stops, or dies, changes nothing any more (law 11)
//
//	form      the COPY goes to         statements
//	Table     the table                the types
//	Table *   a temporary table        insert into TABLE select; the types
//	Key       a temporary table        insert .. select distinct on (key) .. on conflict do update; the types
//	SQL       the temporary `batch`    savepoint; your SQL; release savepoint
//	Handle    nothing                  your function in a transaction; then compare-and-set and commit in one flush
//
// (*) where the table has unique keys or triggers: written to directly, they would take locks while rows still travel.
//
// The compare-and-set is one statement that fails by itself if a partition is not where the batch holds it, so that
// the COMMIT behind it can leave unseen. Its error carries a secret of the connection: neither user SQL nor a value of
// a record can pretend to be a refusal. Where commits are merged the server keeps it prepared (prepared.go), and without one
// that does (a pooler) it travels as text. Every worker's compare-and-set locks rows in (topic, partition) order.
//
// # Types
//
// A binary COPY carries no types: eight bytes for a bigint are taken by a double precision that has its name. So the types
// of the table's columns that a batch was encoded for are compared in the batch's own transaction, behind the COPY or the
// INSERT that has locked the table, by a statement that fails by itself. The batch is then planned anew and sent again at
// once. It is also planned anew where an error comes of a plan that is too old, so that what was mended in the table needs
// no restart. A type that does not take the column any more is a *sink.Rejected, as Columns says.
//
// Temporary tables are made inside the transaction, of built-in types only, and end with it: nothing of a commit is in the
// connection afterwards, which a pooler may give to another pipeline.
//
// # The ledger
//
//	fencepost_groups   ('', '') version and identity | (group, '') cluster | (group, topic) topics
//	fencepost_ledger   (group, topic, partition) until, leader_epoch, fence, topic_id | the open run of commits
//	fencepost_moves    (group, id) what moved, from where to where, why, by whom, how many records it passed
//	fencepost_reports  (group, subject) what workers know, as a text: ledger.Reports
//
// Merged commits cost nothing extra: the run is counted in the ledger row that the commit updates anyway, and is
// written to fencepost_moves when another move ends it. History shows both. All other moves run as one block on the
// server under the lock of the group's header row.
//
// # Tables of other programs
//
// OpenLayout reads offsets out of a table of any shape, in a transaction that may only read. A condition of the user's is
// sent as one statement by the extended protocol, so that it cannot end that transaction.
//
// # What is elsewhere
//
// The ledger, the frame of a lane, the checks of a table and the reading of layouts are internal/sqlstore's. Here are the flush,
// the encoding, the types, the codes of errors and the texts of the statements: dialect.go lists them.
//
// # How it fails
//
//   - What the server refuses about rows (classes 22 and 23, P0001) is a *sink.Rejected; nothing was applied.
//   - A connection that broke before the end of the COPY was sent: nothing happened. Later: ledger.ErrUnknown, and
//     the next compare-and-set decides. The next call opens a new connection by itself.
//   - SQL that ends its transaction loses the savepoint: *sink.Ended. What it did before may be committed. Columns and
//     Check find it earlier, by reading.
//   - A server that is down, starting, full or read-only is a passing *fencepost.UserError. No error shows the dsn.
//   - A statement of a handler that was prepared for an earlier table (0A000), or is not prepared on this connection (26000,
//     42P05), was not executed: the connection is dropped, and the batch may be tried again.
//   - With Handle, locks are held while your function runs; Config.CommitTimeout bounds that.
//
// # What it does not do
//
// It makes no table of yours (DDL prints them), tries nothing again by itself but a batch whose table was changed, and reads
// from no replica: a connection to one is refused. Behind a pooler in transaction mode, statements that a handler has
// prepared may meet another server connection, which costs a try; the DSN's default_query_exec_mode=exec spares it. SQL that
// sends large results to the client would wait for it; select into a table instead.
package postgres
