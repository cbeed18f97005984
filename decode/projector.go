package decode

import (
	"math"

	"github.com/fencepost/fencepost"
)

// projector is the decoder of JSON objects: it keeps where each wanted value is (slots), and which name is likely to
// come next (names).
//
// The likely name is the one that followed the last time. A list of names in the order of the first record was the
// other design: it loses its place for the rest of a record at the first optional field that is left out, while a
// successor is learned per name and finds its way back.
type projector struct {
	columns []fencepost.ColumnSpec
	fields  []projected
	refuse  bool // a record with unknown fields is bad
	empty   Tombstone

	slots  []token // one per wanted name, at the top or in a part
	parts  []part  // empty for a schema without paths
	last   int32   // while it is made: the name behind which the next is expected
	names  []name
	byName map[string]int32 // :: name -> its place in names
	told   *told
	record *fencepost.Record // that is decoded now
	fill   *Fill
	look   *look // nil: nothing is looked at, or all of it was

	scan    scanner
	other   token  // of fields that no column takes
	strange int32  // the first unknown name of this record, or none
	scratch []byte // an unescaped string
}

// projected is a column with its slot and its rules' values.
type projected struct {
	Field
	from     path
	slot     int // of a path of the record itself: one that stays empty
	missing  standin
	mismatch standin
}

// standin is a Rule made ready: the value of a default as the scanner would find it in a record.
type standin struct {
	kind ruleKind
	json []byte
	tok  token
}

// name is a name that the decoder has met or waits for.
type name struct {
	quoted string // "delay": with quotes and colon, as nearly every record spells it
	slot   int32  // none: no column takes it
	next   int32  // the name that came behind it last time; none: not known
}

const (
	none  int32 = -1
	begin int32 = 0 // names[begin] is the start of the object: the name behind it is the first

	maxNames = 1000 // unknown names that a decoder remembers
	maxName  = 256  // bytes of a name that it remembers
)

func newProjector(c JSONConfig, columns []fencepost.ColumnSpec, t *told) *projector {
	p := &projector{
		columns: columns,
		refuse:  c.UnknownFields == RefuseUnknown,
		names:   []name{{slot: none, next: none}},
		byName:  map[string]int32{},
		empty:   c.Tombstone,
		told:    t,
		fill:    c.Fill,
		look:    c.Fill.begin(columns),
	}
	for _, f := range c.Fields {
		one := projected{Field: f, missing: ready(f.Missing), mismatch: ready(f.Mismatch)}
		one.from, _ = f.path() // checkFields has passed it
		if one.from.meta == "" {
			one.slot = p.slotOf(one.from.steps)
		} else { // one that stays empty
			one.slot = len(p.slots)
			p.slots = append(p.slots, token{})
		}
		p.fields = append(p.fields, one)
	}
	return p
}

// ready scans a rule's default. REQUIRES: checkDefault has passed it.
func ready(r Rule) standin {
	s := standin{kind: r.kind, json: []byte(r.json)}
	if r.kind == ruleValue {
		new(scanner).whole(s.json, &s.tok)
	}
	return s
}

// addName remembers a name.
func (p *projector) addName(s string, slot int32) int32 {
	id := int32(len(p.names))
	p.byName[s] = id
	n := name{slot: slot, next: none}
	if isPlain(s) {
		n.quoted = `"` + s + `":`
	}
	p.names = append(p.names, n)
	return id
}

// isPlain reports whether a name is written in JSON as it is. One that does not is never expected, only looked up: its
// bytes between quotes would not be JSON.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// follow learns that id came behind last, and returns the name behind which the next is expected.
func (p *projector) follow(last, id int32) int32 {
	if p.names[id].quoted == "" {
		return last
	}
	p.names[last].next = id
	return id
}

// Columns are the fields' columns.
func (p *projector) Columns() []fencepost.ColumnSpec { return p.columns }

