package avro

import (
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// compiler makes a plan.
type compiler struct {
	*plan
	cells []decode.Cell
}

// compile makes the plan of a schema.
func compile(s *Schema, cells []decode.Cell) *plan {
	c := &compiler{&plan{root: s.root}, cells}
	for k := range cells {
		if meta := cells[k].From().Meta; meta != "" && meta != fencepost.MetaIndex {
			c.emit(opOfRecord, nil, k, "")
		}
	}
	c.root(s.root, wants(cells))
	c.emit(opEnd, nil, none, "")
	return c.plan
}

// root compiles the schema itself. Columns take fields of a record, and keys of a map; of a schema that is neither, one column takes the
// value as it is, whatever its name.
func (c *compiler) root(n *node, w *want) {
	only := w.all()
	switch {
	case n.kind == recordKind:
		for _, f := range n.fields {
			if w.name(f.name) == nil {
				c.unknown = append(c.unknown, f.name)
			}
		}
		c.value(n, w, "")
	case n.kind == mapKind:
		c.value(n, w, "")
	case n.kind == unionKind:
		c.union(n, func(b *node) { c.root(b, w) })
	case n.kind == nullKind:
		c.nulls(w)
	case len(only) == 1 && !w.explodes():
		c.value(n, &want{cells: only}, "")
	default:
		c.skip(n, "")
		c.mismatch(w, "the value is "+n.String()+", not a record, and there is more than one column")
	}
}

// emit appends a step, and returns its place.
func (c *compiler) emit(o op, n *node, col int, path string) int {
	c.steps = append(c.steps, step{op: o, node: n, col: col})
	c.paths = append(c.paths, path)
	return len(c.steps) - 1
}

// value compiles one value, which several columns may take, in whole and in part.
func (c *compiler) value(n *node, w *want, path string) {
	if w == nil {
		c.skip(n, path)
		return
	}
	var takers []func()
	for _, k := range w.cells {
		takers = append(takers, func() { c.whole(n, k, path) })
	}
	if len(w.names)+len(w.items) > 0 {
		takers = append(takers, func() { c.inside(n, &want{names: w.names, items: w.items}, path) })
	}
	if w.each != nil {
		takers = append(takers, func() { c.each(n, w.each, path) })
	}
	for i, take := range takers {
		if i == len(takers)-1 {
			take()
			break
		}
		peek := c.emit(opPeek, nil, none, path)
		take()
		c.steps[peek].to = c.emit(opEnd, nil, none, path) + 1
	}
}

// whole compiles a value that a column takes as it is.
func (c *compiler) whole(n *node, k int, path string) {
	of, null, nullable := n.nullable()
	if !nullable {
		of = n
	}
	switch {
	case of.kind == nullKind:
		c.nulls(&want{cells: []int{k}})
	case of.kind == unionKind, nullable && !fits(of, &c.cells[k].Field):
		c.union(n, func(b *node) { c.whole(b, k, path) })
	case !fits(of, &c.cells[k].Field):
		c.skip(of, path)
		c.mismatch(&want{cells: []int{k}}, of.String()+" does not fit "+c.cells[k].Type.String())
	default:
		o, _ := quick(of, &c.cells[k])
		at := c.emit(o, of, k, path)
		if nullable {
			c.steps[at].of(null)
		}
	}
}

// of makes a step that of a union with null.
func (s *step) of(null int) { s.null, s.other = byte(2*null), byte(2-2*null) }

// skip compiles a value that no column takes.
func (c *compiler) skip(n *node, path string) {
	of, null, ok := n.nullable()
	if !ok {
		of = n
	}
	o := opSkip
	switch of.kind {
	case stringKind:
		o = opSkipText
	case booleanKind:
		o = opSkipBool
	}
	if at := c.emit(o, of, none, path); ok {
		c.steps[at].of(null)
	}
}

// inside compiles a value of which columns take parts. What a path goes through decides for it: a null is a null, what is not there is
// missing, and any other value that has no such parts is a mismatch.
func (c *compiler) inside(n *node, w *want, path string) {
	switch n.kind {
	case nullKind:
		c.nulls(w)
		return
	case unionKind:
		c.union(n, func(b *node) { c.inside(b, w, path) })
		return
	case recordKind:
		c.record(n, w, path)
		c.astray(n, w.items, path)
		return
	case mapKind:
		c.some(n, w.names, path)
		c.astray(n, w.items, path)
		return
	case arrayKind:
		c.some(n, w.items, path)
		c.astray(n, w.names, path)
		return
	}
	c.skip(n, path)
	c.astray(n, w.names, path)
	c.astray(n, w.items, path)
}

func (c *compiler) record(n *node, w *want, path string) {
	for _, f := range n.fields {
		at := decode.Literal(f.name)
		if path != "" {
			at = path + "." + at
		}
		c.value(f.node, w.name(f.name), at)
	}
	for _, m := range w.names {
		if !slices.ContainsFunc(n.fields, func(f field) bool { return f.name == m.Name }) {
			c.missing(m.want)
		}
	}
}

// union compiles one program for each branch.
func (c *compiler) union(n *node, branch func(*node)) {
	at := c.emit(opUnion, n, none, "")
	jumps := make([]int, len(n.branches))
	c.steps[at].to = len(c.jumps)
	c.jumps = append(c.jumps, jumps)
	var ends []int
	for i, b := range n.branches {
		jumps[i] = len(c.steps)
		branch(b)
		ends = append(ends, c.emit(opJump, nil, none, ""))
	}
	for _, end := range ends {
		c.steps[end].to = len(c.steps)
	}
}

// some compiles an array or a map of which parts are wanted: two programs for each, behind a jump.
func (c *compiler) some(n *node, members []member, path string) {
	at := c.emit(opParts, n, none, path)
	c.steps[at].to = len(c.parts)
	parts := make([]part, len(members))
	c.parts = append(c.parts, parts)
	jump := c.emit(opJump, nil, none, path)
	for i, m := range members {
		parts[i] = part{Step: m.Step, there: len(c.steps)}
		c.value(n.of, m.want, path+m.String())
		c.emit(opEnd, nil, none, path)
		parts[i].missing = len(c.steps)
		c.missing(m.want)
		c.emit(opEnd, nil, none, path)
	}
	c.steps[jump].to = len(c.steps)
}

// each compiles the array by which records are exploded: a program of one element, behind a jump. A null has no elements.
func (c *compiler) each(n *node, w *want, path string) {
	switch n.kind {
	case nullKind:
		return
	case unionKind:
		c.union(n, func(b *node) { c.each(b, w, path) })
		return
	case arrayKind:
	default:
		c.skip(n, path)
		c.emit(opNotArray, nil, none, path+" is "+n.String()+", not an array")
		return
	}
	c.emit(opEach, n, none, path)
	jump := c.emit(opJump, nil, none, path)
	c.value(n.of, w, path+"[]")
	c.emit(opEnd, nil, none, path)
	c.steps[jump].to = len(c.steps)
}

func (c *compiler) nulls(w *want) {
	for _, k := range w.all() {
		c.emit(opNull, nil, k, "")
	}
}

func (c *compiler) missing(w *want) {
	for _, k := range w.all() {
		c.emit(opMissing, nil, k, "")
	}
}

// mismatch says of all columns of w that they cannot have a value, and why. A record whose array cannot be there is bad.
func (c *compiler) mismatch(w *want, reason string) {
	if w.explodes() {
		c.emit(opNotArray, nil, none, reason)
	}
	for _, k := range w.all() {
		c.emit(opMismatch, nil, k, reason)
	}
}

// astray says of parts that a value of this type has none.
func (c *compiler) astray(n *node, parts []member, path string) {
	for _, m := range parts {
		c.mismatch(m.want, path+" is "+n.String()+", where the path goes on")
	}
}
