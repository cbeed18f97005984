// Package mysql is MySQL or MariaDB as ledger and as sink, in one commit: the rows of a batch, or what your SQL or your
// handler makes of them, and the moves of its partitions are one transaction. So a record counts exactly once whatever
// dies when.
//
// # A commit
//
// Everything leaves as one packet of statements, rows included. The server runs it when its last byte has arrived, and
// stops at the first statement that fails:
//
//	start transaction; rows; [statements;] compare-and-set; commit; select SECRET
//	^ nothing is locked before the whole packet is there: a client that stops, or dies, changes nothing any more (law 11)
//
//	form      the rows go to           statements
//	Table     the table                none
//	Table *   a temporary table        insert into TABLE select
//	Key       the table                none: the rows end with on duplicate key update
//	Key **    a temporary table        insert into TABLE select .. order by key .. on duplicate key update
//	SQL       the temporary `batch`    savepoint; your SQL; release savepoint
//	Handle    nothing                  your function in a transaction; then compare-and-set and commit in one flush
//
// A Table's statements end with a comparison of its columns' types, and with Key of its unique indexes, with those that the
// batch was planned for. It fails by itself; the batch is then planned anew, and sent again at once.
//
// (*) a batch larger than the server's max_allowed_packet. Its pieces travel before the transaction begins.
// (**) such a batch, one that lost a race, and every one of a sink whose upserts lost three.
//
// The compare-and-set locks the ledger's rows in (topic, partition) order, counts those that are where the batch holds
// them, and fails by itself if one is not, so that the COMMIT behind it can leave unseen. Its error, the savepoint and
// the last row of the answer carry a secret of the connection: neither user SQL nor a value of a record can pretend to
// be any of them, and SQL that swallows the statements behind it is found out.
//
// # The ledger
//
//	fencepost_groups   ('', '') version and identity | (group, '') cluster | (group, topic) topics
//	fencepost_ledger   (group, topic, partition) until, leader_epoch, fence, topic_id | the open run of commits
//	fencepost_moves    (id, group) what moved, from where to where, why, by whom, how many records it passed
//	fencepost_reports  (group, subject) what workers know, as a text: ledger.Reports
//
// Merged commits cost nothing extra: the run is counted in the ledger row that the commit updates anyway, and is
// written to fencepost_moves when another move ends it. History shows both. All other moves are one packet too, under
// the lock of the group's header row. Why is kept up to 4,000 bytes.
//
// # Tables of other programs
//
// OpenLayout reads offsets out of a table of any shape, in a transaction that may only read. A condition of the user's is
// prepared, and the server prepares one statement, so that it cannot end that transaction. Names are compared as bytes.
//
// # What is elsewhere
//
// The ledger, the frame of a lane, the checks of a table and the reading of layouts are internal/sqlstore's. Here are the flush,
// the encoding, the types, the codes of errors and the texts of the statements: dialect.go lists them.
//
// # Provenance of rows
//
// Applied counts the rows of a table by _topic, _partition and _offset, for audits. It reads one snapshot, and compares
// topics byte by byte, whatever the column's collation. Rows that your SQL or your handler wrote have no provenance.
//
// # What a session sets
//
// READ COMMITTED; sql_mode strict (a value that does not fit is refused, never cut), without ANSI_QUOTES and
// ONLY_FULL_GROUP_BY; time_zone +00:00; utf8mb4. Your SQL runs under these, whatever the server's own are.
//
// # Values and keys
//
// What a column cannot hold is refused. Three things the server does without an error, and Check names each of them: a
// decimal is rounded to the column's scale, a time is cut (MySQL: rounded) to its digits, a char loses trailing blanks. A
// decimal goes into a bigint if it is whole, so that bigint unsigned holds 2^64-1.
//
// A key is compared by its column's collation, and most of those take abc, ABC and "abc " for one. DDL gives key columns a
// binary collation without padding, which MySQL and MariaDB know by different names; utf8mb4_bin pads. Check finds a key
// column that does not tell values apart. A unique key, unlike a primary one, takes many nulls: such rows are appended.
//
// # How it fails
//
//   - What the server refuses about rows (1062, 1048, 1264, 1406, 4025 and the like) is a *sink.Rejected; nothing
//     was applied.
//   - A connection that broke while a flush was under way: ledger.ErrUnknown, and the next compare-and-set decides. A
//     connection that the driver knows to have been dead before: nothing happened. The next call opens a new one.
//   - A lost race rolled everything back: a deadlock (1213), a row that changed while it was waited for (1020, MariaDB from
//     11.6 on), a cluster's certification. The flush is tried again as it is, a hundred times. An upsert is tried
//     again in the order of its keys: two lanes that go by it do not meet crosswise.
//   - SQL that ends its transaction, as all DDL does, loses the savepoint: *sink.Ended. What it did before may
//     stay. Columns and Check find it earlier, by reading the first word of each statement; they cannot see into a CALL.
//   - A server that is down, full, shutting down or read-only is a passing *fencepost.UserError. No error shows the dsn.
//
// # What does not hold here
//
// With Handle, locks are held while your function runs; Config.CommitTimeout bounds that. SQL that sends large results
// to the client would wait for it: select into a table instead. A foreign key's or a trigger's locks are the server's,
// taken within the packet.
//
// Law 2 needs transactions: a Table of another engine is refused, but SQL, a handler, or a trigger that writes a MyISAM
// or Aria table writes it outside of the transaction. With innodb_flush_log_at_trx_commit other than 1 a crash of the
// host takes rows and ledger back together; replay is still exact. On Galera a certification failure answers 1213 and
// is tried again; GET_LOCK does not reach other nodes, so let one worker make the tables.
//
// # What it does not do
//
// It makes no table of yours (DDL prints them) and reads from no replica: a server that is read_only is refused. It
// uses JSON_TABLE: MySQL 8.0 or MariaDB 10.6. The tests run on MariaDB 10.11 and 11.8, and on MySQL 9.7. MySQL reads a
// temporary table once in a statement, so SQL there names batch once; and its JSON_TABLE makes 2^63 negative and rounds beyond 17
// digits, in SQL of yours: rows travel as literals. binlog_format=STATEMENT does not go with READ COMMITTED. Where a table of yours is named batch, SQL is
// refused: the temporary one would hide it. A pooler that shares sessions does not do.
package mysql
