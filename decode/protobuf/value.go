package protobuf

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// quick is a value of a kind, in the column type that most columns of such values have: it needs no more than a look.
type quick uint8

const (
	slow quick = iota
	quickText
	quickInt
	quickFloat
	quickInstant
)

// quickOf is the way of a single value into a column.
func quickOf(s *step, t fencepost.Type) quick {
	switch k := s.kind; {
	case s.form != single:
	case k == protoreflect.StringKind && t == fencepost.Text:
		return quickText
	case (k == protoreflect.Int64Kind || k == protoreflect.Sfixed64Kind) && t == fencepost.Int:
		return quickInt
	case k == protoreflect.DoubleKind && t == fencepost.Float:
		return quickFloat
	}
	return slow
}

// take appends a column's value out of a frame, or what the rules of its field say.
func (d *projector) take(l *leaf, c *decode.Cell, col *fencepost.Column, frame []slot) error {
	switch {
	case l.step == nil:
		if l.parent != none && !frame[l.parent].set {
			return d.lacks(c, col)
		}
		return c.Missing(col)
	case l.astray != "":
		return c.Mismatch(col, "%s", l.astray)
	}
	s := frame[l.slot]
	if !s.set && l.parent != none && !frame[l.parent].set {
		if l.must && (l.above == none || frame[l.above].set) {
			return c.Missing(col)
		}
		return d.lacks(c, col)
	}
	if l.quick == quickInstant {
		if d.putInstant(c, col, []slot{s, frame[l.nanos]}) {
			return nil
		}
		return c.Mismatch(col, "%s", d.why)
	}
	if l.pick != nil {
		return d.pick(l, c, col, s)
	}
	if l.step.form != single {
		return d.many(l.step, c, col, s)
	}
	if !s.set && !l.step.zero {
		if l.step.must {
			return c.Missing(col)
		}
		return d.lacks(c, col)
	}
	return d.one(l.step, c, col, s)
}

// lacks appends what a column gets for a field that is allowed to be absent, and is: a null, or what its rule says.
func (d *projector) lacks(c *decode.Cell, col *fencepost.Column) error {
	if c.Field.Missing == (decode.Rule{}) {
		col.AppendNull()
		return nil
	}
	return c.Missing(col)
}

// one appends a value that is there.
func (d *projector) one(st *step, c *decode.Cell, col *fencepost.Column, s slot) error {
	if d.put(st, c, col, s) {
		return nil
	}
	return c.Mismatch(col, "%s", d.misfit(st, c, s))
}

// many appends a list or a map, which json takes.
func (d *projector) many(st *step, c *decode.Cell, col *fencepost.Column, s slot) error {
	d.out, d.why = d.out[:0], ""
	word := "a list"
	if st.form == dict {
		word = "a map"
	}
	if c.Type != fencepost.JSON {
		return c.Mismatch(col, "%s does not fit %s", word, c.Type)
	}
	if !d.json(st, s) {
		return c.Mismatch(col, "%s", d.why)
	}
	col.AppendBytes(d.out)
	return nil
}

// put appends one value if the column's type holds it: exactly one row, or none.
func (d *projector) put(st *step, c *decode.Cell, col *fencepost.Column, s slot) bool {
	d.why = ""
	switch st.kind {
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind, protoreflect.Int32Kind, protoreflect.Sfixed32Kind, protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return c.Int(col, signed(st.kind, s.num))
	case protoreflect.StringKind:
		return c.Text(col, d.bytes(s.num))
	case protoreflect.DoubleKind:
		return c.Float(col, math.Float64frombits(s.num), 64)
	case protoreflect.FloatKind:
		return c.Float(col, float64(math.Float32frombits(uint32(s.num))), 32)
	case protoreflect.BoolKind:
		return c.Bool(col, s.num != 0)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return c.Uint(col, s.num)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return c.Uint(col, uint64(uint32(s.num)))
	case protoreflect.BytesKind:
		b := d.bytes(s.num)
		if c.Type == fencepost.UUID && len(b) == 16 {
			return c.UUID(col, [16]byte(b))
		}
		return c.Raw(col, b)
	case protoreflect.EnumKind:
		return d.putEnum(st, c, col, int32(s.num))
	case protoreflect.MessageKind, protoreflect.GroupKind:
	}
	return d.putMessage(st, c, col, s)
}

// signed is the number of an integer with a sign. One of 32 bits has the lowest of a longer varint.
func signed(k protoreflect.Kind, num uint64) int64 {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return int64(int32(num))
	case protoreflect.Sint32Kind:
		return int64(int32(unzigzag(num & math.MaxUint32)))
	case protoreflect.Sint64Kind:
		return unzigzag(num)
	}
	return int64(num)
}

// putEnum takes an enum's number into columns of numbers, and its name into others.
func (d *projector) putEnum(st *step, c *decode.Cell, col *fencepost.Column, n int32) bool {
	switch c.Type {
	case fencepost.Int, fencepost.Float, fencepost.Decimal:
		return c.Int(col, int64(n))
	case fencepost.JSON:
		d.out = appendEnum(d.out[:0], st, n)
		col.AppendBytes(d.out)
		return true
	case fencepost.Text:
		v := st.field.Enum().Values().ByNumber(protoreflect.EnumNumber(n))
		if v == nil {
			d.why = fmt.Sprintf("%d is no value of %s that the schema has", n, wordOf(st))
			return false
		}
		col.AppendText(string(v.Name()))
		return true
	}
	return false
}

