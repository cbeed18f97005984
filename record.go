package fencepost

// Record is one entry of a partition's log as the source read it.
type Record struct {
	// TopicPartition is whose log it is. Whoever reads Records sets it, once for all of them: they are of one partition.
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

// Records is what one fetch brought of one partition, in offset order, control entries included. Ranges of entries
// that do not overlap may be read and recycled by different goroutines.
type Records interface {
	// Len is how many entries there are, data and control.
	Len() int
	// Read fills r with entry i, all but its TopicPartition, which stays as it is. The slices belong to the source and
	// are valid until entry i is recycled.
	Read(i int, r *Record)
	// Recycle gives entries [lo, hi) back to the source, once each; they are not read again.
	Recycle(lo, hi int)
	// Size is what the entries take in memory, decompressed, in bytes.
	Size() int
}
