// Package kafka is the room that speaks to Kafka, and the only one that imports franz-go: a [Source] that delivers the
// records of the partitions a worker holds, the questions about their bounds, the mirror in the Kafka group, what
// a check of brokers, topics and group finds, a [Ledger] in a compacted topic, and any group's offsets as a [Layout].
//
// # Why not the client alone
//
// The client decides starts by itself, and each of its defaults loses or repeats records silently somewhere. Here it
// decides none: every start comes from the Holder, and whatever goes wrong with a partition is said once and waits.
//
//	           Holder (the engine)                                     brokers
//	             ^   |                                                    ^
//	   Assigned  |   | Start: offset, paused                              |
//	   Revoked   |   v                                                    |
//	   Lost     +---------------------- Source ---------------------+     |
//	            | member    adjust, revoked, lost; what is held     |     |
//	  Poll <----| source    chunks, failures once, Steer            |-----+ one client
//	 Steer ---->| topics    the watch: recreated, grown, appeared   |
//	            | memory    how much is fetched and decompressed    |
//	Bounds <----| bounds    metadata, 3 to 5 questions, metadata    |
//	Mirror ---->| mirror    committed offsets with our marks        |
//	            +---------------------------------------------------+
//
// # Laws kept here
//
//   - No start but the Holder's: no reset offset, leader epoch -1 in every seek (with another the client moves itself to
//     where histories part), an offset >= 0 for every partition, parked ones too, and never an error to the client
//     from the callback: it would join again, and a ledger that is down would become a storm of rebalances.
//   - Positions, not records: control entries are delivered, so that a position passes markers and reaches the end.
//   - A failed partition is paused and said once. Without the pause out of range comes 35,000 times in 1.5 s.
//   - A pause ends with the assignment: the client keeps it over a revoke, this room does not.
//   - Chunks carry the topic ID of their fetch. A recreated topic is taken up anew (the client never does that by
//     itself): the old partitions are revoked from the Holder, and it is asked about the new ones.
//   - No answer is never an answer: what a broker did not say is an entry with [fencepost.ErrNoAnswer] and a reason, and
//     other partitions are not touched by it. Topic IDs must agree before and after the bounds.
//   - Memory: what waits in the client and what one Poll hands out are at most [Config.FetchMemory] together, whatever
//     the log's compression; see memory.go.
//
// # The ledger
//
// A [Ledger] is for pipelines whose effects live elsewhere: effect, then Move. It compares by value, though Kafka has no
// compare-and-set, by holding one transactional ID a group:
//
//	mover A                         broker                          mover B
//	InitProducerID ---------------> B's transaction ends, B is fenced
//	read the topic, the copies <--- nobody else can move now
//	compare
//	Produce, TxnOffsetCommit -----> both pending
//	                                A is fenced, both are aborted <-- InitProducerID
//	EndTxn -----------------------> PRODUCER_FENCED: nothing happened; begin anew, and be refused
//
// A mover that was not fenced knows what stands, so that its next Move reads the committed offsets only. The topic is the
// truth, and its topic ID is the ledger's identity; the group's committed offsets are copies with our marks, written in
// the same transaction. What is no copy is a foreign write. Two workers that move one group take the producer from each
// other: they stay right, and each move costs more.
//
// A broker that is killed may leave a transaction that was committed without its markers, for good: nobody could move the
// group any more, and a later abort would undo the move. Who takes the producer asks how the last transaction ended, and
// writes what is missing (ledger_hang.go); a reader that waits for it does the same. That needs ClusterAction, where there
// are ACLs, and is a Fault without. It is one, too, if the process that took the producer ends before it wrote them, also
// for want of that right: then nobody knows the decision any more.
//
// What it does not do: [LedgerLimits]. Other programs' plain commits are not kept out, for Kafka checks nothing there: one
// is seen by the next read or move. The clock of its history is the topic's (LogAppendTime, where the topic was made here).
//
// # How it fails
//
// A partition fails: a Chunk with a [source.PartitionError]. Brokers that are down: the client tries again for ever,
// and Bounds says so. What ends the Source as a whole comes out of Poll as a [fencepost.Fault]: the group may not be
// read, its name is used by other programs, an instance ID is taken, or the very first connection is refused. Codes:
// broker-silent, advertised-unreachable, tls-mismatch, tls-unknown-authority, sasl-refused, topic-not-found,
// kafka-denied, instance-taken, group-live, session-timeout-refused, source-closed; of a Ledger ledger-topic-unfit,
// ledger-hangs.
//
// # Non-obvious
//
//   - The group's client is made by Open and joins at Start, when the topics are added: one set of connections serves
//     the questions before and after.
//
//   - A pattern is matched here, not by the client: the client can not take up anew a topic that it found by pattern.
//
//   - A seek of an idle partition does not wait for the fetch on its way: the client drops that connection (2-7 ms).
//
//   - Under KIP-848 on Kafka 4.3 an evicted member's partitions come 10 ms later, but up to 1 s later when the group's
//     last assignment is younger than group.consumer.assignment.interval.ms.
//
//   - A static member does not leave the group when its Source does: its next life has its partitions again without a
//     rebalance. Under KIP-848 a static worker that was killed is refused (instance-taken, passing) until the broker's
//     session timeout; under Cooperative the newcomer wins and the older worker is told.
//
//   - Transactions are held to their older form, in which partitions are added by name and the epoch stays: one way for
//     all brokers. Its hole (a late EndTxn ends the next transaction, KAFKA-17754) is closed by never sending one twice,
//     and by a new epoch after everything that is not a plain answer.
//
//   - A committed transaction shows in two partitions at two moments. A read that found its records, and neither marker
//     nor an open transaction, waits; one that is open has decided nothing and keeps no reader waiting.
//
// # What it does not do
//
// A Source keeps no ledger, writes no records and decides nothing about a position: that is [fencepost.Reconcile]. Where a
// compacted log ends without any entry left, no Chunk says so: the position stays below the end.
package kafka
