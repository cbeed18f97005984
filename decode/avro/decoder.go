package avro

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// decoder runs plans over bodies. It is used by one goroutine.
type decoder struct {
	*decode.Row
	wire
	framer *registry.Framer
	plans  *plans
	known  map[registry.ID]*plan
	last   registry.ID // whose plan is in plan
	plan   *plan       // nil: of none yet
	isText bool        // the body is text, and not binary
	texts  texts
	prefix []byte // that stood in front of the last body, of a record without headers. Empty: there was none

	record *fencepost.Record // that is decoded now
	found  []int             // where the parts of arrays and maps are
	failed int               // the step that failed
	err    error             // of a cell; nil: the flaw says what is wrong
	digits []byte
	said   []byte // of a json column
	unsaid bool   // said has a value that JSON cannot say

	explodes bool
	elements int // of the record at hand, where it is exploded
}

// Decode appends the record's fields.
func (d *decoder) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	v := d.Bytes(r)
	begin := len(d.prefix) // the same bytes name the same schema
	if begin == 0 || len(r.Headers) > 0 || len(v) < begin || string(v[:begin]) != string(d.prefix) {
		if v == nil {
			return d.Empty(r, columns)
		}
		var err error
		if begin, err = d.frame(r, v); err != nil {
			return err
		}
	}
	p := d.plan
	if p.refuse != nil {
		return p.refuse
	}
	if d.isText {
		body, err := d.texts.binary(p.root, v[begin:])
		if err != nil {
			return bad("%s is no text of its schema (%s): %s", d.part(), d.last, err)
		}
		v, begin = body, 0
	}
	d.record, d.found, d.err, d.failed, d.empty = r, d.found[:0], nil, none, maxEmpty
	if d.explodes {
		d.elements = 0
		d.Begin(columns)
	}
	i := d.run(p, 0, v, begin, columns)
	if i >= 0 && i < len(v) {
		i = d.stop(flawRest, i)
	}
	if i < 0 {
		return d.flawed(p, ^i)
	}
	if d.explodes {
		return d.Spread(columns, d.elements)
	}
	d.Observe(columns)
	return nil
}

// frame takes the plan of a record's schema, and returns where its body begins.
func (d *decoder) frame(r *fencepost.Record, v []byte) (begin int, err error) {
	frame, err := d.framer.Frame(r)
	if err != nil {
		return 0, err
	}
	d.prefix, d.isText = d.prefix[:0], frame.Encoding == registry.AvroJSON
	if d.plan == nil || d.last != frame.ID {
		if err := d.turn(frame.ID, r); err != nil {
			return 0, err
		}
	}
	if begin = len(v) - len(frame.Body); len(r.Headers) == 0 {
		d.prefix = append(d.prefix, v[:begin]...)
	}
	return begin, nil
}

// turn takes the plan of another schema.
func (d *decoder) turn(id registry.ID, r *fencepost.Record) error {
	p, ok := d.known[id]
	if !ok {
		var err error
		if p, err = d.plans.plan(id); err != nil {
			return err
		}
		d.known[id] = p
		for _, name := range p.unknown {
			d.Unknown(name, r)
		}
	}
	d.last, d.plan = id, p
	return nil
}

func (d *decoder) part() string {
	if d.OfKey() {
		return "key"
	}
	return "value"
}

// flawed is the error of a record whose body is wrong at byte i of the value.
func (d *decoder) flawed(p *plan, i int) error {
	if d.err != nil {
		return d.err
	}
	field := ""
	if d.failed != none && p.paths[d.failed] != "" {
		field = "field " + p.paths[d.failed] + ": "
	}
	return bad("%s%s is no Avro of its schema (%s) at byte %d: %s", field, d.part(), d.last, i, flaws[d.flaw])
}

// run runs the program at step pc over v from byte i on, and returns the index behind what it has read.
func (d *decoder) run(p *plan, pc int, v []byte, i int, columns []fencepost.Column) int {
	for ; i >= 0; pc++ {
		s := &p.steps[pc]
		if s.null != s.other {
			null := i < len(v) && v[i] == s.null
			if i < len(v) && (null || v[i] == s.other) {
				i++
			} else if null, i = d.nullable(s, v, i); i < 0 {
				continue
			}
			if null {
				if s.col >= 0 {
					columns[s.col].AppendNull()
				}
				continue
			}
		}
		switch s.op { // the values that are most, and then the others
		case opSkipText:
			_, i = d.text(v, i)
		case opText:
			if i < len(v) && v[i]&0x81 == 0 {
				if lo, hi := i+1, i+1+int(v[i]>>1); hi <= len(v) && isASCII(v, lo, hi) {
					columns[s.col].AppendBytes(v[lo:hi])
					i = hi
					continue
				}
			}
			i = d.put(s, v, i, columns)
		case opLong:
			n, k := d.long(v, i)
			if i = k; i >= 0 {
				columns[s.col].AppendInt(n)
			}
		case opDouble:
			i = d.double(s, v, i, columns)
		case opSkipBool:
			_, i = d.boolean(v, i)
		case opEnd:
			return i
		case opJump, opUnion, opPeek, opParts, opMissing, opMismatch, opNull, opOfRecord, opEach, opNotArray:
			pc, i = d.flow(p, pc, v, i, columns)
			pc--
		default:
			i = d.value(s, v, i, columns)
		}
	}
	if d.failed == none {
		d.failed = pc - 1
	}
	return i
}

