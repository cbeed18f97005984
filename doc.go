// Package fencepost is the words of Fencepost: it takes records out of Kafka and makes each one count exactly once, by
// committing the offsets it consumed together with the results it produced.
//
// The package says what a record, an offset range, a column and a batch are, and what the brokers know of a partition. It
// imports nothing of ours. What a group has consumed, and what a stored position is worth, is in package ledger; what
// applies a batch, in package sink; where records come from, in package source. The motion is in package engine, and each
// technology is a connector of its own (connector/kafka, connector/postgres) that imports no other one.
//
// # The chain of ranges
//
// A partition is a log. What a group has consumed of it is a chain of half-open ranges that meet at fence posts:
//
//	log     0 . . . . . 100 . . . . . . 160 . . . . 200 . . .
//	        [----------) [------------) [---------)
//	        commit 1      commit 2       commit 3    ^ the position: next to read
//
// Each commit takes a range [From, Until) and moves the position from From to Until, in the same atomic commit as
// the range's effects, and only if the ledger still holds From and the same fence. A late worker holds an old
// position, so its commit is refused whole, effects included. That one sentence is what makes a record count once:
// `UPDATE ... SET until = $until WHERE until = $from AND fence = $fence`, one row or roll back.
//
// # The laws
//
// Comments everywhere name them by their numbers.
//
//  1. Chain: a move is made only where the ledger holds what the mover holds, offset and fence; all moves of a batch, or
//     none. Refused, the mover obeys what the ledger holds.
//  2. Together: a batch's effects and its moves become visible together, or not at all.
//  3. Positions, not records: Until is the last entry's offset + 1, whatever it is; From is always the previous Until.
//  4. Nothing moves silently: a start, gap, skip, rewind or import is a recorded move, always kept.
//  5. Ask twice before crying loss: no answer is never an answer.
//  6. A refused worker stops writing: it drops what is buffered, reads the ledger, and resumes from there.
//  7. Unknown is resolved by the next compare-and-set: the same batch again, never a guess.
//  8. Untouched stays untouched: other partitions, other groups, a ledger of a newer version.
//  9. Order within a partition, and bounded memory, always.
//  10. A restore is safe: effects and ledger restored together are replayed from the older position.
//  11. No lock that another owner needs is held across a wait for the client.
//  12. One group, one ledger: a group that another ledger keeps is refused.
//
// # What it does not do
//
// It holds no goroutine, clock, network or log.
package fencepost
