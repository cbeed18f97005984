// Sqlite-handler is the smallest whole installation: one process, one file. A handler gets the connection, inside the
// transaction, and a typed batch of flights; it keeps the number of flights and the minutes of delay of each origin in
// the same file that holds the offsets. No server but Kafka, and the embedded broker will do for that.
//
//	fencepost quickstart --keep    in another terminal: leaves a broker with the topic flights
//	KAFKA_BROKERS=127.0.0.1:19092 DATABASE=delays.db go run ./examples/sqlite-handler
//	sqlite3 delays.db 'select * from delays order by minutes desc limit 5'
//
//	flights --> decode.JSON --> batch --> addDelays --+-- nil: commit the sums and the offsets
//	                                                  +-- error: neither
//
// It runs until it is interrupted; a restart goes on with the next flight. Copy the file while it is stopped, and the
// copy is a backup that replays exactly what came after it.
//
// # How it fails
//
// A flight without an origin or a delay is no row: its partition parks in front of it, as an error in the log, and the
// others go on. The same holds for a row that the table refuses. A full disk is waited out.
//
// # What it does not do
//
// One lane: a SQLite file has one lock. For several machines, see postgres-handler.
package main
