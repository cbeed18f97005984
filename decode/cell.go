package decode

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// Cell puts the values of one field into its column. Each of its verbs takes a value of the kind that it is named for, and
// appends exactly one row, or none: false says that the column's type cannot hold the value as it is, and the decoder goes on with
// Mismatch. So every format has the same rules of which value fits which column.
//
//	           text  int   float    bool  timestamp  decimal  json    bytes   date      time  uuid
//	Int         -    yes   nearest   -    by unit     yes     yes      -      by unit   by unit  -
//	Float       -     -    yes       -    by unit     digits  digits   -       -        by unit  -
//	Bool        -     -     -       yes     -          -      yes      -       -         -       -
//	Text       yes    -     -        -    RFC 3339    a number string  base64 ISO 8601  ISO 8601 yes
//	Raw         -     -     -        -      -          -      base64  yes      -         -       -
//	Decimal     -    whole nearest   -      -         yes     yes      -       -         -       -
//	Instant     -    as it is -      -    yes          -      RFC 3339 -       -         -       -
//	Day         -    as it is -      -    midnight     -      string   -      yes        -       -
//	Clock       -    as it is -      -      -          -      string   -       -        yes      -
//	UUID       yes    -     -        -      -          -      string  16 bytes -         -      yes
type Cell struct {
	Field
	// Slot is the decoder's own: where it keeps the field's value.
	Slot int

	from              Path
	missing, mismatch standin
	stood             stood
	scan              scanner
	scratch, digits   []byte
}

// standin is a Rule made ready: the value of a default as the scanner would find it in a record.
type standin struct {
	kind ruleKind
	json []byte
	tok  token
}

// stood says what stands in the column of the last record.
type stood uint8

const (
	fitting stood = iota // the field's own value
	lacking              // what the rule for a missing field says
	misfit               // what the rule for a value that does not fit says
)

// ready scans a rule's default. REQUIRES: checkDefault has passed it.
func ready(r Rule) standin {
	s := standin{kind: r.kind, json: []byte(r.json)}
	if r.kind == ruleValue {
		new(scanner).whole(s.json, &s.tok)
	}
	return s
}

// From is where the field is. Of one whose Meta is not empty the decoder calls OfRecord for each record.
func (c *Cell) From() Path { return c.from }

// Missing appends what the field's rule says of a record that does not have it. Its error is a *fencepost.BadRecord.
func (c *Cell) Missing(col *fencepost.Column) error {
	if c.missing.kind == ruleError {
		return bad("field %s is missing", c.name())
	}
	c.stood = lacking
	c.stand(&c.missing, col)
	return nil
}

// Mismatch appends what the field's rule says of a value that its column cannot hold. Its error is a *fencepost.BadRecord, whose
// reason is the field and the text of format.
func (c *Cell) Mismatch(col *fencepost.Column, format string, args ...any) error {
	if c.mismatch.kind == ruleError {
		return bad("field %s: %s", c.name(), fmt.Sprintf(format, args...))
	}
	c.stood = misfit
	c.stand(&c.mismatch, col)
	return nil
}

// Forgives reports whether the rule for a value that does not fit makes no bad record of it, so that Mismatch needs no reason.
func (c *Cell) Forgives() bool { return c.mismatch.kind != ruleError }

// stand appends a rule's value in the place of one that is not there or does not fit.
func (c *Cell) stand(s *standin, col *fencepost.Column) {
	switch s.kind {
	case ruleNull:
		col.AppendNull()
		return
	case ruleAbsent:
		col.AppendAbsent()
		return
	case ruleUnchanged:
		col.AppendUnchanged()
		return
	case ruleError, ruleValue:
	}
	c.scratch, _ = c.append(col, s.json, &s.tok, c.scratch)
}

// Int takes an integer.
func (c *Cell) Int(col *fencepost.Column, n int64) bool {
	switch c.Type {
	case fencepost.Int:
		col.AppendInt(n)
		return true
	case fencepost.Float:
		col.AppendFloat(float64(n))
		return true
	case fencepost.Text, fencepost.Bool, fencepost.Bytes, fencepost.UUID:
		return false
	case fencepost.Timestamp, fencepost.Decimal, fencepost.JSON, fencepost.Date, fencepost.Time:
	}
	c.digits = strconv.AppendInt(c.digits[:0], n, 10)
	return c.number(col, c.digits)
}

// Uint takes an integer without a sign.
func (c *Cell) Uint(col *fencepost.Column, n uint64) bool {
	if n <= math.MaxInt64 {
		return c.Int(col, int64(n))
	}
	if c.Type == fencepost.Int {
		return false
	}
	c.digits = strconv.AppendUint(c.digits[:0], n, 10)
	return c.number(col, c.digits)
}

