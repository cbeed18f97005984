package avro

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Text of Avro's JSON encoding becomes the body that the same value has in the binary one, which the plan reads then: so there is one set of rules of
// which value fits which column. It is slower than the binary encoding by far, and as exact:
//
//	union    null, or {"BRANCH": value} with the name of its type      bytes, fixed   a text of the characters U+0000 to U+00FF
//	record   an object of all its fields and no others, in any order   float, double  a number, or "NaN", "Infinity", "-Infinity"
//
// A number is read by its digits: an int or a long has no fraction and no exponent, a float is the nearest one. Of equal keys of a map each is
// an entry, as in the binary encoding.

// texts reads texts. Its cell judges whether they are JSON, by the rules of package decode: UTF-8, no half of a surrogate pair, not too deep.
type texts struct {
	cell   decode.Cell
	column fencepost.Column
	body   []byte // reused
}

// binary is the body of a text by a schema.
func (x *texts) binary(n *node, text []byte) ([]byte, error) {
	x.column.Truncate(0)
	x.column.Type, x.cell.Type = fencepost.JSON, fencepost.JSON
	if !x.cell.JSON(&x.column, text) {
		return nil, errors.New("it is no JSON")
	}
	body, err := n.encode(x.body[:0], text)
	if err == nil {
		x.body = body
	}
	return body, err
}

// entry is a member of a JSON object.
type entry struct {
	key   string
	value json.RawMessage
}

// encode appends the binary form of a value. REQUIRES: text is one JSON value.
func (n *node) encode(dst []byte, text json.RawMessage) ([]byte, error) {
	switch n.kind {
	case nullKind:
		return dst, n.is(string(bytes.TrimSpace(text)) == "null", text)
	case booleanKind:
		var b bool
		err := n.read(text, &b)
		return append(dst, b2i(b)), err
	case intKind, longKind:
		x, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, map[kind]int{intKind: 32, longKind: 64}[n.kind])
		return binary.AppendVarint(dst, x), n.is(err == nil, text)
	case floatKind, doubleKind:
		return n.encodeFloat(dst, text)
	case stringKind:
		var s string
		err := n.read(text, &s)
		return append(binary.AppendVarint(dst, int64(len(s))), s...), err
	case enumKind:
		return n.encodeSymbol(dst, text)
	case bytesKind, restKind, fixedKind:
		return n.encodeBytes(dst, text)
	case unionKind:
		return n.encodeBranch(dst, text)
	case recordKind:
		return n.encodeRecord(dst, text)
	}
	return n.encodeItems(dst, text)
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// is is the error of a value that is none of its type, unless ok.
func (n *node) is(ok bool, text json.RawMessage) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%.40s is not %s", bytes.TrimSpace(text), n)
}

// read reads a value that may not be null.
func (n *node) read(text json.RawMessage, to any) error {
	return n.is(string(bytes.TrimSpace(text)) != "null" && json.Unmarshal(text, to) == nil, text)
}

// noNumbers are the floats that JSON has no number for.
var noNumbers = map[string]float64{`"NaN"`: math.NaN(), `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1)}

func (n *node) encodeFloat(dst []byte, text json.RawMessage) ([]byte, error) {
	bits, word := 8*n.least, string(bytes.TrimSpace(text))
	x, known := noNumbers[word]
	if !known && (word[0] == '-' || word[0]-'0' <= 9) {
		var err error
		x, err = strconv.ParseFloat(word, bits)
		known = err == nil
	}
	if bits == 32 {
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(x))), n.is(known, text)
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x)), n.is(known, text)
}

func (n *node) encodeSymbol(dst []byte, text json.RawMessage) ([]byte, error) {
	var symbol string
	if err := n.read(text, &symbol); err != nil {
		return dst, err
	}
	for i, s := range n.symbols {
		if string(s) == symbol {
			return binary.AppendVarint(dst, int64(i)), nil
		}
	}
	return dst, n.is(false, text)
}

func (n *node) encodeBytes(dst []byte, text json.RawMessage) ([]byte, error) {
	var s string
	if err := n.read(text, &s); err != nil {
		return dst, err
	}
	size := utf8.RuneCountInString(s)
	switch {
	case n.kind == bytesKind:
		dst = binary.AppendVarint(dst, int64(size))
	case n.kind == fixedKind && size != n.size:
		return dst, fmt.Errorf("%.40s has %d bytes, and %s has %d", text, size, n, n.size)
	}
	for _, r := range s {
		if r > 0xff {
			return dst, fmt.Errorf("%.40s is not bytes: it has the character %U", text, r)
		}
		dst = append(dst, byte(r))
	}
	return dst, nil
}

// encodeBranch takes null, or an object of one name: that of the branch.
func (n *node) encodeBranch(dst []byte, text json.RawMessage) ([]byte, error) {
	name := "null"
	if string(bytes.TrimSpace(text)) != "null" {
		members, err := objectOf(text)
		if err != nil || len(members) != 1 {
			return dst, fmt.Errorf("%.40s is no value of a union: null, or {TYPE: value}", bytes.TrimSpace(text))
		}
		name, text = members[0].key, members[0].value
	}
	for i, b := range n.branches {
		if b.branchName() == name {
			return b.encode(binary.AppendVarint(dst, int64(i)), text)
		}
	}
	return dst, fmt.Errorf("the union has no type %.40q", name)
}

// branchName is what names the type in a union.
func (n *node) branchName() string {
	if n.name != "" {
		return n.name
	}
	return kindWords[n.kind]
}

// kindWords are the words of types without a name, by kind.
var kindWords = func() map[kind]string {
	words := map[kind]string{}
	for word, k := range kinds {
		if k != recordKind { // which is error, too
			words[k] = word
		}
	}
	return words
}()

func (n *node) encodeRecord(dst []byte, text json.RawMessage) ([]byte, error) {
	members, err := objectOf(text)
	if err != nil {
		return dst, n.is(false, text)
	}
	values := map[string]json.RawMessage{}
	for _, m := range members {
		values[m.key] = m.value
	}
	for _, f := range n.fields {
		value, ok := values[f.name]
		if !ok {
			return dst, fmt.Errorf("field %s is missing", decode.Literal(f.name))
		}
		if dst, err = f.encode(dst, value); err != nil {
			return dst, fmt.Errorf("field %s: %w", decode.Literal(f.name), err)
		}
	}
	if len(members) != len(n.fields) {
		return dst, fmt.Errorf("%s has %d members, and its schema %d fields", n, len(members), len(n.fields))
	}
	return dst, nil
}

// encodeItems writes an array or a map as one block.
func (n *node) encodeItems(dst []byte, text json.RawMessage) ([]byte, error) {
	var members []entry
	var err error
	if n.kind == mapKind {
		members, err = objectOf(text)
	} else {
		var items []json.RawMessage
		err = n.read(text, &items)
		for _, item := range items {
			members = append(members, entry{value: item})
		}
	}
	if err != nil {
		return dst, n.is(false, text)
	}
	if len(members) > 0 {
		dst = binary.AppendVarint(dst, int64(len(members)))
	}
	for _, m := range members {
		if n.kind == mapKind {
			dst = append(binary.AppendVarint(dst, int64(len(m.key))), m.key...)
		}
		if dst, err = n.of.encode(dst, m.value); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

// objectOf is the members of an object, in their order.
func objectOf(text json.RawMessage) (members []entry, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	open, err := d.Token()
	if err != nil || open != json.Delim('{') {
		return nil, errors.New("it is no object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := entry{}
		m.key, _ = key.(string) // of an object it is one
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}
