package protobuf

import (
	"encoding/binary"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost/decode"
)

// MaxDepth is how deep messages and groups may be nested, the outermost counted. It is half of [decode.MaxDepth]: in the JSON of a
// column a message in a list makes two levels, and every json column that is made has to be one that JSON records may have too.
const MaxDepth = decode.MaxDepth / 2

// The wire types of a field's value.
const (
	wireVarint     = 0
	wireFixed64    = 1
	wireBytes      = 2
	wireStartGroup = 3
	wireEndGroup   = 4
	wireFixed32    = 5
	wireNone       = 255 // no value has it: of the step of unknown fields
)

// maxNumber is the largest number of a field.
const maxNumber = 1<<29 - 1

// reader reads the wire format. Its functions take an index into v and an end, and return the index behind what they read, or
// ^index of the place that is wrong, as the JSON scanner does. What is wrong is left in flaw.
type reader struct {
	v     []byte
	flaw  flaw
	wrong uint64 // the number of the field that is wrong
	items []item // occurrences of fields that are kept one and all
	// trail leads to the message with the field that is wrong, the innermost first.
	trail []protoreflect.FieldDescriptor
	edge  int // where the content of the group that was read last ends
}

// flaw is why bytes are no message.
type flaw uint8

const (
	flawEnds flaw = iota
	flawVarint
	flawLength
	flawNumber
	flawWire
	flawGroup
	flawPacked
	flawUTF8
	flawDepth
)

var flaws = [...]string{
	flawEnds:   "the bytes end inside of it",
	flawVarint: "its varint is longer than 64 bits",
	flawLength: "its length is beyond the end",
	flawNumber: "it is no field number",
	flawWire:   "it has a wire type that does not exist",
	flawGroup:  "a group ends that did not begin",
	flawPacked: "its packed values end inside of one",
	flawUTF8:   "invalid UTF-8",
	flawDepth:  "it is nested too deep",
}

// item is one occurrence of a field.
type item struct {
	num    uint64 // the value, or the span of its bytes
	next   int32  // the occurrence behind it; none: it is the last
	packed bool   // num is the span of many values
}

const none = -1

// slot is what the last record has of a field.
type slot struct {
	num  uint64 // the value, the span of its bytes, or the first of its items
	tail int32  // the last of its items
	set  bool
}

// span is [lo, hi) of v in one number. A record is smaller than 2 GiB, as its length in Kafka is.
func span(lo, hi int) uint64 { return uint64(lo)<<32 | uint64(hi) }

// bytes is what a span has.
func (r *reader) bytes(span uint64) []byte { return r.v[span>>32 : span&0xffffffff] }

// keep appends an occurrence to a slot.
func (r *reader) keep(s *slot, num uint64, packed bool) {
	k := int32(len(r.items))
	r.items = append(r.items, item{num: num, next: none, packed: packed})
	if s.set {
		r.items[s.tail].next = k
		s.tail = k
		return
	}
	*s = slot{num: uint64(k), tail: k, set: true}
}

// stop leaves what is wrong.
func (r *reader) stop(f flaw, number uint64, i int) int {
	r.flaw, r.wrong = f, number
	return ^i
}

