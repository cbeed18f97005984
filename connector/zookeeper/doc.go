// Package zookeeper is ZooKeeper as ledger: all moves of a Move are one multi, and the versions of its nodes decide. It
// also reads the offsets that other programs left in ZooKeeper.
//
// # Why one multi
//
// The pattern that this connector replaces kept a number in a node of each partition, and set it blindly, one after the other:
// two workers overwrote each other, and a crash between two sets left half a batch. A multi is done whole or not at all,
// and each of its sets names the version that it replaces.
//
//	what is known, or read behind a sync ---> compare Offset and Fence   (another: refused, nothing happened)
//	                                              |
//	multi: check the head, tick the clock,        v
//	       set each position at its version  ---> done | a version is another: read and compare again
//
// ZooKeeper's versions are not the Fence: the Fence is compared first, in the program, on what was read. The versions then
// ensure that what was read is still current.
//
// # Nodes
//
//	/fencepost                                 1|identity: of all groups below
//	/fencepost/flight-delays                   1|life|cluster: the head of a group
//	/fencepost/flight-delays/%moves-1f2e3d4c   set by every Move: its version is the group's clock
//	/fencepost/flight-delays/%moves-.../n-07   what one Move recorded, a line a move; packed by gzip if large
//	/fencepost/flight-delays/flights           the topic's state, and the topic IDs that positions name by index
//	/fencepost/flight-delays/flights/3         until|fence|epoch|topic ID, and behind it the open run of merged commits
//	/fencepost/%reports/flight-delays/...      what workers know, a node a subject: ledger.Reports
//
// Names are escaped as in URLs. A position's node without data is kept for a position to come, and is absent; one that
// holds a number alone is another program's write, which has no fence and is refused.
//
// # Laws
//
//   - A version does not identify a content by itself: a node that was deleted and made again begins at 0. So a writer that makes a
//     node changes the head in the same multi, every Move checks the head, and a head that was made again has another life,
//     which is in the name of a node that every Move sets.
//   - One Move is one request, of jute.maxbuffer bytes at most (1 MiB as servers have it): 10,000 partitions with short
//     names. One that does not fit is the error zookeeper-too-large, and is never split. Nodes are made empty beforehand,
//     since a creation takes twice the bytes.
//   - A question goes behind a sync: the server that is asked may lag.
//   - The times of moves are the servers' clock: of the node, or of its last change.
//
// # How it fails
//
// A multi whose connection or session ended is ledger.ErrUnknown, resolved by the next compare; what the server itself
// refused is "nothing happened". Servers that do not answer are the passing error zookeeper-silent; a wrong user or
// password shows only when a node is touched, as zookeeper-denied, since the server accepts any digest.
//
// Read is as of one moment unless moves overtake it three times; then each position is as of its own moment, and none is
// older than the topics.
//
// # What it does not do
//
// It has no sink: effects live elsewhere, at least once. It speaks no TLS and no SASL. It deletes nothing: the recorded
// moves of a group that keeps all commits grow by a node a commit, in the servers' memory. A group's name and a topic's
// are in every operation, so long ones leave space for fewer partitions in one Move, and so does a long Actor.Who where
// commits are merged.
package zookeeper
