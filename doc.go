// Package fencepost is the words and laws of Fencepost: it takes records out of Kafka and makes each one count
// exactly once, by committing the offsets it consumed together with the results it produced.
//
// The package holds no goroutine, clock, network or log. It says what an offset range, a position, a move, a
// ledger, a batch and a sink are, and decides one thing: what a stored position is worth ([Reconcile]). The motion
// is in package engine; each technology has a room of its own (kafka, postgres, sqlite, memory) that imports this
// package and no other technology's.
//
// # The chain of ranges
//
// A partition is a log. What a group has consumed of it is a chain of half-open ranges that meet at fence posts:
//
//	log     0 . . . . . 100 . . . . . . 160 . . . . 200 . . .
//	        [----------) [------------) [---------)
//	        commit 1      commit 2       commit 3    ^ the Position: next to read
//
// Each commit takes a range [From, Until) and moves the [Position] from From to Until, in the same atomic commit as
// the range's effects, and only if the [Ledger] still holds From and the same [Fence]. A late worker holds an old
// Position, so its commit is refused whole, effects included. That one sentence is what makes a record count once:
// `UPDATE ... SET until = $until WHERE until = $from AND fence = $fence`, one row or roll back.
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
// It does not assign partitions (Kafka's group coordinator does), it keeps no lock, and it decides nothing by a
// clock: the compare-and-set alone keeps a late worker out.
package fencepost