// fields reads the fields of one message in [i, end) into slots. Of a group, whose number is not 0, it returns the index behind the
// group's end.
func (r *reader) fields(i, end int, n *node, slots []slot, depth int, group uint64) int {
	if depth > MaxDepth {
		return r.stop(flawDepth, group, i)
	}
	if n.steps == nil {
		n.build()
	}
	for v := r.v[:end]; i < end; {
		at, tag := i, uint64(v[i])
		if i++; tag >= 0x80 {
			if tag, i = varint(v, at); i < 0 {
				return r.stop(flawOf(i), 0, at)
			}
		}
		number, wire := tag>>3, uint8(tag&7)
		s := n.step(number)
		if wire != s.wire {
			if wire == wireEndGroup && number == group && group != 0 {
				r.edge = at
				return i
			}
			if i = r.odd(i, end, n, s, slots, depth, number, wire, at); i < 0 {
				return i
			}
			continue
		}
		if s.first {
			n.before(s, slots)
		}
		var num uint64
		switch {
		case wire == wireVarint:
			from := i
			if num, i = varint(v, i); i < 0 {
				return r.stop(flawOf(i), number, from)
			}
		case wire == wireBytes && i < len(v) && int(v[i]) < min(0x80, end-i): // its length is one byte, and it is all there
			lo := i + 1
			i = lo + int(v[i])
			if num = span(lo, i); s.checks {
				if j := r.inside(lo, i, s, slots, depth, number); j < 0 {
					return j
				}
			}
		default:
			if num, i = r.sized(i, end, s, slots, depth, number, wire); i < 0 {
				return i
			}
		}
		if s.keeps == theLast {
			slots[s.slot] = slot{num: num, set: true}
		} else if s.keeps == all {
			r.keep(&slots[s.slot], num, false)
		}
	}
	if group != 0 {
		return r.stop(flawEnds, group, i)
	}
	return i
}

// inside checks what is in [lo, hi): a text, or a message.
func (r *reader) inside(lo, hi int, s *step, slots []slot, depth int, number uint64) int {
	if s.isText {
		if !isUTF8(r.v[lo:hi]) {
			return r.stop(flawUTF8, number, lo)
		}
		return hi
	}
	if j := r.fields(lo, hi, s.inner, slots, depth+1, 0); j < 0 {
		r.trail = append(r.trail, s.field)
		return j
	}
	return hi
}

// sized reads what is no varint: 32 or 64 bits, bytes, or a group.
func (r *reader) sized(i, end int, s *step, slots []slot, depth int, number uint64, wire uint8) (num uint64, next int) {
	switch {
	case wire == wireFixed64 && end-i >= 8:
		return binary.LittleEndian.Uint64(r.v[i:]), i + 8
	case wire == wireFixed32 && end-i >= 4:
		return uint64(binary.LittleEndian.Uint32(r.v[i:])), i + 4
	case wire == wireBytes:
		lo, hi := r.length(i, end, number)
		if hi >= 0 && s.checks {
			hi = r.inside(lo, hi, s, slots, depth, number)
		}
		return span(lo, hi), hi
	case wire == wireStartGroup:
		if next = r.group(i, end, s, slots, depth, number); next < 0 {
			return 0, next
		}
		return span(i, r.edge), next
	}
	return 0, r.stop(flawEnds, number, i)
}

// isUTF8 is utf8.Valid. Most texts are short and ASCII, and need no call for that.
func isUTF8(b []byte) bool {
	const high = 0x8080808080808080
	n := len(b)
	switch {
	case n > 16:
		return utf8.Valid(b)
	case n >= 8:
		if (binary.LittleEndian.Uint64(b)|binary.LittleEndian.Uint64(b[n-8:]))&high == 0 {
			return true
		}
	case n >= 4:
		if uint64(binary.LittleEndian.Uint32(b)|binary.LittleEndian.Uint32(b[n-4:]))&high == 0 {
			return true
		}
	case n > 0:
		if b[0]|b[n/2]|b[n-1] < utf8.RuneSelf {
			return true
		}
	}
	return utf8.Valid(b)
}

// group reads a group that its step knows.
func (r *reader) group(i, end int, s *step, slots []slot, depth int, number uint64) int {
	if s.inner == nil {
		return r.skipGroup(i, end, depth+1, number)
	}
	if i = r.fields(i, end, s.inner, slots, depth+1, number); i < 0 && r.flaw != flawDepth {
		r.trail = append(r.trail, s.field)
	}
	return i
}

