package avro

import "github.com/fencepost/fencepost"

// someParts reads an array or a map, and runs the programs of its parts behind it: the last of equal keys counts, as in JSON.
func (d *decoder) someParts(p *plan, pc int, v []byte, i int, columns []fencepost.Column) int {
	n, parts := p.steps[pc].node, p.parts[p.steps[pc].to]
	base := len(d.found)
	for range parts {
		d.found = append(d.found, none)
	}
	end := d.findParts(n, parts, base, v, i)
	if end < 0 {
		return end
	}
	for k := range parts {
		at, program := d.found[base+k], parts[k].there
		if at == none {
			at, program = end, parts[k].missing
		}
		if at = d.run(p, program, v, at, columns); at < 0 {
			return at
		}
	}
	d.found = d.found[:base]
	return end
}

// findParts passes over an array or a map, and notes where the parts are.
func (d *decoder) findParts(n *node, parts []part, base int, v []byte, i int) int {
	var b block
	for k := 0; ; k++ {
		var more bool
		if more, i = d.next(&b, n, v, i); !more {
			return i
		}
		var key []byte
		if n.kind == mapKind {
			if key, i = d.text(v, i); i < 0 {
				return i
			}
		}
		for j := range parts {
			if n.kind == mapKind && string(key) == parts[j].Name || n.kind == arrayKind && k == parts[j].Index {
				d.found[base+j] = i
			}
		}
		if i = d.skip(n.of, v, i, 1); i < 0 {
			return i
		}
	}
}
