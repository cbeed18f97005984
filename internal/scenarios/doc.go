// Package scenarios holds tests only: the engine with its real connectors, on real Apache Kafka and real Postgres, and on
// SQLite where a scenario is about the store. One test is one behaviour that the suites of other programs demand of
// themselves; its name begins with the scenario's: TestL12RetentionEmptiesAnAppliedLog.
//
// # Why
//
// The engine's own tests run in virtual time against a broker in memory, by the thousand. That broker does what its
// author expects of Kafka. Here the same behaviours are held against the real one: its markers, its epochs, its
// retention, its groups, its restarts; and against the real store: its locks, its sessions, its COPY.
//
//	R   ranges and reading          start, null and empty, what was prefetched; old ranges again, beside the pipeline
//	T   transactions                stable offset, markers, aborted records
//	L   bounds, loss, recreation    each verdict of Reconcile, made by doing it to a broker
//	C   ledger and concurrency      overlaps, rewinds, zombies, stopped workers, user SQL
//	oldbroker_test.go               Kafka 2.4.1, which knows no topic IDs
//	flights_test.go                 3,000,000 flights, two workers, 20 kills, against their known sums
//	redis_test.go                   the same into counters of Redis, ten kills as the script is sent or answered
//	redis_file_test.go              a pipeline file for Redis, from its first check to its last audit
//	chaos_test.go                   faults by a seed at whole pipelines (internal/chaos); chaos_ring_test.go is where, chaos_strike_test.go how
//	chaos_cut_test.go               C2 at every byte of the answer to a commit
//	chaos_sweep_test.go             C1 at every system call, by strace
//	changestream_lossy_test.go      a real Debezium by settings that change values; changestream_types_test.go every type of Postgres
//	peers_test.go                   every type at its edges, as other programs' serializers write it, in each store
//	patternb_test.go                an old consumer's nodes in ZooKeeper: shown, copied, repaired; and the wires cut meanwhile
//
// # How a test is made
//
//	scene    one test's part of the world: topics, a group, a database of its own
//	  |-- store     where rows and ledger are, looked at on a connection of its own
//	  |-- worker    an engine in this process; its events are kept, and waited for
//	  |     `-- gate, hooked    a hand between the engine and a lane: holds a batch back, looks at it, spoils it
//	  `-- process   a worker of its own (this binary again, or fencepost): stopped with SIGSTOP, killed with SIGKILL
//
// # Laws
//
//  1. A test waits for facts: an event, a row, a position, the state of a session. A wait ends by the fact, or fails
//     after thirty seconds; no test's outcome depends on a sleep.
//  2. The table that rows go to has no key: what is applied twice is there twice.
//  3. Where a test is about a guard, a control runs without it and must show the harm; else the test tests nothing.
//  4. Workers read the brokers and the ledger every 300 ms, so that what is noticed within the watch interval is noticed
//     while a test waits. Nothing else differs from a worker in production.
//
// # How it fails
//
// With the sentence that was waited for, and the worker's events or the end of the process's log.
//
// # What it does not do
//
// Its scenarios have one broker (chaos may have three): leaders that move to another replica, unclean elections and partitions
// without a leader are the tests of the engine and of connector/kafka (L3, and the first part of L14). A cloned database has its original's identity:
// L11 recognises it by the group's offsets only, see TestL11ClonedDatabase. It measures nothing.
package scenarios
