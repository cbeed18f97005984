package decode

import (
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// ofRecord appends what a path of the record itself leads to: exactly one row, or none.
func (p *projector) ofRecord(f *projected, r *fencepost.Record, c *fencepost.Column) error {
	switch f.from.meta {
	case fencepost.MetaTopic:
		c.AppendBytes([]byte(r.Topic))
		return nil
	case fencepost.MetaPartition:
		c.AppendInt(int64(r.Partition))
		return nil
	case fencepost.MetaOffset:
		c.AppendInt(int64(r.Offset))
		return nil
	case fencepost.MetaTimestamp:
		us, ok := Millis.micros(r.Timestamp)
		if !ok {
			return bad("field %s: %d ms since 1970 overflows a timestamp", f.name(), r.Timestamp)
		}
		c.AppendInt(us)
		return nil
	case fencepost.MetaKey:
		return p.outside(f, r.Key, r.Key != nil, c)
	}
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if h := r.Headers[i]; h.Key == f.from.header {
			return p.outside(f, h.Value, h.Value != nil, c)
		}
	}
	return p.column(f, nil, &token{}, c)
}

// outside appends bytes that stand beside the record's value: as they are where the column holds bytes or a text, else one JSON
// value, or a string without quotes.
func (p *projector) outside(f *projected, v []byte, there bool, c *fencepost.Column) error {
	t := token{kind: null}
	switch {
	case !there:
	case f.Type == fencepost.Bytes:
		c.AppendBytes(v)
		return nil
	case f.Type == fencepost.Text || f.Type != fencepost.JSON && p.scan.whole(v, &t) < 0:
		t = token{kind: plain, hi: len(v)}
		if !utf8.Valid(v) || notText(v) >= 0 {
			t.kind = astray
		}
	case f.Type == fencepost.JSON && p.scan.whole(v, &t) < 0:
		t = token{kind: astray}
	}
	return p.column(f, v, &t, c)
}