// Float takes a number of 32 or 64 bits; where digits are wanted, the fewest that give it back. NaN and the infinities fit nowhere.
func (c *Cell) Float(col *fencepost.Column, x float64, bits int) bool {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return false
	}
	if c.Type == fencepost.Float {
		col.AppendFloat(x)
		return true
	}
	if c.Type == fencepost.Int {
		return false
	}
	c.digits = strconv.AppendFloat(c.digits[:0], x, 'g', -1, bits)
	return c.number(col, c.digits)
}

// Decimal takes decimal digits, as JSON writes a number.
func (c *Cell) Decimal(col *fencepost.Column, digits []byte) bool {
	switch c.Type {
	case fencepost.Int, fencepost.Float, fencepost.Decimal, fencepost.JSON:
		return c.number(col, digits)
	}
	return false
}

// Number takes a number as JSON writes one, with the rules of a number in a JSON record. A text that is none is false.
func (c *Cell) Number(col *fencepost.Column, text []byte) bool {
	var t token
	if len(text) == 0 || text[0] != '-' && text[0]-'0' > 9 || c.scan.number(text, 0, &t) != len(text) {
		return false
	}
	return c.token(col, text, &t)
}

// number is Number for a text that is one.
func (c *Cell) number(col *fencepost.Column, text []byte) bool {
	var t token
	c.scan.number(text, 0, &t)
	return c.token(col, text, &t)
}

// token appends a token of text. REQUIRES: text is not in c.scratch.
func (c *Cell) token(col *fencepost.Column, text []byte, t *token) (ok bool) {
	c.scratch, ok = c.append(col, text, t, c.scratch[:0])
	return ok
}

// JSON takes the text of one JSON value of any kind, with the rules of a value in a JSON record. A text that is none is false. So is
// null, but in a json column, where it is a null.
func (c *Cell) JSON(col *fencepost.Column, text []byte) bool {
	var t token
	if c.scan.whole(text, &t) < 0 {
		return false
	}
	if t.kind == null {
		if c.Type == fencepost.JSON {
			col.AppendNull()
		}
		return c.Type == fencepost.JSON
	}
	return c.token(col, text, &t)
}

// Bool takes a truth value.
func (c *Cell) Bool(col *fencepost.Column, b bool) bool {
	switch c.Type {
	case fencepost.Bool:
		col.AppendBool(b)
	case fencepost.JSON:
		col.AppendText(strconv.FormatBool(b))
	default:
		return false
	}
	return true
}

// Text takes a text. REQUIRES: it is valid UTF-8; else the record is bad, and no rule of a field mends it.
func (c *Cell) Text(col *fencepost.Column, text []byte) bool {
	switch c.Type {
	case fencepost.Text:
		if notText(text) >= 0 {
			return false
		}
		col.AppendBytes(text)
		return true
	case fencepost.JSON:
		if c.Embedded {
			return c.appendEmbedded(col, text)
		}
		col.Extend(func(data []byte) []byte { return AppendQuoted(data, text) })
		return true
	case fencepost.Timestamp: // as append does, and four calls are saved
		us, _, ok := parseTimestamp(text)
		if ok {
			col.AppendInt(us)
		}
		return ok
	}
	t := token{kind: plain, hi: len(text)}
	var ok bool
	c.scratch, ok = c.append(col, text, &t, c.scratch[:0])
	return ok
}

// Raw takes bytes.
func (c *Cell) Raw(col *fencepost.Column, b []byte) bool {
	switch c.Type {
	case fencepost.Bytes:
		col.AppendBytes(b)
	case fencepost.JSON:
		col.Extend(func(data []byte) []byte { return AppendRaw(data, b) })
	default:
		return false
	}
	return true
}

// Instant takes a moment, as n of a unit since 1970 UTC. What is less than a microsecond is cut off towards the past.
func (c *Cell) Instant(col *fencepost.Column, n int64, unit Unit) bool {
	if c.Type == fencepost.Int {
		col.AppendInt(n)
		return true
	}
	if c.Type == fencepost.JSON {
		return c.json(col, func(dst []byte) ([]byte, bool) { return AppendInstant(dst, n, unit) })
	}
	us, ok := unit.micros(n)
	if ok = ok && c.Type == fencepost.Timestamp; ok {
		col.AppendInt(us)
	}
	return ok
}

// json appends a value as JSON, if it can be said.
func (c *Cell) json(col *fencepost.Column, value func(dst []byte) ([]byte, bool)) (ok bool) {
	if c.scratch, ok = value(c.scratch[:0]); ok {
		col.AppendBytes(c.scratch)
	}
	return ok
}

