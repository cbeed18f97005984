// Package kafka is the connector for Kafka, and the only package that imports franz-go to consume: a [Source] that delivers the
// records of the partitions a worker holds, the questions about their bounds, the mirror in the Kafka group, what
// a check of brokers, topics and group finds, and any group's committed offsets as a [Layout].
//
// # Why not the client alone
//
// The client decides starts by itself, and each of its defaults loses or repeats records silently somewhere. Here it
// decides none: every start comes from the Listener, and an error of a partition is reported once, and the partition waits.
//
//	           Listener (the engine)                                     brokers
//	             ^   |                                                    ^
//	   Assigned  |   | Start: offset, paused                              |
//	   Revoked   |   v                                                    |
//	   Lost     +---------------------- Source ---------------------+     |
//	            | member    adjust, revoked, lost; what is held     |     |
//	  Poll <----| source    fetches, failures once, Steer            |-----+ one client
//	 Steer ---->| topics    the watch: recreated, grown, appeared   |
//	            | memory    how much is fetched and decompressed    |
//	LogOffsets<-| bounds    metadata, 3 to 5 questions, metadata    |
//	Mirror ---->| mirror    committed offsets with our marks        |
//	            +---------------------------------------------------+
//
// # Laws kept here
//
//   - No start but the Listener's: no reset offset, leader epoch -1 in every seek (with another the client moves itself to
//     where histories part), an offset >= 0 for every partition, parked ones too, and never an error to the client
//     from the callback: it would join again, and a ledger that is down would become a storm of rebalances.
//   - Positions, not records: control entries are delivered, so that a position passes markers and reaches the end.
//   - A failed partition is paused and reported once. Without the pause out of range comes 35,000 times in 1.5 s.
//   - A pause ends with the assignment: the client keeps it over a revoke, this package does not.
//   - Fetches carry the topic ID of their fetch. A recreated topic is taken up anew (the client never does that by
//     itself): the old partitions are revoked from the Listener, and it is asked about the new ones.
//   - A record's timestamp is the number that Kafka keeps. The client's is right from 1970 to 2262 only: a batch with
//     another one is read a second time; see times.go.
//   - No answer is never an answer: what a broker did not say is an entry with [fencepost.ErrNoAnswer] and a reason, and
//     other partitions are not touched by it. Topic IDs must agree before and after the bounds.
//   - Memory: what waits in the client and what one Poll hands out are at most [Config.FetchMemory] together, whatever
//     the log's compression; see memory.go.
//
// # How it fails
//
// A partition fails: a Fetch with a [source.PartitionError]. Brokers that are down: the client tries again for ever,
// and LogOffsets returns that. What ends the Source as a whole comes out of Poll as a [fencepost.UserError]: the group may not be
// read, its name is used by other programs, an instance ID is taken, or the very first connection is refused. Codes:
// broker-silent, advertised-unreachable, tls-mismatch, tls-unknown-authority, sasl-refused, topic-not-found,
// kafka-denied, instance-taken, group-live, session-timeout-refused, source-closed.
//
// # Non-obvious
//
//   - The group's client is made by Open and joins at Start, when the topics are added: one set of connections serves
//     the questions before and after.
//
//   - A pattern is matched here, not by the client: the client cannot take up anew a topic that it found by pattern.
//
//   - A seek of an idle partition does not wait for the fetch on its way: the client drops that connection (2-7 ms).
//
//   - Under KIP-848 on Kafka 4.3 an evicted member's partitions come 10 ms later, but up to 1 s later when the group's
//     last assignment is younger than group.consumer.assignment.interval.ms.
//
//   - A static member does not leave the group when its Source does: its next life has its partitions again without a
//     rebalance. Under KIP-848 a static worker that was killed is refused (instance-taken, passing) until the broker's
//     session timeout; under Cooperative the newcomer wins and the older worker gets an error.
//
// # What it does not do
//
// It keeps no ledger (docs/decisions/0013), writes no records and decides nothing about a position: that is
// [ledger.Reconcile]. Where a compacted log ends without any entry left, no Fetch says so: the position stays below
// the end. In batches from before Kafka 0.11 it does not mend timestamps outside of 1677 to 2262.
package kafka
