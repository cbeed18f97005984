// Package engine is the motion: it takes records from a Source, makes batches, has a Sink commit each one together
// with the moves of its positions, and follows what the ledger says when it is refused.
//
//	Source --poll--> partitions --form, decode--> lane --Commit--> Sink + Ledger
//	   ^     poller    (queues)       fill               run            |
//	   |                                                                | refused, unknown, rejected
//	   +--- seek ---- monitor <--- reconcile: Ledger, Cluster, decision-+
//
// # Who does what
//
// One goroutine polls the source and seeks in it, so that a fetch from before a seek is never taken for one from after it.
// Each lane has two goroutines: one forms and decodes batch N+1 while the other commits batch N. The monitor reconciles
// the partitions that have no position to resume from, and compares all partitions with ledger and brokers once every watch interval. The
// mirrors copy committed offsets to the Kafka group, and to those of Config.Mirrors. [Engine.Run] owns them all, and
// returns when they have ended, or names those that do not.
//
// Two packages below this one decide and do not act: internal/assignment is the state machine of one partition, and
// internal/batching says when a batch is due and how much it takes from each.
//
// # Laws kept here
//
//   - A batch clocks itself: while one is committed the next one gathers. It is small when it is quiet and large under
//     load; no timer delays a record.
//   - A partition belongs to one lane while it is held, and a lane commits in order.
//   - Refused (law 6): what was formed and queued of the partition is dropped; ledger and brokers are asked again.
//   - Unknown (law 7): the same batch is committed again. If the ledger then holds what the batch would have made, it
//     had happened.
//   - A record that cannot be applied parks its partition in front of it. Rows that the store refuses are found by
//     committing halves: what goes in is applied, and nothing is tried that has to be rolled back.
//   - Nothing is decided by this worker's clock. It says only when to ask again.
//   - Memory: queued records are counted in decompressed bytes; above Config.Memory nothing is polled.
//
// # How it fails
//
// Before the first record, what does not answer ends the run with an error: a pipeline that never worked should say
// so. Afterwards what passes is waited for, with growing pauses and an event at each; what does not pass (another
// ledger under this group's name, a ledger of a newer version, SQL that ends its transaction) ends the run. A commit
// under way is always waited for, at most as long as Config.Drain or nine tenths of half the rebalance timeout; then its
// connection is closed, and the next compare-and-set decides whether it had happened.
//
// What does not follow its context is given up a grace later (crew.go): a callback of the group answers within min(10 s,
// half the rebalance timeout), and what it could not decide begins paused; a stop ends within Config.Drain and two seconds.
//
// # What it does not do
//
// It assigns no partitions, evicts no member, and knows no technology. It does not retry a record elsewhere or drop one.
package engine
