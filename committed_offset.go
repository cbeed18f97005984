package fencepost

// CommittedOffset is a committed offset of the Kafka group. Ledger and TopicID are ours to write into the commit's metadata;
// zero in one that another program wrote.
type CommittedOffset struct {
	Offset      Offset
	LeaderEpoch LeaderEpoch
	Ledger      LedgerID
	TopicID     TopicID
}
