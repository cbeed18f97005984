// Package atleastonce makes a sink of two stores: effects here, ledger there. It is the shape of the old jobs that kept their
// offsets in Redis or ZooKeeper and their results elsewhere: effect, then commit. Between the two lies a gap that no
// order closes, so a record counts at least once, and not exactly once.
//
//	atleastonce.Func(ledger, f)     your function, which has no transaction: a request, a mail, a file
//	atleastonce.Sink(ledger, sink)  a sink whose lanes can apply without their own ledger (sink.Applier)
//
// Where effects and ledger can be one store, use that store's own sink: it is exact, and faster by one round trip.
//
// # What can happen at each step
//
//	ask            the ledger, unless it answered within the last second. It holds something else: refused, no effect
//	 |  <- stopped here: nothing happened
//	effect         f, or the sink's Apply
//	 |  <- killed here: these ranges are applied again by the heir, whole. THE ONE PLACE WHERE A RECORD COUNTS TWICE
//	 |  <- stopped here, and replaced: the heir has applied the ranges too; our move is refused
//	move           compare-and-set in the ledger
//	 |  <- the answer is lost: the move is tried again, the effect is not (the lane remembers that it is applied)
//	done           the next batch
//
// What is applied twice is bounded: by one batch for each lane and each time that a worker is killed or replaced.
//
// # Laws kept here
//
//   - Never lost: no move is made before the effects of its range have succeeded.
//   - Chain: the moves are the ledger's own, compared and set. A late worker cannot disturb it, whatever its effects did.
//   - Order: a lane applies a partition's ranges one behind the other.
//   - One try, one effect: as long as the same batch is tried again, also cut down or in halves, a range whose effect
//     has succeeded is not applied again. What the lane remembers ends with the batch: a store and a ledger that are
//     taken back together between two batches are replayed, and nothing is passed over for having been applied once.
//   - A refused worker stops: its effect of that one batch may be applied, and nothing more follows it.
//
// # Asking first
//
// A worker that was stopped for longer than the group waits has lost its partitions without knowing. It would apply one
// more batch before its move is refused. So a lane that has had no answer from the ledger for a second asks it before it
// applies anything. Under load each commit brings an answer, and nothing is asked; a Read costs an idle pipeline little. The
// clock only says when to ask, never what is true. A shorter wait gains nothing, for no group replaces a worker within
// a second; asking always would read the whole group for each batch.
//
// # How it fails
//
// An error of the effect leaves the ledger as it was, and the engine tries again: *sink.Rejected in smaller batches
// until the bad record is found, anything else after a pause. A function that fails after half of its work has done that
// half: the next try does it again, so its effects should be harmless when repeated, keyed by topic, partition and
// offset. An error of the ledger leaves effects that are applied and positions that do not yet say so: the move alone is tried
// again, and no new effect is made until it is decided.
//
// A ledger that went back alone (restored, failed over) would repeat the range in between: a worker that has been further
// on parks the partition and says both offsets (law 1). One that begins afterwards cannot know, and repeats.
//
// # What it does not do
//
// It does not claim ranges beforehand, so the heir's batch may be cut otherwise than the one that it repeats. It does
// not undo effects. It does not close the ledger: the caller that opened it does. Store and ledger that are both taken back while
// one batch is tried again and again, to exactly where that batch begins, look like an outage: its range is moved
// and not applied. Stop the workers before a restore of two stores.
package atleastonce
