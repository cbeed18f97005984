package avro

import (
	"encoding/binary"
	"strconv"

	"github.com/fencepost/fencepost/decode"
)

// json reads a value and makes d.said its JSON. unsaid: it holds a value that JSON cannot say, and the text is no JSON.
//
//	record, map   an object, with equal keys of a map as they are       array   an array
//	decimal       its digits                                        bytes, fixed   a string of base64
//	timestamp     "2001-02-03T12:34:56.789Z"   date "2001-02-03"    time "12:34:56"       uuid   a string
//	duration      {"months":1,"days":2,"millis":3}                  enum           a string
//	NaN, infinities, times outside of the years 0000 to 9999, more than decode.MaxDigits digits: unsaid
func (d *decoder) json(n *node, v []byte, i int) int {
	d.said, d.unsaid = d.said[:0], false
	return d.appendValue(n, v, i, 1)
}

func (d *decoder) appendValue(n *node, v []byte, i, depth int) int {
	switch n.kind {
	case nullKind:
		d.said = append(d.said, "null"...)
	case booleanKind:
		var b bool
		if b, i = d.boolean(v, i); i >= 0 {
			d.said = strconv.AppendBool(d.said, b)
		}
	case intKind, longKind:
		var x int64
		if x, i = d.integer(n, v, i); i >= 0 {
			d.appendInt(n, x)
		}
	case floatKind, doubleKind:
		var x float64
		if x, i = d.float(n, v, i); i >= 0 {
			d.say(decode.AppendFloat(d.said, x, 8*n.least))
		}
	case stringKind:
		var b []byte
		if b, i = d.text(v, i); i >= 0 {
			d.said = decode.AppendQuoted(d.said, b)
		}
	case enumKind:
		var b []byte
		if b, i = d.symbol(n, v, i); i >= 0 {
			d.said = decode.AppendQuoted(d.said, b)
		}
	case bytesKind, restKind, fixedKind:
		var b []byte
		if b, i = d.binary(n, v, i); i >= 0 {
			d.appendBytes(n, b)
		}
	case unionKind:
		if n, i = d.branch(n, v, i); i >= 0 {
			return d.appendValue(n, v, i, depth)
		}
	case recordKind:
		if n.meaning == scaled {
			return d.appendScaled(n, v, i)
		}
		return d.appendRecord(n, v, i, depth)
	case arrayKind, mapKind:
		return d.appendItems(n, v, i, depth)
	}
	return i
}

// say takes a text that a value was appended to, or notes that it could not be.
func (d *decoder) say(text []byte, ok bool) {
	d.said = text
	if !ok {
		d.unsaid = true
	}
}

func (d *decoder) appendInt(n *node, x int64) {
	switch n.meaning {
	case day:
		d.say(decode.AppendDay(d.said, x))
	case clock:
		d.say(decode.AppendClock(d.said, x, n.unit))
	case instant:
		d.say(decode.AppendInstant(d.said, x, n.unit))
	case year:
		d.say(strconv.AppendInt(d.said, x, 10), x != noYear)
	case unsigned:
		d.said = strconv.AppendUint(d.said, uint64(x), 10)
	default:
		d.said = strconv.AppendInt(d.said, x, 10)
	}
}

func (d *decoder) appendBytes(n *node, b []byte) {
	switch n.meaning {
	case decimal:
		d.say(decode.AppendTwosComplement(d.said, b, n.scale))
	case uuid:
		d.said = decode.AppendUUID(d.said, [16]byte(b))
	case duration:
		months, days, millis := period(b)
		d.said = strconv.AppendUint(append(d.said, `{"months":`...), months, 10)
		d.said = strconv.AppendUint(append(d.said, `,"days":`...), days, 10)
		d.said = append(strconv.AppendUint(append(d.said, `,"millis":`...), millis, 10), '}')
	default:
		d.said = decode.AppendRaw(d.said, b)
	}
}

func (d *decoder) appendScaled(n *node, v []byte, i int) int {
	said, k, ok := d.scaled(d.said, n, v, i)
	d.say(said, ok)
	return k
}

func (d *decoder) appendRecord(n *node, v []byte, i, depth int) int {
	if i = d.enter(n, i, depth); i < 0 {
		return i
	}
	d.said = append(d.said, '{')
	for k := range n.fields {
		f := &n.fields[k]
		if k > 0 {
			d.said = append(d.said, ',')
		}
		d.said = append(decode.AppendQuoted(d.said, []byte(f.name)), ':')
		if i = d.appendValue(f.node, v, i, depth+1); i < 0 {
			return i
		}
	}
	d.said = append(d.said, '}')
	return i
}

func (d *decoder) appendItems(n *node, v []byte, i, depth int) int {
	if i = d.enter(n, i, depth); i < 0 {
		return i
	}
	open, shut := byte('['), byte(']')
	if n.kind == mapKind {
		open, shut = '{', '}'
	}
	d.said = append(d.said, open)
	var b block
	for k := 0; ; k++ {
		var more bool
		if more, i = d.next(&b, n, v, i); !more {
			d.said = append(d.said, shut)
			return i
		}
		if k > 0 {
			d.said = append(d.said, ',')
		}
		if n.kind == mapKind {
			var key []byte
			if key, i = d.text(v, i); i < 0 {
				return i
			}
			d.said = append(decode.AppendQuoted(d.said, key), ':')
		}
		if i = d.appendValue(n.of, v, i, depth+1); i < 0 {
			return i
		}
	}
}

// period takes a duration apart.
func period(b []byte) (months, days, millis uint64) {
	return uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:])), uint64(binary.LittleEndian.Uint32(b[8:]))
}

// appendPeriod appends a duration as ISO 8601 has it: P14M3DT4.005S.
func appendPeriod(dst, b []byte) []byte {
	months, days, millis := period(b)
	dst = append(strconv.AppendUint(append(dst, 'P'), months, 10), 'M')
	dst = append(strconv.AppendUint(dst, days, 10), "DT"...)
	dst = append(strconv.AppendUint(dst, millis/1000, 10), '.')
	millis %= 1000
	return append(dst, byte('0'+millis/100), byte('0'+millis/10%10), byte('0'+millis%10), 'S')
}