// putMessage takes what a message means into the types that can hold that, and any message into json.
func (d *projector) putMessage(st *step, c *decode.Cell, col *fencepost.Column, s slot) bool {
	f := d.open(st.shape, s)
	defer d.close(f)
	switch st.known {
	case wrapper:
		return d.put(&st.shape.steps[1], c, col, f.slots[0])
	case timestamp:
		if c.Type == fencepost.Timestamp {
			return d.putInstant(c, col, f.slots)
		}
	case duration:
		return d.putDuration(c, col, f.slots)
	case fieldMask:
		if c.Type == fencepost.Text {
			d.out = d.appendMask(d.out[:0], &st.shape.steps[1], f.slots[0])
			return c.Text(col, d.out)
		}
	case value:
		if c.Type == fencepost.JSON && f.slots[0].set {
			col.AppendNull()
			return true
		}
	case ordinary, structure, values, anything:
	}
	if c.Type != fencepost.JSON {
		return false
	}
	var ok bool
	d.out, ok = d.messageJSON(d.out[:0], st, f.slots)
	if ok {
		col.AppendBytes(d.out)
	}
	return ok
}

// putInstant takes a Timestamp. What is less than a microsecond is cut off towards the past.
func (d *projector) putInstant(c *decode.Cell, col *fencepost.Column, fields []slot) bool {
	seconds, nanos := int64(fields[0].num), int32(fields[1].num)
	us, ok := micros(seconds, nanos)
	if !ok {
		d.why = notInstant(seconds, nanos)
		return false
	}
	return c.Instant(col, us, decode.Micros)
}

// putDuration takes a Duration: as seconds, or into a text as protobuf's JSON has it.
func (d *projector) putDuration(c *decode.Cell, col *fencepost.Column, fields []slot) (ok bool) {
	seconds, nanos := int64(fields[0].num), int32(fields[1].num)
	if d.out, ok = appendSeconds(d.out[:0], seconds, nanos); !ok {
		d.why = notDuration(seconds, nanos)
		return false
	}
	switch c.Type {
	case fencepost.Text, fencepost.JSON:
		d.out = append(d.out, 's')
		return c.Text(col, d.out)
	}
	return c.Decimal(col, d.out)
}

func notInstant(seconds int64, nanos int32) string {
	return fmt.Sprintf("a Timestamp of %d seconds and %d nanoseconds is no time that fits", seconds, nanos)
}

func notDuration(seconds int64, nanos int32) string {
	return fmt.Sprintf("a Duration of %d seconds and %d nanoseconds is out of its range", seconds, nanos)
}

// misfit says why a value does not fit its column.
func (d *projector) misfit(st *step, c *decode.Cell, s slot) string {
	if d.why != "" {
		return d.why
	}
	if st.known == wrapper {
		f := d.open(st.shape, s)
		defer d.close(f)
		return d.misfit(&st.shape.steps[1], c, f.slots[0])
	}
	var shown string
	switch st.kind {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		shown = wordOf(st)
	case protoreflect.StringKind:
		shown = shorten(d.bytes(s.num))
	case protoreflect.BytesKind:
		shown = fmt.Sprintf("bytes, %d of them,", len(d.bytes(s.num)))
	case protoreflect.EnumKind:
		shown = wordOf(st)
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Sint32Kind, protoreflect.Sint64Kind, protoreflect.Sfixed32Kind,
		protoreflect.Sfixed64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind,
		protoreflect.BoolKind, protoreflect.FloatKind, protoreflect.DoubleKind:
		out, ok := appendScalar(nil, st, s.num)
		if shown = string(out); !ok {
			shown = fmt.Sprint(floating(st.kind, s.num))
		}
	}
	return fmt.Sprintf("%s does not fit %s", shown, c.Type)
}

// shorten is a text in quotes, or its beginning.
func shorten(text []byte) string {
	const most = 40
	if len(text) <= most {
		return strconv.Quote(string(text))
	}
	n := most
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return strconv.Quote(string(text[:n])) + "..."
}

// pick appends an element of a list or a map, or what its message has where the path goes on.
func (d *projector) pick(l *leaf, c *decode.Cell, col *fencepost.Column, s slot) error {
	p := l.pick
	mark := len(d.items)
	defer func() { d.items = d.items[:mark] }()
	e, ok := slot{}, false
	if l.step.form == dict {
		e, ok = d.byKey(l.step, s, p.key)
	} else {
		e, ok = d.byIndex(l.step, s, p.index)
	}
	if !ok {
		return c.Missing(col)
	}
	if p.rest == nil {
		return d.one(p.element, c, col, e)
	}
	f := d.open(p.in, e)
	defer d.close(f)
	return d.take(p.rest, c, col, f.slots)
}
