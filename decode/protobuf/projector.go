package protobuf

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// projector is the decoder of messages. It reads a record once, and keeps in slots what columns take; then each column takes its value
// from there. It is two steps since the last value of a field wins, and a column is appended to once.
type projector struct {
	*decode.Row
	reader

	record *fencepost.Record
	// refused is what a field is that no column takes, in a record that may have none.
	refused string
	unknown map[uint64]bool // numbers that the schema does not have, and that were reported

	stack     []slot // of frames
	entries   []entry
	out, name []byte
	digits    []byte
	why       string // a value does not fit; empty: its type says it all
}

// mostUnknown is how many unknown numbers a decoder remembers.
const mostUnknown = 1000

func newProjector(row *decode.Row) *projector {
	return &projector{Row: row, unknown: map[uint64]bool{}}
}

// watch lets the root of a plan report what no column takes.
func (d *projector) watch(p *plan) *plan {
	p.root.unknown, p.root.stranger = d.meetNumber, d.meet
	for i := 1; i < len(p.root.steps); i++ {
		s := &p.root.steps[i]
		s.strange = s.slot == none
		s.first = s.first || s.strange
	}
	return p
}

// meet reports a field that no column takes.
func (d *projector) meet(s *step) {
	if !d.RefusesUnknown() {
		s.strange = false
	} else if d.refused == "" {
		d.refused = s.name
	}
	d.Unknown(s.name, d.record)
}

// meetNumber reports a field that the schema does not have, or not of that wire type.
func (d *projector) meetNumber(number uint64) {
	if d.RefusesUnknown() && d.refused == "" {
		d.refused = strconv.FormatUint(number, 10)
	}
	if d.unknown[number] || len(d.unknown) >= mostUnknown {
		return
	}
	d.unknown[number] = true
	d.Unknown(strconv.FormatUint(number, 10), d.record)
}

// project appends the columns of one message.
func (d *projector) project(p *plan, body []byte, r *fencepost.Record, columns []fencepost.Column) error {
	d.v, d.record, d.items, d.refused = body, r, d.items[:0], ""
	d.trail = d.trail[:0]
	if cap(d.stack) < p.root.slots {
		d.stack = make([]slot, p.root.slots)
	}
	d.stack = d.stack[:p.root.slots]
	slots := d.stack
	clear(slots)
	if i := d.fields(0, len(body), p.root, slots, 1, 0); i < 0 {
		return d.notMessage(p, ^i)
	}
	if d.refused != "" {
		return bad("field %s is not in the schema", d.refused)
	}
	if p.each != nil {
		return d.explode(p, slots, columns)
	}
	for k := range p.leaves {
		l, col := &p.leaves[k], &columns[k]
		if s := &slots[l.slot]; s.set {
			switch l.quick {
			case quickText:
				if b := d.bytes(s.num); bytes.IndexByte(b, 0) < 0 {
					col.AppendBytes(b)
					continue
				}
			case quickInt:
				col.AppendInt(int64(s.num))
				continue
			case quickFloat:
				if x := math.Float64frombits(s.num); x-x == 0 { // neither NaN nor an infinity
					col.AppendFloat(x)
					continue
				}
			case quickInstant:
				if us, ok := micros(int64(s.num), int32(slots[l.nanos].num)); ok {
					col.AppendInt(us)
					continue
				}
			case slow:
			}
		}
		c := &d.Cells[k]
		if is, err := c.OfRecord(r, col); err != nil {
			return err
		} else if is {
			continue
		}
		if err := d.take(l, c, col, slots); err != nil {
			return err
		}
	}
	d.Observe(columns)
	return nil
}

// notMessage says where a record stops being a message.
func (d *projector) notMessage(p *plan, at int) error {
	part := "value"
	if d.OfKey() {
		part = "key"
	}
	what := "a field's number"
	if d.wrong > 0 {
		what = "field " + d.wrongField(p.message)
	}
	at += len(d.Bytes(d.record)) - len(d.v) // what stands in front of the message
	return bad("%s is no %s at byte %d: %s: %s", part, p.message.FullName(), at, what, flaws[d.flaw])
}

// wrongField is the path of the field that is wrong, its number where the schema has no name for it.
func (d *projector) wrongField(in protoreflect.MessageDescriptor) string {
	path := ""
	for i := len(d.trail) - 1; i >= 0; i-- {
		path += string(d.trail[i].Name()) + "."
		in = d.trail[i].Message()
	}
	if f := in.Fields().ByNumber(protoreflect.FieldNumber(d.wrong)); f != nil {
		return path + string(f.Name())
	}
	return path + strconv.FormatUint(d.wrong, 10)
}

// bad makes the one kind of error that the decoder returns.
func bad(format string, args ...any) error {
	return &fencepost.BadRecord{Code: decode.Undecodable, Reason: fmt.Sprintf(format, args...)}
}
