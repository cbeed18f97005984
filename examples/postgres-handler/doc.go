// Postgres-handler embeds the engine in a program of your own: a handler that gets the transaction and a typed batch of
// flights, and keeps the number of flights and the minutes of delay of each origin. When it returns nil, what it did and
// the offsets of the batch are committed together; when it returns an error, neither is. So a flight counts exactly
// once, however often the program is stopped, killed or moved.
//
//	fencepost quickstart --keep    in another terminal: leaves a broker with the topic flights; or any Kafka
//	psql "$DATABASE_URL" -f examples/postgres-handler/tables.sql
//	KAFKA_BROKERS=127.0.0.1:19092 DATABASE_URL=... go run ./examples/postgres-handler
//
//	flights  {"origin":"ATL","delay":12,...}          Postgres, in one transaction
//	   |                                              delays            ATL | 5011 | 43205
//	   +--> decode.JSON --> batch --> addDelays --+-> fencepost_ledger  flights:0 | 4711
//	        origin text     a table   sums in Go  |
//	        delay int                             +-- nil: commit both; error: neither
//
// It runs until it is interrupted. Start it twice, and the group divides the partitions between the two.
//
// # How it fails
//
// What passes (a broker or the database down) is waited out, and warned of in the log. A row that the table refuses
// parks the row's partition in front of it, as an error in the log, while the others go on. What only a person can
// mend (no table, a wrong password) ends the program with the remedy.
//
// # What it does not do
//
// It makes no table of its own: a service's tables belong to its migrations. The ledger's tables are made at the first
// start if the user may, and else by what `fencepost ddl` prints.
package main