// nullable reads the branch of a union with null, in any form.
func (d *decoder) nullable(s *step, v []byte, i int) (null bool, next int) {
	k, next := d.choice(flawBranch, 2, v, i)
	return next >= 0 && byte(2*k) == s.null, next
}

// flow runs a step that reads no value by itself, and returns the next one.
func (d *decoder) flow(p *plan, pc int, v []byte, i int, columns []fencepost.Column) (next, at int) {
	s := &p.steps[pc]
	next = pc + 1
	switch s.op {
	case opJump:
		return s.to, i
	case opUnion:
		k, at := d.choice(flawBranch, len(s.branches), v, i)
		if at < 0 {
			return next, at
		}
		return p.jumps[s.to][k], at
	case opPeek:
		if at := d.run(p, next, v, i, columns); at < 0 {
			return next, at
		}
		return s.to, i
	case opParts:
		return next, d.someParts(p, pc, v, i, columns)
	case opNull:
		columns[s.col].AppendNull()
	case opMissing:
		d.err = d.Cells[s.col].Missing(&columns[s.col])
	case opMismatch:
		d.err = d.mismatch(s.col, columns, func() string { return p.paths[pc] })
	case opEach:
		return next, d.explode(p, pc, v, i, columns)
	case opNotArray:
		d.err = d.NotArray(p.paths[pc])
	case opOfRecord:
		_, d.err = d.Cells[s.col].OfRecord(d.record, &columns[s.col])
	}
	if d.err != nil {
		return next, ^i
	}
	return next, i
}

// value runs a step that reads one value.
func (d *decoder) value(s *step, v []byte, i int, columns []fencepost.Column) int {
	switch s.op {
	case opSkip:
		return d.skip(s.node, v, i, 1)
	case opMillis:
		n, k := d.long(v, i)
		if k < 0 {
			return k
		}
		if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			return d.misfit(s, v, i, k, columns)
		}
		columns[s.col].AppendInt(n * 1000)
		return k
	case opInt:
		n, k := d.int(v, i)
		if k >= 0 {
			columns[s.col].AppendInt(n)
		}
		return k
	case opSymbol:
		text, k := d.symbol(s.node, v, i)
		if k >= 0 {
			columns[s.col].AppendBytes(text)
		}
		return k
	case opBool:
		b, k := d.boolean(v, i)
		if k >= 0 {
			columns[s.col].AppendBool(b)
		}
		return k
	}
	return d.put(s, v, i, columns)
}

// double reads a double into a column of floats.
func (d *decoder) double(s *step, v []byte, i int, columns []fencepost.Column) int {
	if i+8 > len(v) {
		return d.stop(flawEnd, len(v))
	}
	x := math.Float64frombits(binary.LittleEndian.Uint64(v[i:]))
	if x-x != 0 { // NaN, or an infinity
		return d.misfit(s, v, i, i+8, columns)
	}
	columns[s.col].AppendFloat(x)
	return i + 8
}

// put reads a value and puts it into its column by the verbs of a Cell.
func (d *decoder) put(s *step, v []byte, i int, columns []fencepost.Column) int {
	n, c, col := s.node, &d.Cells[s.col], &columns[s.col]
	if c.Type == fencepost.JSON && !(c.Embedded && n.kind == stringKind) {
		k := d.json(n, v, i)
		if k < 0 {
			return k
		}
		if d.unsaid {
			return d.misfit(s, v, i, k, columns)
		}
		col.AppendBytes(d.said)
		return k
	}
	k, ok := i, false
	switch n.kind {
	case booleanKind:
		var b bool
		b, k = d.boolean(v, i)
		ok = k >= 0 && c.Bool(col, b)
	case intKind, longKind:
		var x int64
		x, k = d.integer(n, v, i)
		ok = k >= 0 && putInt(n, c, col, x)
	case floatKind, doubleKind:
		var x float64
		x, k = d.float(n, v, i)
		ok = k >= 0 && c.Float(col, x, 8*n.least)
	case stringKind:
		var b []byte
		b, k = d.text(v, i)
		ok = k >= 0 && putText(c, col, b)
	case enumKind:
		var b []byte
		b, k = d.symbol(n, v, i)
		ok = k >= 0 && c.Text(col, b)
	case bytesKind, restKind, fixedKind:
		var b []byte
		b, k = d.binary(n, v, i)
		ok = k >= 0 && d.putBytes(n, c, col, b)
	case recordKind:
		k, ok = d.putScaled(n, c, col, v, i)
	}
	if k >= 0 && !ok {
		return d.misfit(s, v, i, k, columns)
	}
	return k
}

