// Package ledger says what is durable of a group's progress, and decides one thing: what a stored position is worth
// ([Reconcile]).
//
// A [Ledger] keeps a [Position] for each partition of a group. It changes by [Move]s only, each a compare-and-set of the
// [Fence] and the offset that the mover holds.
//
// # Laws kept here
//
//   - Chain: a [Move] is accepted only if the ledger holds what the mover holds; all moves of a batch or none.
//   - Positions, not records: Until is the offset of the last entry seen, data or control, plus one.
//   - Nothing moves silently: every change of a Position is a Move with a [Cause], and an upper bound of the
//     records that it passes unapplied.
//   - No answer is never an answer: [Reconcile] turns silence into waiting, and asks twice before it says loss.
//
// # What it does not do
//
// It holds no goroutine, clock, network or log, and no store: each technology has its own. It does not assign partitions
// (Kafka's group coordinator does), it keeps no lock, and it decides nothing by a clock: the compare-and-set alone keeps
// a late worker out.
package ledger
