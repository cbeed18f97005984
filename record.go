package fencepost

// Record is one entry of a partition's log as the source read it.
type Record struct {
	// TopicPartition is whose log it is. The reader of Records sets it, once for all of them: they are of one partition.
	TopicPartition
	Offset      Offset
	LeaderEpoch LeaderEpoch
	Timestamp   int64 // Unix milliseconds, as the topic stamps it (create or append time)
	Key, Value  []byte
	Headers     []Header
	// Control marks a transaction's marker: it moves the position and is never a row.
	Control bool
}

// Header is one header of a record; a value may be nil.
type Header struct {
	Key   string
	Value []byte
}
