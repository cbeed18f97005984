package postgres

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost/sink"
)

// element is how the elements of an array type are written.
type element struct {
	oid  uint32 // of the element's type, as pg_type has it
	kind kind
	json byte // what an element is in JSON: a string ", a number 0, a bool t
}

// elements are the array types that JSON goes into, by the type as SQL without its modifier and brackets.
var elements = map[string]element{
	"text": {25, kindBytes, '"'}, "character varying": {1043, kindBytes, '"'}, "uuid": {2950, kindUUID, '"'},
	"smallint": {21, kindInt2, '0'}, "integer": {23, kindInt4, '0'}, "bigint": {20, kindInt8, '0'}, "numeric": {1700, kindDecimal, '0'},
	"double precision": {701, kindFloat8, '0'}, "boolean": {16, kindBool, 't'},
}

// elementOf is the element of an array type as format_type names it: character varying(3)[].
func elementOf(sql string) element {
	name, _, _ := strings.Cut(strings.TrimSuffix(sql, "[]"), "(")
	return elements[name]
}

// array appends a JSON array as an array of one dimension. A varchar's length and a numeric's scale are the server's to
// check, as they are outside of arrays.
func (e *encoder) array(b []byte, f *field, text []byte) []byte {
	of := elementOf(f.Type)
	var values []json.RawMessage
	if len(text) > mostBytes {
		e.tooLarge(f, text)
		return b
	}
	if err := json.Unmarshal(text, &values); err != nil || values == nil {
		e.reject("22P02", f, string(text), "is no array")
		return b
	}
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	if len(values) == 0 {
		b = binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 0, 0, 0, 0, 0), of.oid)
	} else {
		b = binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 1, 0, 0, 0, 1), of.oid) // one dimension, maybe with nulls
		b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
		b = binary.BigEndian.AppendUint32(b, 1) // from 1
	}
	for i, v := range values {
		if b = e.element(b, f, of, v); e.err != nil {
			e.err.(*sink.Rejected).Reason += fmt.Sprintf(" (element %d)", i+1)
			return b
		}
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// element appends the length and the bytes of one element.
func (e *encoder) element(b []byte, f *field, of element, v json.RawMessage) []byte {
	if string(v) == "null" {
		return append(b, 0xff, 0xff, 0xff, 0xff)
	}
	if shape(v[0]) != of.json {
		e.reject("22P02", f, string(v), "is no element of "+f.Type)
		return b
	}
	switch of.kind {
	case kindBytes, kindUUID:
		var s string
		if err := json.Unmarshal(v, &s); err != nil {
			e.reject("22P02", f, string(v), err.Error())
			return b
		}
		if of.kind == kindUUID {
			return e.uuid(b, f, []byte(s))
		}
		return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	case kindBool:
		is := byte(0)
		if v[0] == 't' {
			is = 1
		}
		return append(b, 0, 0, 0, 1, is)
	case kindDecimal:
		b, reason := appendDecimal(b, v)
		if reason != "" {
			e.reject("22P02", f, string(v), reason)
		}
		return b
	}
	return e.number(b, f, of, string(v))
}

// number appends a number to an array of integers or floats.
func (e *encoder) number(b []byte, f *field, of element, v string) []byte {
	if of.kind == kindFloat8 {
		x, err := strconv.ParseFloat(v, 64)
		if err != nil || !exact(x, v) {
			e.reject("22003", f, v, "is out of range for "+f.Type+", or would be rounded")
			return b
		}
		return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), math.Float64bits(x))
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		e.reject("22P02", f, v, "is no whole number of "+f.Type)
		return b
	}
	if of.kind == kindInt8 {
		return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(n))
	}
	whole := *f
	whole.Kind = of.kind
	return e.integer(b, &whole, n)
}

// exact reports whether a float reads back as the number it was made of.
func exact(x float64, number string) bool {
	if len(number) > 400 { // more digits than any float has
		return false
	}
	want, ok := new(big.Rat).SetString(number)
	got, ok2 := new(big.Rat).SetString(strconv.FormatFloat(x, 'e', -1, 64))
	return ok && ok2 && want.Cmp(got) == 0
}

// shape is what a JSON value is by its first byte: a string ", a number 0, a bool t, else itself.
func shape(c byte) byte {
	switch {
	case c == '-' || c-'0' <= 9:
		return '0'
	case c == 'f':
		return 't'
	}
	return c
}
