// Package simulation runs workers, brokers and a database inside one program, on a clock of their own, and has everything go
// wrong by a seed.
//
// The workers are whole engines with the real Kafka client, on hosts that can be killed, stopped and cut off. The brokers are
// kfake's, on its virtual network, edited where its groups did otherwise than Apache Kafka's; a test asks both the same. The database is the memory store behind sessions that behave as those of a real one: a commit
// is whole or nothing, its answer may be lost, its server may be slow or away, or be restored from a backup, and a request whose client has gone is undone
// or carried out all the same.
//
//	worker (engine, franz-go) --conn--> network --> kfake
//	   |                                                       journal: what was applied
//	   `------------session--> database (memory store) ---------^
//
//	misfortune, by seed -> everything heals -> the log's end is reached -> check -> a quiet kill -> stop
//
// # What is checked
//
// The journal of what was applied is kept apart from the store's own history. From it and from what was produced follow the exact
// rows, in order, of each partition, the dead letters, and the positions; then mirror, status, reports and events are compared (check.go). While
// everything runs, a worker that begins a commit of what it gave back, that is refused for nothing but what it did itself and knows, or
// that reports a ledger that went back where none did, fails the simulation at once.
//
// # Repeatable
//
// With the overlay of package overlay, the build tag simulated, GOMAXPROCS=1 and GOGC=off, a process that simulates one seed has
// one history, byte for byte. Without, a seed decides the faults, and goroutines still race. The command below cmd/simulate builds and
// runs both kinds, and tries whether the bugs in bugs.txt are found.
//
// # What it does not do
//
// No real store is in it, so nothing of what a connector does with a server. kfake has no replication: no truncation, no unclean election.
package simulation
