package feed

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/flights"
)

// page makes records many at a time, so that a flight costs no allocation of its own.
// A page of records or of bytes is let go once full; the client holds it until the last of it is acknowledged.
type page struct {
	value   func([]byte, flights.Flight) []byte
	records []kgo.Record
	bytes   []byte
	keys    map[string][]byte // :: origin -> the key that all its records share
}

// lineBytes is more than any flight of a Table takes as JSON: 2 dates' digits, numbers and codes are about 110.
const lineBytes = 160

func (p *page) record(f flights.Flight) *kgo.Record {
	if len(p.records) == 0 {
		p.records = make([]kgo.Record, 1024)
	}
	if cap(p.bytes)-len(p.bytes) < lineBytes {
		p.bytes = make([]byte, 0, 64<<10)
	}
	r := &p.records[0]
	p.records = p.records[1:]
	r.Key = p.key(f.Origin)
	begin := len(p.bytes)
	p.bytes = p.value(p.bytes, f)
	r.Value = p.bytes[begin:len(p.bytes):len(p.bytes)]
	return r
}

func (p *page) key(origin string) []byte {
	key, ok := p.keys[origin]
	if !ok {
		if p.keys == nil {
			p.keys = make(map[string][]byte)
		}
		key = []byte(origin)
		p.keys[origin] = key
	}
	return key
}
