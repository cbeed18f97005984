package decode

import "github.com/fencepost/fencepost"

// projector is the decoder of JSON objects: it keeps where each wanted value is (slots), and which name is likely to
// come next (names).
//
// The likely name is the one that followed the last time. A list of names in the order of the first record was the
// other design: it loses its place for the rest of a record at the first optional field that is left out, while a
// successor is learned per name and finds its way back.
type projector struct {
	*Row

	slots  []token // one per wanted name, at the top or in a part
	parts  []part  // empty for a schema without paths
	each   *each   // nil: a record is one row
	last   int32   // while it is made: the name behind which the next is expected
	names  []name
	byName map[string]int32  // :: name -> its place in names
	record *fencepost.Record // that is decoded now

	scan    scanner
	other   token  // of fields that no column takes
	strange int32  // the first unknown name of this record, or none
	scratch []byte // an unescaped name
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

func newProjector(row *Row) *projector {
	p := &projector{
		Row:    row,
		names:  []name{{slot: none, next: none}},
		byName: map[string]int32{},
	}
	for k := range row.Cells {
		switch c := &row.Cells[k]; {
		case c.from.Array != nil:
		case c.from.Meta == "":
			c.Slot = p.slotOf(c.from.Steps)
		default: // one that stays empty
			c.Slot = len(p.slots)
			p.slots = append(p.slots, token{})
		}
	}
	if array, _, ok := row.Explodes(); ok {
		p.each = p.newEach(array)
	}
	return p
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

// Decode appends the record's fields.
func (p *projector) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	p.record = r
	v := p.Bytes(r)
	if v == nil {
		return p.Empty(r, columns)
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
	if p.strange != none && p.RefusesUnknown() {
		return p.strangeField()
	}
	if p.each != nil {
		return p.explode(v, columns)
	}
	if len(p.parts) > 0 {
		p.descend(v, 0, len(p.parts))
	}
	for k := range p.Cells {
		f := &p.Cells[k]
		t := &p.slots[f.Slot]
		switch { // the two that are most, and cannot fail, first
		case t.kind == plain && f.Type == fencepost.Text:
			columns[k].AppendBytes(v[t.lo:t.hi])
		case t.kind == short && f.Type == fencepost.Int:
			columns[k].AppendInt(t.num)
		case f.from.Meta != "":
			if err := f.ofRecord(r, &columns[k]); err != nil {
				return err
			}
		case t.kind == astray:
			if err := f.Mismatch(&columns[k], "%s", p.astray(t)); err != nil {
				return err
			}
		default:
			if err := f.take(v, t, &columns[k]); err != nil {
				return err
			}
		}
	}
	p.Observe(columns)
	return nil
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
	p.Unknown(n, p.record)
	return p.addName(n, none)
}
