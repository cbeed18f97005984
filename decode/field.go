package decode

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// Config is what the decoders of records with named fields have in common: which columns they make of which fields.
type Config struct {
	// Fields are the columns, in order. REQUIRES: at least one.
	Fields []Field
	// UnknownFields says what a name means that no Field takes. Zero: it is ignored.
	UnknownFields UnknownFields
	// Tombstone says what a record without a value becomes. Zero: it is bad.
	Tombstone Tombstone
	// Unknown is called with each unknown name once, over all decoders of the Factory, one call at a time and from
	// the goroutine of the decoder that met it. Of a topic whose names have no end, the first 1,000 are reported, and
	// of a long name the first 256 bytes. It may be nil.
	Unknown UnknownFunc
	// Fill receives which columns the first records fill. It may be nil.
	Fill *Fill
	// Key: the fields are those of the record's key, and not of its value.
	Key bool
	// Explode is the path of an array: each of its elements makes a row, and fencepost.MetaIndex is a last column of Int, the
	// element's place. A field whose From goes through Explode and [] is of the element (items[].sku), any other one of the record, and
	// is repeated in each row. Empty: a record is one row.
	Explode string
}

// UnknownFunc takes the name of a field, and the first record that has it.
type UnknownFunc func(name string, tp fencepost.TopicPartition, at fencepost.Offset)

// UnknownFields says what to do about a field that the schema does not take.
type UnknownFields uint8

// What may be done about unknown fields.
const (
	IgnoreUnknown UnknownFields = iota // validate it and go on
	RefuseUnknown                      // the record is bad
)

// Tombstone says what becomes of a record without a value.
type Tombstone uint8

// What may become of a record without a value.
const (
	BadTombstone    Tombstone = iota // the record is bad
	SkipTombstone                    // it makes no row: fencepost.ErrNoRow
	NullsTombstone                   // a row of nulls, whatever Missing says
	DeleteTombstone                  // the same with d in fencepost.MetaOp, a last column of Text that every other record has with u
)

// Field makes one column of one field.
type Field struct {
	Column string
	Type   fencepost.Type
	// From is the path of the field: user.geo.country, tags[0], "a.b" in double quotes for a name with a dot in it; items[].sku of
	// each element of the array that Config.Explode names; or of the record itself: _key, _headers.NAME, _topic, _partition, _offset, _timestamp. Empty: the field named Column, whatever is in
	// that name. Several columns may take one field. Literal writes a name as a path.
	From string
	// Unit lets a timestamp be a number too. Zero: a string only.
	Unit Unit
	// Encoding says what a decimal may be in JSON besides a number. Zero: a string of its digits.
	Encoding Encoding
	// Scale is how many digits are behind the point of an Unscaled decimal. Below zero: so many zeros follow.
	Scale int
	// Embedded: a string of a json column holds the JSON as its text, as Debezium sends the columns of a database that are json.
	Embedded bool
	// Placeholder of an Embedded field is a text that holds no JSON, and is taken as the JSON string of itself.
	Placeholder string
	// Partial: rows may leave the column unchanged (fencepost.Column.AppendUnchanged), as the rule Unchanged does.
	Partial bool
	// Missing says what the column gets from a record without the field. Zero: the record is bad.
	Missing Rule
	// Mismatch says what it gets for a value that its type cannot hold. Zero: the record is bad.
	Mismatch Rule
}

// Encoding says how JSON may hold a decimal.
type Encoding uint8

// The encodings of a decimal besides a number.
const (
	// Digits: a string of decimal digits.
	Digits Encoding = iota
	// Unscaled: a string of base64 of an integer in two's complement, the highest byte first, to which Field.Scale gives the point; or
	// an object {"scale": N, "value": "base64"} with a scale of its own. Kafka Connect's Decimal, Debezium's VariableScaleDecimal.
	Unscaled
	// NumberOnly: none. Digits and base64 cannot be told apart: "1234" is both.
	NumberOnly
)

// name is the field's name in the record.
func (f *Field) name() string {
	if f.From == "" {
		return f.Column
	}
	return f.From
}

