package protobuf

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// each is what columns take of the elements of a list, by which records are exploded. The leaves of its columns are in frames of one
// element.
type each struct {
	list leaf
	in   *node  // of an element that is a message; nil: it has no parts
	fits string // why the path leads to no list; empty: it does, or to nothing
}

// explode makes the leaves of the columns that are of elements.
func (p *plan) explode(path []decode.Step, name string, row *decode.Row) {
	e := &each{list: p.root.leaf(p.root, path, none, "", fencepost.JSON)}
	p.each = e
	switch end := e.list.end(); {
	case end.astray != "":
		e.fits = end.astray
		return
	case end.step == nil:
		return
	case end.step.form != list || !end.isMany:
		e.fits = name + " is " + end.step.word(end.isMany) + ", not a list"
		return
	case end.step.shape != nil:
		e.in = p.root.set.path(end.step.shape.of)
	}
	for _, k := range row.OfElement() {
		p.leaves[k] = e.leaf(e.list.end(), &row.Cells[k], name+"[]")
	}
	if e.in != nil {
		e.in.clear()
	}
}

// leaf is where a column's value is in an element.
func (e *each) leaf(of end, c *decode.Cell, at string) leaf {
	switch steps := c.From().Steps; {
	case len(steps) == 0:
		return leaf{step: of.step, parent: none, pick: &pick{element: of.step}}
	case e.in == nil || steps[0].Index >= 0:
		return leaf{step: of.step, parent: none, astray: at + " is " + wordOf(of.step) + ", where the path goes on"}
	default:
		return e.in.leaf(e.in, steps, none, at, c.Type)
	}
}

// explode appends a row for each element of the list.
func (d *projector) explode(p *plan, slots []slot, columns []fencepost.Column) error {
	d.Begin(columns)
	for _, k := range d.OfRecord() {
		c := &d.Cells[k]
		is, err := c.OfRecord(d.record, &columns[k])
		if !is {
			err = d.take(&p.leaves[k], c, &columns[k], slots)
		}
		if err != nil {
			return err
		}
	}
	if p.each.fits != "" {
		return d.NotArray(p.each.fits)
	}
	n := 0
	err := d.ofList(&p.each.list, slots, func(st *step, e slot) error {
		if err := d.Bounded(columns, n); err != nil {
			return err
		}
		if err := d.element(p, st, e, columns); err != nil {
			return d.InElement(n, err)
		}
		n++
		return nil
	})
	if err != nil {
		return err
	}
	return d.Spread(columns, n)
}

// ofList calls f for each element of the list that a leaf leads to, until its first error.
func (d *projector) ofList(l *leaf, slots []slot, f func(*step, slot) error) error {
	if l.step == nil {
		return nil
	}
	if l.pick != nil {
		return d.ofPicked(l, slots, f)
	}
	for e := range d.elements(l.step, slots[l.slot]) {
		if err := f(l.step, e); err != nil {
			return err
		}
	}
	return nil
}

// ofPicked is ofList for a list inside of an element of another list, or of a map: of nothing, where that has no such element.
func (d *projector) ofPicked(l *leaf, slots []slot, f func(*step, slot) error) error {
	mark := len(d.items)
	defer func() { d.items = d.items[:mark] }()
	var e slot
	var ok bool
	if l.step.form == dict {
		e, ok = d.byKey(l.step, slots[l.slot], l.pick.key)
	} else {
		e, ok = d.byIndex(l.step, slots[l.slot], l.pick.index)
	}
	if !ok {
		return nil
	}
	in := d.open(l.pick.in, e)
	defer d.close(in)
	return d.ofList(l.pick.rest, in.slots, f)
}

// element appends the columns of one element.
func (d *projector) element(p *plan, st *step, e slot, columns []fencepost.Column) error {
	var in frame
	if p.each.in != nil {
		in = d.open(p.each.in, e)
		defer d.close(in)
	}
	for _, k := range d.OfElement() {
		c, col := &d.Cells[k], &columns[k]
		var err error
		switch l := &p.leaves[k]; {
		case l.astray != "" || len(c.From().Steps) > 0:
			err = d.take(l, c, col, in.slots)
		default:
			err = d.one(st, c, col, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
