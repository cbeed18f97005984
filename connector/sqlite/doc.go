// Package sqlite is the connector for SQLite: rows and ledger in one file, changed by one commit.
//
// One process, or several on one machine, write a table (or run your SQL, or your Go function) and move the positions
// of their partitions in the same transaction. There is no server: the file is the store, and its write lock is the
// only lock.
//
//	Commit(batch)
//	  temp.batch <- rows                     sql only, before the lock: no other worker waits for it
//	  BEGIN IMMEDIATE                        the file's one write lock; busy: again after 1..5 ms, for 30 s
//	    version and cluster of the ledger
//	    UPDATE fencepost_ledger ...          one per partition: WHERE until = held AND fence = held, or refused
//	    SAVEPOINT                            rows into your table | your SQL over batch | your function
//	    RELEASE
//	  COMMIT                                 WAL, synchronous FULL: durable when it returns
//
// The compare-and-set goes first, since under the one lock its answer stays true: a late worker is refused before it
// writes a row or runs your function.
//
// # The tables
//
//	fencepost_groups  ('', '')         version and identity of the ledger
//	                  (group, '')      the cluster that the group's offsets belong to
//	                  (group, topic)   the topics: topic ID, partitions ever started
//	fencepost_ledger  (group, topic, partition) -> until, leader_epoch, fence, topic_id, and the open run
//	fencepost_moves   every move but those commits that are still in an open run
//	fencepost_reports (group, subject) what workers know, as a text: ledger.Reports
//
// The open run is what makes keeping merged commits cost nothing: the UPDATE that moves a position also counts its
// commits, in the same row. Another move of that partition writes the run to fencepost_moves and begins a new one. So
// the history is fencepost_moves and then the open runs. The tables are not STRICT, and have no column that an old
// sqlite3 shell can not read. Names of groups and topics are text, topic IDs Kafka's own form ("-" for none), times
// UTC.
//
// # Values
//
//	int, bool             INTEGER    a bool is 0 or 1
//	float                 REAL       NaN is refused: SQLite would make it null
//	text, decimal, json   TEXT
//	timestamp             TEXT       2001-01-01 00:01:00, UTC, or with .500 or .500250: sorts as time, and date(),
//	                                 strftime() and unixepoch() read it; years 0000 to 9999, others are refused
//	date, time, uuid      TEXT       2001-01-01, 00:01:00.5, 6ba7b810-9dad-11d1-80b4-00c04fd430c8
//	bytes                 BLOB
//
// A column's declared type would then convert (SQLite's affinity): a decimal in a NUMERIC column would become a number of
// 15 digits, a text of digits would lose its leading zeros; STRING, DECIMAL and JSON are NUMERIC to SQLite. So a pair that
// may change a value is refused by Check, by the start, and by a commit after the table was changed:
//
//	text, decimal, json   want TEXT, BLOB or no type
//	int                   wants INTEGER, NUMERIC, BLOB or no type
//	float, bool           want anything but TEXT: 12.0 may be stored as 12
//	all others            want anything: none of them looks like a number
//
// A STRICT table takes the types listed above it, in ANY too. What your SQL writes is yours.
//
// # Laws kept here
//
//   - Chain and Together: one transaction, begun IMMEDIATE, so that what was compared still holds at COMMIT.
//   - Untouched stays untouched: a newer version's file is not even switched to WAL; SQL and functions cannot write
//     the fencepost tables, end the transaction, or attach a file (a commit over two files is not atomic in WAL mode).
//   - Unknown is resolved by the next compare-and-set: an I/O error at COMMIT is ledger.ErrUnknown, and so is a
//     file that was replaced while a commit went to the old one.
//
// # Tables of other programs
//
// OpenLayout reads offsets out of a table of any shape; the file is opened for reading only, and must be there. Names are
// quoted in backticks: SQLite takes one in double quotes that is no column for a text.
//
// # How it fails
//
// A killed process leaves its transaction in the WAL without an end; the next opener drops it. A full disk rolls back
// and passes. Errors have these codes:
//
//	database-busy       another process holds the lock for 30 s (passing)
//	disk-full           no space left; rolled back (passing)
//	database-io         reading or writing failed; rolled back (passing)
//	database-denied     a file or directory that this user may not write
//	database-missing    no such directory
//	database-directory  the path is a directory
//	not-a-database      the file is something else
//	database-damaged    SQLite finds the file malformed
//	database-no-wal     the file's place cannot do WAL: a network mount
//	table-not-found     the table does not exist
//	column-missing      the table lacks a column
//	column-type         a column's declared type would change the values
//	column-not-filled   a NOT NULL column without default is not in the schema
//	key-merges          a key column compares by NOCASE or RTRIM
//	key-not-unique      no PRIMARY KEY or UNIQUE over key
//	sql-failed          SQLite cannot compile the SQL
//	sql-refused         the SQL writes the ledger or attaches a file; a layout's condition is no SQL
//	sink-config         the Config contradicts itself
//	file-not-found, layout-damaged, layout-incomplete, choice-needed
//	                    what OpenLayout may say
//
// # What it does not do
//
// It has one lane a process, since the file has one lock. A process that is stopped (not killed) inside a transaction
// keeps every other one waiting until it goes on or is killed: law 11 does not hold here. A file copied over the open
// database in place (cp backup.db live.db) is not noticed and damages it; stop the workers, or move the copy into place
// (mv), which is noticed. It does not work over network file systems.
package sqlite