// Day takes a day, as the number of days since 1970.
func (c *Cell) Day(col *fencepost.Column, n int64) bool {
	if c.Type == fencepost.Int {
		col.AppendInt(n)
		return true
	}
	if n < firstDay || n > lastDay {
		return false
	}
	switch c.Type {
	case fencepost.Date:
		col.Extend(func(data []byte) []byte { return appendDay(data, n) })
	case fencepost.Timestamp:
		col.AppendInt(n * microsPerDay)
	case fencepost.JSON:
		return c.json(col, func(dst []byte) ([]byte, bool) { return AppendDay(dst, n) })
	default:
		return false
	}
	return true
}

// Clock takes a time of day, as n of a unit since midnight.
func (c *Cell) Clock(col *fencepost.Column, n int64, unit Unit) bool {
	if c.Type == fencepost.Int {
		col.AppendInt(n)
		return true
	}
	if c.Type == fencepost.JSON {
		return c.json(col, func(dst []byte) ([]byte, bool) { return AppendClock(dst, n, unit) })
	}
	us, ok := unit.micros(n)
	if ok = ok && us >= 0 && us <= microsPerDay && c.Type == fencepost.Time; ok {
		col.Extend(func(data []byte) []byte { return appendClock(data, us) })
	}
	return ok
}

// UUID takes the 16 bytes of a UUID, the first the highest.
func (c *Cell) UUID(col *fencepost.Column, id [16]byte) bool {
	switch c.Type {
	case fencepost.UUID, fencepost.Text:
		col.Extend(func(data []byte) []byte { return appendUUID(data, id) })
	case fencepost.JSON:
		col.Extend(func(data []byte) []byte { return AppendUUID(data, id) })
	case fencepost.Bytes:
		col.AppendBytes(id[:])
	default:
		return false
	}
	return true
}

// take appends one field's value of a JSON text, or what its rules say.
func (c *Cell) take(v []byte, t *token, col *fencepost.Column) error {
	switch t.kind {
	case null:
		col.AppendNull()
		return nil
	case absent:
		return c.Missing(col)
	}
	var ok bool
	if c.scratch, ok = c.append(col, v, t, c.scratch); ok {
		return nil
	}
	if c.Forgives() {
		return c.Mismatch(col, "")
	}
	return c.Mismatch(col, "%s", c.misfit(v, t))
}

// OfRecord appends what a path of the record itself leads to. is: From().Meta is not empty, and the row is appended, unless there
// is an error: a *fencepost.BadRecord.
func (c *Cell) OfRecord(r *fencepost.Record, col *fencepost.Column) (is bool, err error) {
	if c.from.Meta == "" {
		return false, nil
	}
	return true, c.ofRecord(r, col)
}

// ofRecord appends what a path of the record itself leads to: exactly one row, or none.
func (c *Cell) ofRecord(r *fencepost.Record, col *fencepost.Column) error {
	switch c.from.Meta {
	case fencepost.MetaTopic:
		col.AppendBytes([]byte(r.Topic))
		return nil
	case fencepost.MetaOp:
		if r.Value == nil {
			col.AppendText(fencepost.OpDelete)
		} else {
			col.AppendText("u")
		}
		return nil
	case fencepost.MetaPartition:
		col.AppendInt(int64(r.Partition))
		return nil
	case fencepost.MetaOffset:
		col.AppendInt(int64(r.Offset))
		return nil
	case fencepost.MetaTimestamp:
		us, ok := Millis.micros(r.Timestamp)
		if !ok {
			return bad("field %s: %d ms since 1970 overflows a timestamp", c.name(), r.Timestamp)
		}
		col.AppendInt(us)
		return nil
	case fencepost.MetaKey:
		return c.outside(r.Key, r.Key != nil, col)
	}
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if h := r.Headers[i]; h.Key == c.from.Header {
			return c.outside(h.Value, h.Value != nil, col)
		}
	}
	return c.Missing(col)
}

// outside appends bytes that stand beside the record's value: as they are where the column holds bytes or a text, else one JSON
// value, or a string without quotes.
func (c *Cell) outside(v []byte, there bool, col *fencepost.Column) error {
	t := token{kind: null}
	fits := true
	switch {
	case !there:
	case c.Type == fencepost.Bytes:
		col.AppendBytes(v)
		return nil
	case c.Type == fencepost.Text || c.Type != fencepost.JSON && c.scan.whole(v, &t) < 0:
		t = token{kind: plain, hi: len(v)}
		fits = utf8.Valid(v) && notText(v) < 0
	case c.Type == fencepost.JSON:
		fits = c.scan.whole(v, &t) >= 0
	}
	if fits && t.kind != plain {
		return c.take(v, &t, col)
	}
	if fits {
		if c.scratch, fits = c.append(col, v, &t, c.scratch); fits {
			return nil
		}
	}
	return c.Mismatch(col, "%s does not fit %s", excerpt(v, 0, min(len(v), 40)), c.Type)
}