// integer reads an int or a long.
func (w *wire) integer(n *node, v []byte, i int) (int64, int) {
	if n.kind == intKind {
		return w.int(v, i)
	}
	return w.long(v, i)
}

// float reads a float or a double, little-endian.
func (w *wire) float(n *node, v []byte, i int) (float64, int) {
	b, k := w.fixed(v, i, n.least)
	switch {
	case k < 0:
		return 0, k
	case n.kind == floatKind:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), k
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), k
}

// noYear is what Debezium sends of the year 0000 behind a snapshot. MySQL has no year 1900.
const noYear = 1900

// putInt puts an int or a long.
func putInt(n *node, c *decode.Cell, col *fencepost.Column, x int64) bool {
	switch n.meaning {
	case day:
		return c.Day(col, x)
	case clock:
		return c.Clock(col, x, n.unit)
	case instant:
		if n.calendar && c.Type == fencepost.Timestamp && !decode.InCalendar(x, n.unit) {
			return false
		}
		return c.Instant(col, x, n.unit)
	case unsigned:
		return c.Uint(col, uint64(x))
	case year:
		return x != noYear && c.Int(col, x)
	}
	return c.Int(col, x)
}

// putText puts a string. Bytes of a string are those of its text, as Avro's resolution has it, and not base64 as in JSON.
func putText(c *decode.Cell, col *fencepost.Column, b []byte) bool {
	if c.Type == fencepost.Bytes {
		return c.Raw(col, b)
	}
	return c.Text(col, b)
}

// putBytes puts bytes or a fixed. A column of text takes those that are UTF-8.
func (d *decoder) putBytes(n *node, c *decode.Cell, col *fencepost.Column, b []byte) (ok bool) {
	switch {
	case n.meaning == decimal:
		d.digits, ok = decode.AppendTwosComplement(d.digits[:0], b, n.scale)
		return ok && c.Decimal(col, d.digits)
	case n.meaning == uuid:
		return c.UUID(col, [16]byte(b))
	case n.meaning == duration:
		d.digits = appendPeriod(d.digits[:0], b)
		return c.Text(col, d.digits)
	case c.Type == fencepost.Text:
		return utf8.Valid(b) && c.Text(col, b)
	}
	return c.Raw(col, b)
}

// putScaled puts a decimal with a scale of its own.
func (d *decoder) putScaled(n *node, c *decode.Cell, col *fencepost.Column, v []byte, i int) (k int, ok bool) {
	d.digits, k, ok = d.scaled(d.digits[:0], n, v, i)
	return k, k >= 0 && ok && c.Decimal(col, d.digits)
}

// misfit says of the value v[i:k] that it does not fit its column.
func (d *decoder) misfit(s *step, v []byte, i, k int, columns []fencepost.Column) int {
	d.err = d.mismatch(s.col, columns, func() string { return d.shown(s.node, v[i:k]) + " does not fit " + d.Cells[s.col].Type.String() })
	if d.err != nil {
		return ^i
	}
	return k
}

// mismatch appends what the rule of a column says. The reason is asked for only where that is an error.
func (d *decoder) mismatch(k int, columns []fencepost.Column, reason func() string) error {
	c := &d.Cells[k]
	if c.Forgives() {
		return c.Mismatch(&columns[k], "")
	}
	return c.Mismatch(&columns[k], "%s", reason())
}

// shown is a value for people: as JSON, or its bytes where JSON cannot say it, and its type.
func (d *decoder) shown(n *node, v []byte) string {
	const most = 40
	text := fmt.Sprintf("% x", v[:min(len(v), most/3)])
	if i := d.json(n, v, 0); i >= 0 && !d.unsaid {
		text = string(d.said)
	}
	for at := range text {
		if at > most {
			text = text[:at] + "..."
			break
		}
	}
	return text + " (" + n.String() + ")"
}
