package avro

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// plan is how a body of one writer's schema becomes a row: a program of steps, which is run over the body from its first byte to its last.
//
//	{"id":1,"user":{"name":"x","tags":[]},"note":null}       columns id, user.name, note
//
//	0 long    id            column 0
//	1 text    user.name     column 1
//	2 skip    user.tags
//	3 text    note          column 2, of a union with null
//	4 end
//
// It is compiled once for a schema. The other design was a tree that is walked for each record: the same decisions, and a call for each
// type of it.
type plan struct {
	steps   []step
	paths   []string // :: step -> where its value is, for people
	parts   [][]part // of opParts
	jumps   [][]int  // of opUnion :: branch -> step
	unknown []string // fields of the root that no column takes
	root    *node    // of the schema
	refuse  error    // of each record that has the schema: a *fencepost.BadRecord. nil: none
}

// part is an item of an array, or the value of a map's key, that columns take.
type part struct {
	decode.Step
	there, missing int // the programs of one that is there, and of one that is not
}

// step is one instruction.
type step struct {
	*node
	op  op
	col int // the column it appends to; none: it appends to none
	// to is the step that a jump leads to, the place in parts or jumps, or the bytes of a fixed.
	to int
	// null and other are the bytes in front of a value of a union with null: zigzag 0 and 1, or the other way round. Both 0: it is of no
	// union.
	null, other byte
}

const none = -1

// op is what a step does.
type op uint8

const (
	opEnd      op = iota // the program ends
	opJump               // to another step
	opUnion              // to the step of the branch
	opPeek               // runs the steps up to opEnd, goes on at to, and does not move on in the body
	opParts              // an array or a map of which parts are wanted
	opMissing            // the column's field is not in the schema
	opMismatch           // the column's type fits no value of the schema; paths says why
	opNull               // the column is null
	opOfRecord           // of a path of the record itself
	opEach               // the array by which records are exploded: the program of an element is two steps behind
	opNotArray           // it is no array; paths says what it is

	// These read one value, which may be of a union with null.
	opSkip // any value
	opSkipText
	opSkipBool
	opPut    // any value, by the verbs of a Cell
	opLong   // a long into a column of ints
	opInt    // an int into one
	opMillis // milliseconds into a timestamp
	opText   // a string into a text
	opDouble // a double into a float
	opSymbol // an enum into a text
	opBool   // a boolean into a bool
)

// quick is the step for values that a column takes without any rule. ok: there is one.
func quick(n *node, c *decode.Cell) (op, bool) {
	switch {
	case n.calendar, n.meaning == unsigned:
	case n.kind == intKind && c.Type == fencepost.Int:
		return opInt, true
	case n.kind == longKind && c.Type == fencepost.Int, n.meaning == instant && n.unit == decode.Micros && c.Type == fencepost.Timestamp:
		return opLong, true
	case n.meaning == instant && n.unit == decode.Millis && c.Type == fencepost.Timestamp:
		return opMillis, true
	case n.kind == stringKind && c.Type == fencepost.Text:
		return opText, true
	case n.kind == enumKind && c.Type == fencepost.Text:
		return opSymbol, true
	case n.kind == doubleKind && c.Type == fencepost.Float:
		return opDouble, true
	case n.kind == booleanKind && c.Type == fencepost.Bool:
		return opBool, true
	}
	return opPut, false
}

// fits reports whether any value of a type fits a column. The verbs of a Cell decide of each value; this is what they say of all.
func fits(n *node, c *decode.Field) bool {
	t, timed := c.Type, c.Unit != decode.NoUnit
	is := func(types ...fencepost.Type) bool {
		for _, of := range types {
			if t == of {
				return true
			}
		}
		return t == fencepost.JSON
	}
	switch n.meaning {
	case decimal, scaled:
		return is(fencepost.Int, fencepost.Float, fencepost.Decimal)
	case day:
		return is(fencepost.Int, fencepost.Date, fencepost.Timestamp)
	case clock:
		return is(fencepost.Int, fencepost.Time)
	case instant:
		return is(fencepost.Int, fencepost.Timestamp)
	case duration:
		return is(fencepost.Text)
	case uuid:
		if n.kind == fixedKind {
			return is(fencepost.UUID, fencepost.Text, fencepost.Bytes)
		}
	}
	switch n.kind {
	case booleanKind:
		return is(fencepost.Bool)
	case intKind, longKind:
		return is(fencepost.Int, fencepost.Float, fencepost.Decimal) || timed
	case floatKind, doubleKind:
		return is(fencepost.Float, fencepost.Decimal) || timed && t != fencepost.Date
	case bytesKind, restKind, fixedKind:
		return is(fencepost.Bytes, fencepost.Text)
	case stringKind:
		return !is(fencepost.Int, fencepost.Float, fencepost.Bool) || t == fencepost.JSON
	case enumKind:
		return is(fencepost.Text)
	}
	return is()
}
