// Direct-stream takes over the offsets that a job of the old kind keeps by itself, and goes on exactly there: ranges in a
// Redis hash, or numbers in ZooKeeper that it held against the log. docs/guides/direct-stream.md has the job's steps one by one,
// with the command that does the same.
//
//	Redis hash   payments|0 -> 3000|3100   --+
//	                                          +--> worth --> takeOver --> engine.Run
//	ZooKeeper    .../payments/0 -> 3100    --+       |            |             |
//	                                       earliest, latest    an import     rows and offsets in one transaction;
//	                                       of each partition   a partition   the old place is kept up to date for its readers
//
//	psql "$DATABASE_URL" -c 'CREATE TABLE payments (id bigint, part int, place bigint)'
//	OLD=redis KAFKA_BROKERS=127.0.0.1:9092 REDIS=127.0.0.1:6379 DATABASE_URL=... go run ./examples/direct-stream
//
// It takes what is there when it begins, and ends.
//
// # How it fails
//
// A group that the ledger knows is not taken over again: the next run goes on from the ledger. What the brokers do not say
// is an error, and then nothing is taken over. An old position that the log does not hold becomes the earliest, as in the job;
// here that is a move with its cause, and with the most records that it can stand for.
//
// # What it does not do
//
// It does not stop the old job: what that still writes is applied twice.
package main
