package protobuf

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost/decode"
)

// MaxJSON is how many bytes of JSON one value may become. Two bytes of a record may be a message with a thousand fields, each of
// which has its zero in the JSON.
const MaxJSON = 64 << 20

// frame is the fields of one message while something is made of them.
type frame struct {
	slots []slot
	items int // how many items there were before
}

// open reads a message, all of its occurrences, into a frame. REQUIRES: its bytes were checked. s is a slot of items.
func (d *projector) open(n *node, s slot) frame {
	if n.steps == nil {
		n.build()
	}
	base := len(d.stack)
	d.stack = slices.Grow(d.stack, n.slots)[:base+n.slots]
	f := frame{d.stack[base:], len(d.items)}
	clear(f.slots)
	if !s.set {
		return f
	}
	for k := int32(s.num); ; k = d.items[k].next {
		num := d.items[k].num
		d.fields(int(num>>32), int(num&math.MaxUint32), n, f.slots, 1, 0)
		if k == s.tail {
			return f
		}
	}
}

// close ends the frame that was opened last.
func (d *projector) close(f frame) {
	d.stack = d.stack[:len(d.stack)-len(f.slots)]
	d.items = d.items[:f.items]
}

// json leaves the JSON of a field in out. false: why it has none.
func (d *projector) json(st *step, s slot) (ok bool) {
	d.out, ok = d.appendField(d.out[:0], st, s)
	return ok
}

// appendField appends a field's JSON: that of its list, its map or its value.
func (d *projector) appendField(out []byte, st *step, s slot) ([]byte, bool) {
	switch st.form {
	case list:
		return d.appendList(out, st, s)
	case dict:
		return d.appendMap(out, st, s)
	case single:
	}
	return d.appendValue(out, st, s)
}

// appendValue appends one value.
func (d *projector) appendValue(out []byte, st *step, s slot) (_ []byte, ok bool) {
	if len(out) > MaxJSON {
		d.why = fmt.Sprintf("its JSON is longer than %d bytes", MaxJSON)
		return out, false
	}
	switch st.kind {
	case protoreflect.StringKind:
		return decode.AppendQuoted(out, d.bytes(s.num)), true
	case protoreflect.BytesKind:
		return appendBase64(out, d.bytes(s.num)), true
	case protoreflect.EnumKind:
		return appendEnum(out, st, int32(s.num)), true
	case protoreflect.MessageKind, protoreflect.GroupKind:
		f := d.open(st.shape, s)
		out, ok = d.messageJSON(out, st, f.slots)
		d.close(f)
		return out, ok
	}
	if out, ok = appendScalar(out, st, s.num); !ok {
		d.why = fmt.Sprintf("%s: JSON has no %v", st.name, floating(st.kind, s.num))
	}
	return out, ok
}

// appendScalar appends a number or a truth value. ok: JSON has it.
func appendScalar(out []byte, st *step, num uint64) (_ []byte, ok bool) {
	switch st.kind {
	case protoreflect.BoolKind:
		return strconv.AppendBool(out, num != 0), true
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(out, num, 10), true
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return strconv.AppendUint(out, uint64(uint32(num)), 10), true
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		bits := 64
		if st.kind == protoreflect.FloatKind {
			bits = 32
		}
		x := floating(st.kind, num)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return out, false
		}
		return strconv.AppendFloat(out, x, 'g', -1, bits), true
	}
	return strconv.AppendInt(out, signed(st.kind, num), 10), true
}

// floating is the number of a float or double.
func floating(k protoreflect.Kind, num uint64) float64 {
	if k == protoreflect.FloatKind {
		return float64(math.Float32frombits(uint32(num)))
	}
	return math.Float64frombits(num)
}

