// Package fencepost is the words of Fencepost: it takes records out of Kafka and makes each one count exactly once, by
// committing the offsets it consumed together with the results it produced.
//
// The package says what a record, an offset range, a column and a batch are, and what the brokers know of a partition. It
// imports nothing of ours. What a group has consumed, and what a stored position is worth, is in package ledger; what
// applies a batch, in package sink; where records come from, in package source. The motion is in package engine, and each
// technology has a package of its own (kafka, postgres, sqlite, memory) that imports no other technology's.
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
// # What it does not do
//
// It holds no goroutine, clock, network or log.
package fencepost
