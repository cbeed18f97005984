package decode

import (
	"fmt"

	"github.com/fencepost/fencepost"
)

// each is what a projector takes of the elements of an array. It has one slot for the element at hand, and behind it those of what is
// in it: they are filled anew for each element.
type each struct {
	name  string // of the array, for people
	array int    // the array's slot
	slot  int    // the element's; all behind it are of what is in an element
	part  int    // the first part that is in an element
}

// newEach gives the columns of elements their slots. REQUIRES: those of the record have theirs.
func (p *projector) newEach(array []Step) *each {
	_, name, _ := p.Explodes()
	e := &each{name: name, array: p.slotOf(array), part: len(p.parts), slot: len(p.slots)}
	p.slots = append(p.slots, token{})
	for _, k := range p.OfElement() {
		c := &p.Cells[k]
		c.Slot = p.slotUnder(e.slot, name+"[]", c.from.Steps)
	}
	return e
}

// explode appends a row for each element of the array. REQUIRES: the slots are those of the record, which is valid JSON.
func (p *projector) explode(v []byte, columns []fencepost.Column) error {
	p.descend(v, 0, p.each.part)
	p.Begin(columns)
	for _, k := range p.OfRecord() {
		if err := p.append(v, k, columns); err != nil {
			return err
		}
	}
	n, err := 0, error(nil)
	switch t := p.slots[p.each.array]; t.kind {
	case absent, null:
	case array:
		n, err = p.explodeArray(v, t.lo, columns)
	case astray:
		err = p.NotArray(p.astray(&t))
	default:
		err = p.NotArray(fmt.Sprintf("%s is %s, not an array", p.each.name, kinds[t.kind]))
	}
	if err != nil {
		return err
	}
	return p.Spread(columns, n)
}

// explodeArray appends the columns of the elements of an array that opens at i, and returns how many there are.
func (p *projector) explodeArray(v []byte, i int, columns []fencepost.Column) (n int, err error) {
	slots := p.slots[p.each.slot:]
	for i = space(v, i+1); v[i] != ']'; n++ {
		if err := p.Bounded(columns, n); err != nil {
			return n, err
		}
		clear(slots)
		i = p.scan.value(v, i, 1, &slots[0])
		p.descend(v, p.each.part, len(p.parts))
		for _, k := range p.OfElement() {
			if err := p.append(v, k, columns); err != nil {
				return n, p.InElement(n, err)
			}
		}
		if i = space(v, i); v[i] == ',' {
			i = space(v, i+1)
		}
	}
	return n, nil
}

// append appends the value of one column.
func (p *projector) append(v []byte, k int, columns []fencepost.Column) error {
	f := &p.Cells[k]
	switch t := &p.slots[f.Slot]; {
	case f.from.Meta != "":
		return f.ofRecord(p.record, &columns[k])
	case t.kind == astray:
		return f.Mismatch(&columns[k], "%s", p.astray(t))
	default:
		return f.take(v, t, &columns[k])
	}
}
