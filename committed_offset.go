package fencepost

// CommittedOffset is a committed offset of the Kafka group. Its other fields are ours to write into the commit's metadata;
// they are zero in one that another program wrote, and those behind TopicID in one of an earlier version.
type CommittedOffset struct {
	Offset      Offset
	LeaderEpoch LeaderEpoch
	Ledger      LedgerID
	TopicID     TopicID
	Place       Place  // of the ledger
	Fence       int64  // of the position, a ledger.Fence; 0: not known
	Member      string // that wrote it, once it had entered itself in the ledger; empty: it has not
	Who         string // with Member: the worker, pid@host
}