// appendEnum appends an enum's name, or its number where the schema has no name for it.
func appendEnum(out []byte, st *step, n int32) []byte {
	v := st.field.Enum().Values().ByNumber(protoreflect.EnumNumber(n))
	if v == nil {
		return strconv.AppendInt(out, int64(n), 10)
	}
	return append(append(append(out, '"'), v.Name()...), '"')
}

func appendBase64(out, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(out, '"'), b), '"')
}

// messageJSON appends the JSON of a message whose fields are in a frame.
func (d *projector) messageJSON(out []byte, st *step, fields []slot) (_ []byte, ok bool) {
	steps := st.shape.steps
	switch st.known {
	case timestamp:
		if out, ok = appendInstant(append(out, '"'), int64(fields[0].num), int32(fields[1].num)); !ok {
			d.why = notInstant(int64(fields[0].num), int32(fields[1].num))
		}
		return append(out, '"'), ok
	case duration:
		if out, ok = appendSeconds(append(out, '"'), int64(fields[0].num), int32(fields[1].num)); !ok {
			d.why = notDuration(int64(fields[0].num), int32(fields[1].num))
		}
		return append(out, `s"`...), ok
	case wrapper:
		return d.appendValue(out, &steps[1], fields[0])
	case structure, values:
		return d.appendField(out, &steps[1], fields[0])
	case value:
		return d.appendAnyValue(out, steps, fields)
	case anything:
		out = decode.AppendQuoted(append(out, `{"@type":`...), d.bytes(fields[0].num))
		out = appendBase64(append(out, `,"value":`...), d.bytes(fields[1].num))
		return append(out, '}'), true
	case fieldMask:
		from := len(d.digits)
		d.digits = d.appendMask(d.digits, &steps[1], fields[0])
		out = decode.AppendQuoted(out, d.digits[from:])
		d.digits = d.digits[:from]
		return out, true
	case ordinary:
	}
	out = append(out, '{')
	from := len(out)
	for i := range fields {
		f := &steps[i+1]
		if !fields[i].set && f.form == single && !f.zero {
			continue
		}
		if len(out) > from {
			out = append(out, ',')
		}
		if out, ok = d.appendField(append(out, f.label...), f, fields[i]); !ok {
			return out, false
		}
	}
	return append(out, '}'), true
}

// appendAnyValue appends the one field of a google.protobuf.Value that is set.
func (d *projector) appendAnyValue(out []byte, steps []step, fields []slot) ([]byte, bool) {
	if fields[0].set {
		return append(out, "null"...), true
	}
	for i := 1; i < len(fields); i++ {
		if fields[i].set {
			return d.appendField(out, &steps[i+1], fields[i])
		}
	}
	d.why = "a google.protobuf.Value has no value"
	return out, false
}

// appendMask appends the paths of a FieldMask, between commas.
func (d *projector) appendMask(out []byte, st *step, s slot) []byte {
	for e := range d.elements(st, s) {
		out = append(append(out, d.bytes(e.num)...), ',')
	}
	return bytes.TrimSuffix(out, []byte(","))
}

// appendList appends an array.
func (d *projector) appendList(out []byte, st *step, s slot) (_ []byte, ok bool) {
	out = append(out, '[')
	from := len(out)
	for e := range d.elements(st, s) {
		if len(out) > from {
			out = append(out, ',')
		}
		if out, ok = d.appendValue(out, st, e); !ok {
			return out, false
		}
	}
	return append(out, ']'), true
}

// elements yields the elements of a list in order, each as the slot of a single value.
func (d *projector) elements(st *step, s slot) func(func(slot) bool) {
	return func(yield func(slot) bool) {
		if !s.set {
			return
		}
		for k := int32(s.num); k != none; k = d.items[k].next {
			it := d.items[k]
			switch {
			case it.packed:
				if !d.unpack(st.wire, it.num, yield) {
					return
				}
			case st.shape != nil:
				if !yield(slot{num: uint64(k), tail: k, set: true}) {
					return
				}
			default:
				if !yield(slot{num: it.num, set: true}) {
					return
				}
			}
		}
	}
}

