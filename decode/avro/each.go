package avro

import "github.com/fencepost/fencepost"

// explode reads the array by which records are exploded, and runs the program of an element for each: one block behind the other, as
// they stand in the body.
func (d *decoder) explode(p *plan, pc int, v []byte, i int, columns []fencepost.Column) int {
	var b block
	for {
		var more bool
		if more, i = d.next(&b, p.steps[pc].node, v, i); !more {
			return i
		}
		if d.err = d.Bounded(columns, d.elements); d.err != nil {
			return ^i
		}
		if i = d.run(p, pc+2, v, i, columns); i < 0 {
			d.err = d.inElement(d.err)
			return i
		}
		d.elements++
	}
}

// inElement is the error of a column with its element.
func (d *decoder) inElement(err error) error {
	if err == nil {
		return nil // of the bytes, whose place is said
	}
	return d.InElement(d.elements, err)
}
