package decode

// part is an object or array on the way of a path: the slots of what columns take from in it.
type part struct {
	parent int            // the slot of the object or array itself
	path   string         // as people write it
	names  map[string]int // :: name -> slot
	items  []item
}

// item is an element of an array.
type item struct{ index, slot int }

// slotOf returns the slot of a path, and makes what it lacks. Parents come before what is in them.
func (p *projector) slotOf(steps []Step) int {
	first := steps[0].Name
	id, ok := p.byName[first]
	if !ok {
		id = p.addName(first, int32(len(p.slots)))
		p.slots = append(p.slots, token{})
		p.last = p.follow(p.last, id)
	}
	return p.slotUnder(int(p.names[id].slot), first, steps[1:])
}

// slotUnder returns the slot of a path that goes on in a slot.
func (p *projector) slotUnder(slot int, at string, steps []Step) int {
	for _, s := range steps {
		slot, at = p.partAt(slot, at).slot(p, s), at+s.String()
	}
	return slot
}

// partAt is the part in a slot.
func (p *projector) partAt(slot int, path string) *part {
	for i := range p.parts {
		if p.parts[i].parent == slot {
			return &p.parts[i]
		}
	}
	p.parts = append(p.parts, part{parent: slot, path: path, names: map[string]int{}})
	return &p.parts[len(p.parts)-1]
}

// slot is that of one step in the part.
func (n *part) slot(p *projector, s Step) int {
	if slot, ok := n.names[s.Name]; ok && s.Index < 0 {
		return slot
	}
	for _, it := range n.items {
		if it.index == s.Index {
			return it.slot
		}
	}
	slot := len(p.slots)
	p.slots = append(p.slots, token{})
	if s.Index < 0 {
		n.names[s.Name] = slot
	} else {
		n.items = append(n.items, item{s.Index, slot})
	}
	return slot
}

// descend takes the tokens inside of objects and arrays, those of parts [from, until). REQUIRES: the record is valid JSON, so that
// nothing can fail.
func (p *projector) descend(v []byte, from, until int) {
	for i := from; i < until; i++ {
		n := &p.parts[i]
		t := p.slots[n.parent]
		switch t.kind {
		case absent:
		case object:
			p.members(v, t.lo, n)
			n.set(p, token{kind: astray, lo: i, num: int64(t.kind)}, nil, n.items)
		case array:
			p.elements(v, t.lo, n)
			n.set(p, token{kind: astray, lo: i, num: int64(t.kind)}, n.names, nil)
		case null, astray:
			n.set(p, t, n.names, n.items)
		default:
			n.set(p, token{kind: astray, lo: i, num: int64(t.kind)}, n.names, n.items)
		}
	}
}

// set gives one token to slots of the part.
func (n *part) set(p *projector, t token, names map[string]int, items []item) {
	for _, slot := range names {
		p.slots[slot] = t
	}
	for _, it := range items {
		p.slots[it.slot] = t
	}
}

// members takes the values of an object that opens at i; the last of equal names wins.
func (p *projector) members(v []byte, i int, n *part) {
	var name, value token
	for i = space(v, i+1); v[i] != '}'; {
		i, name = p.scan.name(v, i)
		text := v[name.lo:name.hi]
		if name.kind == escaped {
			p.scratch = unescape(p.scratch[:0], text)
			text = p.scratch
		}
		i = p.scan.value(v, i, 1, &value)
		if slot, ok := n.names[string(text)]; ok {
			p.slots[slot] = value
		}
		if i = space(v, i); v[i] == ',' {
			i = space(v, i+1)
		}
	}
}

// elements takes those of an array that opens at i.
func (p *projector) elements(v []byte, i int, n *part) {
	var value token
	i = space(v, i+1)
	for k := 0; v[i] != ']'; k++ {
		i = p.scan.value(v, i, 1, &value)
		for _, it := range n.items {
			if it.index == k {
				p.slots[it.slot] = value
			}
		}
		if i = space(v, i); v[i] == ',' {
			i = space(v, i+1)
		}
	}
}
