package kafka

import (
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kgo"
)

// records is the entries of one Fetch: the client's own, without a copy. Ranges that do not overlap may be read and
// recycled by different goroutines: each touches its own elements only.
type records struct {
	list []*kgo.Record
	size int // counted once, before any is recycled
}

// perRecord is what one entry takes besides its bytes: the client's struct and the pointer to it.
const perRecord = 168

func (r *records) Len() int { return len(r.list) }

// Read lends entry i. The header slice of into is used again where it is large enough.
func (r *records) Read(i int, into *fencepost.Record) {
	from := r.list[i]
	into.Offset = fencepost.Offset(from.Offset)
	into.LeaderEpoch = fencepost.LeaderEpoch(from.LeaderEpoch)
	into.Timestamp = from.Timestamp.UnixMilli()
	into.Key, into.Value = from.Key, from.Value
	into.Control = from.Attrs.IsControl()
	into.Headers = into.Headers[:0]
	for _, h := range from.Headers {
		into.Headers = append(into.Headers, fencepost.Header{Key: h.Key, Value: h.Value})
	}
}

// Recycle gives the memory back to the client's pools: 164 ns a record without, 91 with.
func (r *records) Recycle(lo, hi int) {
	for _, from := range r.list[lo:hi] {
		from.Recycle()
	}
	clear(r.list[lo:hi]) // a reader that goes on all the same fails at once, instead of reading another batch
}

// Size is what the entries took when they came.
func (r *records) Size() int { return r.size }

func newRecords(list []*kgo.Record) records {
	r := records{list: list, size: perRecord * len(list)}
	for _, from := range list {
		r.size += len(from.Key) + len(from.Value)
		for _, h := range from.Headers {
			r.size += len(h.Key) + len(h.Value)
		}
	}
	return r
}

// recordPool keeps the slices that fetched batches are decoded into. Classes are powers of two: one small slice must
// not block a large batch, nor one large slice be pinned by a single record.
type recordPool struct{ classes [24]sync.Pool }

func class(n int) int {
	c := 0
	for 1<<c < n {
		c++
	}
	return c
}

// GetRecords returns a slice with capacity for n.
func (p *recordPool) GetRecords(n int) []kgo.Record {
	c := class(n)
	if c >= len(p.classes) {
		return make([]kgo.Record, 0, n)
	}
	if s, ok := p.classes[c].Get().(*[]kgo.Record); ok {
		return *s
	}
	return make([]kgo.Record, 0, 1<<c)
}

// PutRecords takes a slice back whose records were all recycled.
func (p *recordPool) PutRecords(s []kgo.Record) {
	if c := class(cap(s)); c < len(p.classes) && 1<<c == cap(s) {
		s = s[:0]
		p.classes[c].Put(&s)
	}
}
