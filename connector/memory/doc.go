// Package memory is the reference ledger and sink: the executable specification of what a store must do.
//
// It keeps everything in the process's memory, so it is no store for real work. It is here for three readers: the
// author of a connector, who finds in it the plainest code that passes package sinktest; the engine's tests and the
// simulator, which need a store with the crash semantics of a database and faults on demand; and a person who tries
// the library without a server.
//
// # Shape
//
// One [Store] is shared by all the workers of a process, as one database is. Rows and ledger are side by side under
// one lock, and a commit changes both while it holds it:
//
//	worker 1 --Lane--.                 .-- rows        appended, or what the handler does
//	                 +--> Store (lock) +-- values      the handler's key-value table
//	worker 2 --Lane--'                 '-- groups      header, topics, positions, moves
//
//	Commit: hook -> handler (no lock) -> lock { version, cluster, compare, topics, rows, positions, moves } -> hook
//
// # Laws kept here
//
//   - Chain: [ledger.Check] compares; all moves of a batch or none.
//   - Together: rows, values and positions change under one lock, after everything that can refuse.
//   - Nothing moves silently: each move is recorded as [ledger.KeepCommits] says.
//   - Untouched stays untouched: an empty list of moves does nothing at all; a newer version's store is refused.
//   - No lock across a wait: the handler runs without the lock. If what it read has changed by the time it is done, it
//     runs again, as a database would answer 40001.
//
// # How it fails
//
// On purpose only. [Store.Inject] queues faults for the next commits, [Store.SetHook] stops a call at a point of it,
// [Store.SetReject] refuses rows, [Store.Backup] and [Store.Restore] take the store back in time, and DeleteRow,
// ForeignWrite and MakeNewer do to it what other programs do.
//
// # What it does not do
//
// It does not outlive the process, it does not bound its memory, and it checks a batch's guarantees on every commit,
// which a fast store leaves to the engine.
package memory