// odd reads a value of another wire type than its field has: many in one, or what is an unknown field to the schema.
func (r *reader) odd(i, end int, n *node, s *step, slots []slot, depth int, number uint64, wire uint8, at int) int {
	if number == 0 || number > maxNumber {
		return r.stop(flawNumber, number, at)
	}
	if wire == wireBytes && s.packs {
		if s.first {
			n.before(s, slots)
		}
		lo, hi := r.length(i, end, number)
		if hi < 0 {
			return hi
		}
		if j := r.packed(lo, hi, s.wire, number); j < 0 {
			return j
		}
		if s.keeps == all && lo < hi {
			r.keep(&slots[s.slot], span(lo, hi), true)
		}
		return hi
	}
	if n.unknown != nil {
		n.unknown(number)
	}
	return r.skip(i, end, depth, number, wire, at)
}

// packed reads the values of a packed field.
func (r *reader) packed(i, end int, wire uint8, number uint64) int {
	width := 4
	switch wire {
	case wireFixed64:
		width = 8
	case wireVarint:
		for i < end {
			from := i
			if _, i = varint(r.v[:end], i); i < 0 {
				if flawOf(i) == flawVarint {
					return r.stop(flawVarint, number, from)
				}
				return r.stop(flawPacked, number, from)
			}
		}
		return end
	}
	if (end-i)%width != 0 {
		return r.stop(flawPacked, number, i+(end-i)/width*width)
	}
	return end
}

// skip passes a value that the schema does not know.
func (r *reader) skip(i, end, depth int, number uint64, wire uint8, at int) int {
	switch wire {
	case wireVarint:
		from := i
		if _, i = varint(r.v[:end], i); i < 0 {
			return r.stop(flawOf(i), number, from)
		}
		return i
	case wireFixed64, wireFixed32:
		width := 8
		if wire == wireFixed32 {
			width = 4
		}
		if end-i < width {
			return r.stop(flawEnds, number, i)
		}
		return i + width
	case wireBytes:
		_, hi := r.length(i, end, number)
		return hi
	case wireStartGroup:
		return r.skipGroup(i, end, depth+1, number)
	case wireEndGroup:
		return r.stop(flawGroup, number, at)
	}
	return r.stop(flawWire, number, at)
}

// skipGroup passes a group that no step looks into.
func (r *reader) skipGroup(i, end, depth int, group uint64) int {
	if depth > MaxDepth {
		return r.stop(flawDepth, group, i)
	}
	for i < end {
		at := i
		var tag uint64
		if tag, i = varint(r.v[:end], i); i < 0 {
			return r.stop(flawOf(i), group, at)
		}
		number, wire := tag>>3, uint8(tag&7)
		if number == 0 || number > maxNumber {
			return r.stop(flawNumber, number, at)
		}
		if wire == wireEndGroup && number == group {
			r.edge = at
			return i
		}
		if i = r.skip(i, end, depth, number, wire, at); i < 0 {
			return i
		}
	}
	return r.stop(flawEnds, group, i)
}

// length reads the length of bytes, and returns where they begin and end; an end below 0 is that of a flaw.
func (r *reader) length(i, end int, number uint64) (lo, hi int) {
	from := i
	var n uint64
	if i < end && r.v[i] < 0x80 {
		n = uint64(r.v[i])
		i++
	} else if n, i = varint(r.v[:end], i); i < 0 {
		return 0, r.stop(flawOf(i), number, from)
	}
	if n > uint64(end-i) {
		return 0, r.stop(flawLength, number, from)
	}
	return i, i + int(n)
}

// varint reads a number, and returns the index behind it: endsEarly or tooLong where there is none.
func varint(v []byte, i int) (x uint64, next int) {
	for k, b := range v[i:] {
		if k == 9 && b > 1 {
			return 0, tooLong
		}
		if b < 0x80 {
			return x | uint64(b)<<(7*k), i + k + 1
		}
		x |= uint64(b&0x7f) << (7 * k)
	}
	return 0, endsEarly
}

const (
	endsEarly = -1
	tooLong   = -2
)

// flawOf is what varint says.
func flawOf(next int) flaw {
	if next == tooLong {
		return flawVarint
	}
	return flawEnds
}

// unzigzag is the number of a sint32 or sint64.
func unzigzag(x uint64) int64 { return int64(x>>1) ^ -int64(x&1) }
