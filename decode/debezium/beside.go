package debezium

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// beside is what the schemas beside the events say of the columns. A schema is long and changes seldom, so that the last ones are known by
// their bytes: a record of one of them costs a comparison.
type beside struct {
	config Config // its columns; a path is from the row on
	of     []int  // those that are of the row itself
	met    []met  // the last one first
}

// mostMet is how many schemas are known by their bytes: the events of so many tables may alternate.
const mostMet = 8

// met is a schema that events have beside them.
type met struct {
	begin    []byte // of their records, up to the schema's end
	refusal  error  // of all events; nil: they are taken
	misread  []misread
	unsigned []int // columns of a bigint unsigned of MySQL that is sent as one with a sign
	years    []int // columns of a year of MySQL
}

// misread is a column that reads its field otherwise than it is written.
type misread struct {
	column int
	reason string
}

// schemaBegin is how Kafka Connect begins a record that has its schema beside it.
const schemaBegin = `{"schema":`

// schema is what the schema of a record says: nothing, where it is none of an event.
func (b *beside) schema(value []byte) *met {
	for i := range b.met {
		if !bytes.HasPrefix(value, b.met[i].begin) {
			continue
		}
		if i > 0 {
			m := b.met[i]
			copy(b.met[1:], b.met[:i])
			b.met[0] = m
		}
		return &b.met[0]
	}
	d, _ := OfRecord(value)
	m := met{refusal: b.config.refusal(d)}
	for _, i := range b.of {
		c := &b.config.Decode.Fields[i]
		f := d.field(c)
		if f == nil {
			continue
		}
		if reason, _ := f.misread(c); reason != "" {
			m.misread = append(m.misread, misread{i, reason})
		}
		if f.unsigned() {
			m.unsigned = append(m.unsigned, i)
		}
		if f.isYear() {
			m.years = append(m.years, i)
		}
	}
	m.begin = beginOf(value)
	if m.begin == nil {
		return &m // which is of this record alone
	}
	b.met = slices.Insert(b.met[:min(len(b.met), mostMet-1)], 0, m)
	return &b.met[0]
}

// beginOf is a record up to the end of its schema; nil: the schema does not stand first.
func beginOf(value []byte) []byte {
	text, ok := bytes.CutPrefix(value, []byte(schemaBegin))
	if !ok {
		return nil
	}
	var schema json.RawMessage
	if json.NewDecoder(bytes.NewReader(text)).Decode(&schema) != nil {
		return nil
	}
	return append([]byte(schemaBegin), schema...)
}

// told puts into row n what the schema beside the event says of it: what may be lost and is not accepted makes the record bad, and so does a column that reads its
// field by another unit or scale, since its value would be wrong, and a year that is none; a bigint unsigned loses the sign that it is sent with.
func (d *decoder) told(r *fencepost.Record, columns []fencepost.Column, n int) error {
	if !d.schema {
		return nil
	}
	m := d.beside.schema(r.Value)
	if m.refusal != nil {
		return m.refusal
	}
	for _, x := range m.misread {
		if c := &columns[x.column]; !c.Null(n) {
			return bad("field %s: %s", c.Name, x.reason)
		}
	}
	for _, i := range m.unsigned {
		if err := unsign(&columns[i], n, d.beside.config.Decode.Fields[i].Mismatch); err != nil {
			return err
		}
	}
	for _, i := range m.years {
		if c := &columns[i]; c.Type == fencepost.Int && !c.Null(n) && c.Int(n) == noYear {
			return bad("field %s: %d is no year of MySQL: the year 0000 is sent so", c.Name, noYear)
		}
	}
	return nil
}

// unsign makes of a number below zero in row n, the last one, the number without a sign that has the same bits.
func unsign(c *fencepost.Column, n int, mismatch decode.Rule) error {
	below := belowZero(c, n)
	if below == 0 {
		return nil
	}
	c.Truncate(n)
	switch {
	case c.Type == fencepost.Decimal, c.Type == fencepost.JSON:
		c.AppendBytes(strconv.AppendUint(nil, uint64(below), 10))
	case mismatch == decode.Null():
		c.AppendNull()
	default:
		return bad("field %s: %d (a bigint unsigned) does not fit %s", c.Name, uint64(below), c.Type)
	}
	return nil
}

// belowZero is the number in row n where it is below zero, else 0.
func belowZero(c *fencepost.Column, n int) (below int64) {
	if c.Null(n) {
		return 0
	}
	switch c.Type {
	case fencepost.Int, fencepost.Timestamp:
		below = c.Int(n)
	case fencepost.Float:
		if c.Float(n) < 0 {
			below = math.MinInt64 // its digits are lost
		}
	case fencepost.Decimal, fencepost.JSON:
		below, _ = strconv.ParseInt(c.Text(n), 10, 64)
	case fencepost.Text, fencepost.Bool, fencepost.Bytes, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return min(below, 0)
}

// unsigned puts a bigint unsigned in the place of the number below zero that is one in the record's key: the key's schema does not say the type at the source, and that
// of `before` may. Row n is of a delete.
func (d *decoder) unsigned(r *fencepost.Record, columns []fencepost.Column, n int) error {
	read := false
	for k, i := range d.of {
		below := belowZero(&columns[i], n)
		if below == 0 {
			continue
		}
		if !read {
			read = true
			for at := range d.was {
				d.was[at].Truncate(0)
			}
			if err := d.before.Decode(r, d.was); err != nil {
				return err
			}
		}
		if !d.was[k].Null(0) && d.was[k].Text(0) == strconv.FormatUint(uint64(below), 10) {
			if err := unsign(&columns[i], n, d.beside.config.Decode.Fields[i].Mismatch); err != nil {
				return err
			}
		}
	}
	return nil
}
