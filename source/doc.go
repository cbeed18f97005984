// Package source is what a source of records promises: it delivers the records of the partitions that a worker holds, and
// answers questions about the log.
//
//	Source --Poll--> Fetches --> engine
//	  |  ^
//	  |  +--Steer--- where held partitions go on, or pause
//	  +--> Listener    learns what is held: Assigned, Revoked, Lost
//	  +--> Cluster   answers about topics, bounds and the group's committed offsets
//
// # Why
//
// The engine knows no client of Kafka, and its tests run on sources that deliver what a test says. Package kafka
// has the real one.
//
// # Laws
//
//   - A source decides no start: the [Listener] says where a partition begins before its first record is fetched.
//   - After Steer no [Fetch] of before comes out of a later Poll for the steered partitions.
//   - No answer is never an answer: what the brokers did not say is fencepost.ErrNoAnswer, and not nothing.
//
// # How it fails
//
// A partition's failure is its Fetch's [PartitionError]: it is paused, and waits for Steer. What ends the whole source is
// a *fencepost.UserError from Poll.
//
// # What it does not do
//
// It holds interfaces and their values only: no client, no goroutine. What the brokers say (Topic, LogOffsets, CommittedOffset) is in
// the root, since Reconcile decides by it.
package source