// unpack yields the values of a packed occurrence.
func (d *projector) unpack(wire uint8, span uint64, yield func(slot) bool) bool {
	for b := d.bytes(span); len(b) > 0; {
		var num uint64
		n := 4
		switch wire {
		case wireVarint:
			num, n = varint(b, 0)
		case wireFixed64:
			num, n = binary.LittleEndian.Uint64(b), 8
		default:
			num = uint64(binary.LittleEndian.Uint32(b))
		}
		b = b[n:]
		if !yield(slot{num: num, set: true}) {
			return false
		}
	}
	return true
}

// byIndex is an element of a list. ok: it has one there.
func (d *projector) byIndex(st *step, s slot, index int) (e slot, ok bool) {
	i := 0
	for e := range d.elements(st, s) {
		if i == index {
			return e, true
		}
		i++
	}
	return slot{}, false
}

// entry is one entry of a map.
type entry struct {
	key, value slot
	order      int32 // of entries of one key the last counts
}

// byKey is the value of a key. It leaves items behind, which its caller drops.
func (d *projector) byKey(st *step, s slot, key string) (v slot, ok bool) {
	n := st.entry()
	for e := range d.elements(st, s) {
		f := d.open(n, e)
		d.name = appendKey(d.name[:0], n.steps[1].kind, f.slots[0].num, d.v)
		if string(d.name) == key {
			v, ok = f.slots[1], true
		}
		f.items = len(d.items)
		d.close(f)
	}
	return v, ok
}

// appendKey appends a map's key as text.
func appendKey(dst []byte, k protoreflect.Kind, num uint64, v []byte) []byte {
	if k == protoreflect.StringKind {
		return append(dst, v[num>>32:num&math.MaxUint32]...)
	}
	dst, _ = appendScalar(dst, &step{kind: k}, num) // no key is a float
	return dst
}

// appendMap appends an object, its members in the order of their keys: writers put them in any order, and two that are equal would
// differ.
func (d *projector) appendMap(out []byte, st *step, s slot) (_ []byte, ok bool) {
	n := st.entry()
	key, value := &n.steps[1], &n.steps[2]
	mark, items := len(d.entries), len(d.items)
	defer func() { d.entries, d.items = d.entries[:mark], d.items[:items] }()
	for e := range d.elements(st, s) {
		f := d.open(n, e)
		en := entry{key: f.slots[0], value: f.slots[1], order: int32(len(d.entries))}
		f.items = len(d.items) // the value's are needed until the map is done
		d.close(f)
		d.entries = append(d.entries, en)
	}
	all := d.entries[mark:]
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(d.compareKeys(key.kind, a.key.num, b.key.num), cmp.Compare(a.order, b.order))
	})
	out = append(out, '{')
	from := len(out)
	for i := range all {
		if i+1 < len(all) && d.compareKeys(key.kind, all[i].key.num, all[i+1].key.num) == 0 {
			continue
		}
		if len(out) > from {
			out = append(out, ',')
		}
		d.name = appendKey(d.name[:0], key.kind, all[i].key.num, d.v)
		out = append(decode.AppendQuoted(out, d.name), ':')
		if out, ok = d.appendValue(out, value, all[i].value); !ok {
			return out, false
		}
	}
	return append(out, '}'), true
}

// compareKeys compares two keys of a map: numbers as numbers, texts byte by byte.
func (d *projector) compareKeys(k protoreflect.Kind, a, b uint64) int {
	switch k {
	case protoreflect.StringKind:
		return bytes.Compare(d.bytes(a), d.bytes(b))
	case protoreflect.BoolKind:
		return cmp.Compare(min(a, 1), min(b, 1))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return cmp.Compare(a, b)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return cmp.Compare(uint32(a), uint32(b))
	}
	return cmp.Compare(signed(k, a), signed(k, b))
}
