package avro

import (
	"slices"

	"github.com/fencepost/fencepost/decode"
)

// want is what columns take of a value: the value itself, or parts of it.
type want struct {
	cells []int    // columns that take it, by place
	names []member // of a record or a map, in the order of the columns
	items []member // of an array
	each  *want    // of each element of the array by which records are exploded; nil: this is not that array
}

// member is a part that is wanted.
type member struct {
	decode.Step
	*want
}

// wants are those of a record's root.
func wants(cells []decode.Cell) *want {
	root := &want{}
	for k := range cells {
		from := cells[k].From()
		if from.Meta != "" {
			continue
		}
		w := root
		if from.Array != nil {
			for _, s := range from.Array {
				w = w.part(s)
			}
			w = w.ofEach()
		}
		for _, s := range from.Steps {
			w = w.part(s)
		}
		w.cells = append(w.cells, k)
	}
	return root
}

// part is what is wanted behind a step.
func (w *want) part(s decode.Step) *want {
	to := &w.names
	if s.Index >= 0 {
		to = &w.items
	}
	if i := slices.IndexFunc(*to, func(m member) bool { return m.Step == s }); i >= 0 {
		return (*to)[i].want
	}
	*to = append(*to, member{s, &want{}})
	return (*to)[len(*to)-1].want
}

// ofEach is what is wanted of each element.
func (w *want) ofEach() *want {
	if w.each == nil {
		w.each = &want{}
	}
	return w.each
}

// explodes reports whether a value is, or holds, the array by which records are exploded.
func (w *want) explodes() bool {
	return w.each != nil || slices.ContainsFunc(slices.Concat(w.names, w.items), func(m member) bool { return m.explodes() })
}

// name is what is wanted of a field; nil: nothing.
func (w *want) name(name string) *want {
	for _, m := range w.names {
		if m.Name == name {
			return m.want
		}
	}
	return nil
}

// all are the columns of a value and of its parts, without those of an array's elements.
func (w *want) all() []int {
	cells := slices.Clone(w.cells)
	for _, m := range slices.Concat(w.names, w.items) {
		cells = append(cells, m.all()...)
	}
	return cells
}