// Decode appends the record's fields.
func (p *projector) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	p.record = r
	v := r.Value
	if v == nil {
		return p.tombstone(r, columns)
	}
	i := space(v, 0)
	if i == len(v) || v[i] != '{' {
		return p.notObject(v)
	}
	if i = p.object(v, i); i >= 0 {
		i = space(v, i)
		if i < len(v) {
			i = p.scan.stop(flawSyntax, i)
		}
	}
	if i < 0 {
		return p.scan.notJSON(v, ^i)
	}
	if p.refuse && p.strange != none {
		return p.strangeField()
	}
	if len(p.parts) > 0 {
		p.descend(v)
	}
	for k := range p.fields {
		f := &p.fields[k]
		t := &p.slots[f.slot]
		switch { // the two that are most, and cannot fail, first
		case t.kind == plain && f.Type == fencepost.Text:
			columns[k].AppendBytes(v[t.lo:t.hi])
		case t.kind == short && f.Type == fencepost.Int:
			columns[k].AppendInt(t.num)
		case f.from.meta != "":
			if err := p.ofRecord(f, r, &columns[k]); err != nil {
				return err
			}
		default:
			if err := p.column(f, v, t, &columns[k]); err != nil {
				return err
			}
		}
	}
	if p.look != nil {
		p.observe(columns)
	}
	return nil
}

// tombstone makes of a record without a value what the schema says.
func (p *projector) tombstone(r *fencepost.Record, columns []fencepost.Column) error {
	switch p.empty {
	case SkipTombstone:
		return fencepost.ErrNoRow
	case NullsTombstone:
		for k := range p.fields {
			f := &p.fields[k]
			if f.from.meta == "" {
				columns[k].AppendNull()
			} else if err := p.ofRecord(f, r, &columns[k]); err != nil {
				return err
			}
		}
		return nil
	case BadTombstone:
	}
	return bad("record has no value (a tombstone)")
}

// object reads the object that opens at i into the slots, and returns the index behind it.
func (p *projector) object(v []byte, i int) int {
	clear(p.slots)
	p.strange = none
	i = space(v, i+1)
	if i < len(v) && v[i] == '}' {
		return i + 1
	}
	last := begin
	for {
		id := p.names[last].next
		if id != none && hasPrefix(v, i, p.names[id].quoted) {
			i = space(v, i+len(p.names[id].quoted))
			last = id
		} else {
			if i, id = p.find(v, i); i < 0 {
				return i
			}
			last = p.follow(last, id)
		}
		t := &p.other
		if slot := p.names[id].slot; slot >= 0 {
			t = &p.slots[slot]
		} else if p.strange == none {
			p.strange = id
		}
		if i < len(v) && v[i] == '"' { // as value does; most values are strings, and a call is saved
			end, k := p.scan.text(v, i+1)
			if end < 0 {
				return end
			}
			t.kind, t.lo, t.hi = k, i+1, end
			i = end + 1
		} else if i = p.scan.value(v, i, 1, t); i < 0 {
			return i
		}
		if i < len(v) && v[i] <= ' ' {
			i = space(v, i)
		}
		if i == len(v) {
			return p.scan.stop(flawSyntax, i)
		}
		switch v[i] {
		case ',':
			i = space(v, i+1)
		case '}':
			return i + 1
		default:
			return p.scan.stop(flawSyntax, i)
		}
	}
}

// hasPrefix reports whether s is at i.
func hasPrefix(v []byte, i int, s string) bool {
	return len(v)-i >= len(s) && string(v[i:i+len(s)]) == s
}

// find reads a name that was not expected and looks it up; a name never seen is reported and remembered.
func (p *projector) find(v []byte, i int) (int, int32) {
	i, t := p.scan.name(v, i)
	if i < 0 {
		return i, none
	}
	n := v[t.lo:t.hi]
	if t.kind == escaped {
		p.scratch = unescape(p.scratch[:0], n)
		n = p.scratch
	}
	if id, ok := p.byName[string(n)]; ok {
		return i, id
	}
	return i, p.meet(string(cut(n, maxName)))
}