// Rule says what a column gets where the record has no value that fits. The zero Rule makes the record bad.
type Rule struct {
	kind ruleKind
	json string
}

type ruleKind uint8

const (
	ruleError ruleKind = iota
	ruleNull
	ruleValue
	ruleAbsent
	ruleUnchanged
)

// Null is the rule that gives the column a null.
func Null() Rule { return Rule{kind: ruleNull} }

// Default is the rule that gives the column a value, written as JSON the way a record would hold it: 0, "none",
// "2001-01-01T00:00:00Z". It must fit the column.
func Default(json string) Rule { return Rule{ruleValue, json} }

// Absent is the rule, for Missing, that leaves the column to the sink: a table's own default, and a null where there is none.
func Absent() Rule { return Rule{kind: ruleAbsent} }

// Unchanged is the rule, for Missing, of a field that is not sent because it is as it was. It makes the column one of Partial.
func Unchanged() Rule { return Rule{kind: ruleUnchanged} }

// String is the rule in the words of the pipeline file.
func (r Rule) String() string {
	switch r.kind {
	case ruleNull:
		return "null"
	case ruleValue:
		return r.json
	case ruleAbsent:
		return "default"
	case ruleUnchanged:
		return "unchanged"
	case ruleError:
	}
	return "error"
}

// checkFields finds units, rules and names that cannot work. REQUIRES: the types are known.
func checkFields(fields []Field) error {
	var faults []error
	for i := range fields {
		f := &fields[i]
		fault := func(key, reason, help string) {
			faults = append(faults, &FieldError{Column: f.Column, Key: key, Reason: reason, Help: help})
		}
		if !utf8.ValidString(f.name()) {
			fault("from", "is not UTF-8", "a JSON name always is")
		} else if reason, help := f.checkFrom(); reason != "" {
			fault("from", reason, help)
		}
		if f.Unit != NoUnit && f.Type != fencepost.Timestamp && f.Type != fencepost.Date && f.Type != fencepost.Time {
			fault("unit", "only a timestamp, a date or a time has a unit, this is "+f.Type.String(), "drop unit, or make it a timestamp")
		}
		if f.Unit == Days && f.Type == fencepost.Time {
			fault("unit", "a time of day is less than a day", "s, ms, us or ns since midnight")
		}
		if f.Unit != NoUnit && f.Unit != Days && f.Type == fencepost.Date {
			fault("unit", "a date counts days", "unit: days; or make it a timestamp")
		}
		if f.Encoding != Digits && f.Encoding != NumberOnly && f.Type != fencepost.Decimal {
			fault("scale", "only a decimal has a scale, this is "+f.Type.String(), "drop scale, or make it a decimal")
		}
		if int(f.Unit) >= len(units) {
			fault("unit", "is not a unit", strings.Join(Units(), " "))
			continue
		}
		if reason := f.checkDefault(f.Missing); reason != "" {
			fault("missing", reason, "error, null, default, or a value that fits")
		}
		if f.Mismatch.kind == ruleAbsent || f.Mismatch.kind == ruleUnchanged {
			fault("mismatch", "a value that does not fit is not absent", "error, null, or a value that fits")
		}
		if reason := f.checkDefault(f.Mismatch); reason != "" {
			fault("mismatch", reason, "error, null, or a value that fits")
		}
	}
	return errors.Join(faults...)
}

// checkDefault returns why a rule's value cannot be in the column, or nothing.
func (f *Field) checkDefault(r Rule) string {
	if r.kind != ruleValue {
		return ""
	}
	var s scanner
	var t token
	if i := s.whole([]byte(r.json), &t); i < 0 {
		return "the value " + excerpt([]byte(r.json), 0, len(r.json)) + " is not JSON"
	}
	if t.kind == null {
		return "null as a value is the rule null"
	}
	c := fencepost.Column{Name: f.Column, Type: f.Type}
	if _, ok := f.append(&c, []byte(r.json), &t, nil); !ok {
		return f.misfit([]byte(r.json), &t)
	}
	return ""
}
