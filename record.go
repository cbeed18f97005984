package fencepost

import (
	"encoding/base64"
	"encoding/json"
)

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

// AppendHeaders appends the JSON form that the MetaHeaders column holds: an array of [key, value] pairs in the
// record's order, values in base64, null for a header without a value. Keys that are not UTF-8 have their bad bytes
// replaced, as JSON can not hold them.
func AppendHeaders(dst []byte, headers []Header) []byte {
	dst = append(dst, '[')
	for i, h := range headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		key, _ := json.Marshal(h.Key) // a string always marshals
		dst = append(append(append(dst, '['), key...), ',')
		if h.Value == nil {
			dst = append(dst, "null]"...)
			continue
		}
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, h.Value)
		dst = append(dst, '"', ']')
	}
	return append(dst, ']')
}
