package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// recordBatch is a record batch of a transaction (message format 2), made by hand so that producer ID, epoch and sequence
// are ours to say.
//
//	0          8        12       16      17   21           23         27          35         43
//	| base 0   | length | epoch  | magic | crc | attributes | last     | first     | newest   |
//	43         51       53         57       61
//	| producer | epoch  | sequence | records | records ...
type recordBatch struct {
	data    []byte
	at      time.Time
	records int32
}

const batchHead = 61

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newBatch(p *producer, at time.Time) *recordBatch {
	b := &recordBatch{data: make([]byte, batchHead, 4096), at: at}
	put := binary.BigEndian
	put.PutUint32(b.data[12:], 0xffffffff) // the leader's epoch: it knows better
	b.data[16] = 2
	put.PutUint16(b.data[21:], 1<<4) // of a transaction, uncompressed
	put.PutUint64(b.data[27:], uint64(at.UnixMilli()))
	put.PutUint64(b.data[35:], uint64(at.UnixMilli()))
	put.PutUint64(b.data[43:], uint64(p.id))
	put.PutUint16(b.data[51:], uint16(p.epoch))
	put.PutUint32(b.data[53:], uint32(p.sequence))
	return b
}

func (b *recordBatch) size() int { return len(b.data) }

// add appends a record. A nil value is a tombstone.
func (b *recordBatch) add(key, value []byte) {
	body := []byte{0, 0} // attributes; time since the first
	body = binary.AppendVarint(body, int64(b.records))
	body = binary.AppendVarint(body, int64(len(key)))
	body = append(body, key...)
	if value == nil {
		body = binary.AppendVarint(body, -1)
	} else {
		body = binary.AppendVarint(body, int64(len(value)))
		body = append(body, value...)
	}
	body = append(body, 0) // no headers
	b.data = binary.AppendVarint(b.data, int64(len(body)))
	b.data = append(b.data, body...)
	b.records++
}

// bytes is the whole batch, with its length, counts and checksum.
func (b *recordBatch) bytes() []byte {
	put := binary.BigEndian
	put.PutUint32(b.data[8:], uint32(len(b.data)-12))
	put.PutUint32(b.data[23:], uint32(b.records-1))
	put.PutUint32(b.data[57:], uint32(b.records))
	put.PutUint32(b.data[17:], crc32.Checksum(b.data[21:], castagnoli))
	return b.data
}
