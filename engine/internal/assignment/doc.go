// Package assignment is the state machine of one assigned partition, from its assignment to its revocation: what is
// queued of it, what is in a batch, what is committed, and whether it runs. It is pure: it has no goroutine, no lock, no
// clock and no I/O. The engine guards a Partition with its lane's mutex and gives it the time.
//
//	            reconciled             refused, fetch failed, moved by another
//	Pending  ----------------> Running ---------------------------------------------> Pending
//	    |                         |
//	    | no answer               | bad record, verdict; a record that cannot be decoded yet is Waiting
//	    v                         v
//	 Waiting                   Parked      both are reconciled again: Waiting soon, Parked at every watch interval
//
// The offsets of a partition, from the ledger to the source:
//
//	done <= formed <= first entry queued <= next
//	  |        |                              `-- next to come from the source
//	  |        `-- behind the last batch that was formed
//	  `-- behind the last commit: what the ledger holds
//
// # Laws
//
//   - Only the verbs of this package write a Partition's fields. Each is one change of state.
//   - done is what the ledger holds, as far as this worker knows; only the outcome of a commit, or reconciling, moves it.
//   - A batch that was formed in an earlier session is never committed: each verb that voids what was formed begins a
//     new session.
//   - A verb that drops queued entries gives their memory back, and returns how many bytes that were.
package assignment