// meet reports and remembers an unknown name, which may be the beginning of a longer one. Where it cannot be
// remembered it is names[begin], which no column takes and nothing expects.
func (p *projector) meet(n string) int32 {
	if id, ok := p.byName[n]; ok {
		if p.names[id].slot != none { // a wanted name, and the beginning of this one
			return begin
		}
		return id
	}
	if len(p.byName) >= maxNames+len(p.slots) {
		return begin
	}
	p.told.tell(n, p.record)
	return p.addName(n, none)
}

// column appends one field's value, or what its rules say.
func (p *projector) column(f *projected, v []byte, t *token, c *fencepost.Column) error {
	var ok bool
	switch t.kind {
	case null:
		c.AppendNull()
		return nil
	case absent:
		if f.missing.kind == ruleError {
			return bad("field %s is missing", f.name())
		}
		p.stand(f, &f.missing, c)
		return nil
	case astray:
	default:
		if p.scratch, ok = f.append(c, v, t, p.scratch); ok {
			return nil
		}
	}
	if f.mismatch.kind == ruleError {
		return bad("field %s: %s", f.name(), p.misfit(f, v, t))
	}
	p.stand(f, &f.mismatch, c)
	return nil
}

// stand appends a rule's value in the place of one that is not there or does not fit.
func (p *projector) stand(f *projected, s *standin, c *fencepost.Column) {
	switch s.kind {
	case ruleNull:
		c.AppendNull()
		return
	case ruleAbsent:
		c.AppendAbsent()
		return
	case ruleError, ruleValue:
	}
	p.scratch, _ = f.append(c, s.json, &s.tok, p.scratch)
}

// append appends a value if the column's type holds it: exactly one row, or none. REQUIRES: it is there and not
// null.
func (f *Field) append(c *fencepost.Column, v []byte, t *token, scratch []byte) (_ []byte, ok bool) {
	raw := v[t.lo:t.hi]
	switch f.Type {
	case fencepost.Text:
		return f.appendString(c, raw, t, scratch)
	case fencepost.Int:
		n, ok := t.int64(raw)
		if ok {
			c.AppendInt(n)
		}
		return scratch, ok
	case fencepost.Timestamp:
		return f.appendTimestamp(c, raw, t, scratch)
	case fencepost.Float:
		x, ok := t.float64(raw)
		if ok {
			c.AppendFloat(x)
		}
		return scratch, ok
	case fencepost.Bool:
		if t.kind != yes && t.kind != no {
			return scratch, false
		}
		c.AppendBool(t.kind == yes)
		return scratch, true
	case fencepost.JSON:
		if t.kind == plain || t.kind == escaped {
			raw = v[t.lo-1 : t.hi+1] // with its quotes
		}
		c.AppendBytes(raw)
		return scratch, true
	case fencepost.Decimal:
		return f.appendDecimal(c, raw, t, scratch)
	case fencepost.Bytes:
		return f.appendBase64(c, raw, t, scratch)
	case fencepost.Date:
		return f.appendDate(c, raw, t, scratch)
	case fencepost.Time:
		return f.appendTime(c, raw, t, scratch)
	case fencepost.UUID:
		return f.appendUUID(c, raw, t, scratch)
	}
	return scratch, false
}

func (t *token) isNumber() bool { return t.kind == short || t.kind == integer || t.kind == number }

// int64 is the value of an integer that fits.
func (t *token) int64(raw []byte) (int64, bool) {
	if t.kind == short {
		return t.num, true
	}
	if t.kind != integer {
		return 0, false
	}
	return parseInt(raw)
}

// float64 is the value of a number as the nearest float64.
func (t *token) float64(raw []byte) (float64, bool) {
	if t.kind == short && t.num != 0 { // -0 is not 0
		return float64(t.num), true
	}
	if !t.isNumber() {
		return 0, false
	}
	if x, ok := fastFloat(raw); ok {
		return x, true
	}
	x, ok := parseFloat(raw)
	return x, ok && !math.IsInf(x, 0)
}
