package protobuf

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// leaf is where a column's value is in a frame of slots.
type leaf struct {
	step   *step // nil: the descriptor has no such field
	slot   int32
	parent int32 // the slot of the message that the field is in; none: the record's own
	above  int32 // of a message that is taken by its fields: the slot of the message that it is in
	must   bool  // of such a message: whatever has the one above must have it
	// astray is why the path ends before its value; empty: it does not.
	astray string
	pick   *pick // of one element of a list or map; nil: the field itself
	quick  quick
	nanos  int32 // of quickInstant: the slot of its nanoseconds; slot is that of its seconds, and parent its own
}

// pick leads to one element of a list, or to the value of a key of a map.
type pick struct {
	index int
	key   string // of a map, as JSON would name it
	// element is how the value is read: the step of the list, or that of the map's value.
	element *step
	// in and rest are where the path goes on, in a frame of their own; nil: it ends here.
	in   *node
	rest *leaf
}

// plan is what is read of one message for the columns of a Config.
type plan struct {
	message protoreflect.MessageDescriptor
	root    *node
	leaves  []leaf // :: column
	each    *each  // nil: a record is one row
}

// newPlan makes the plan of a message. A path of the record itself gets a leaf that is not used.
func newPlan(m protoreflect.MessageDescriptor, row *decode.Row) *plan {
	cells := row.Cells
	p := &plan{message: m, root: newNodes().path(m), leaves: make([]leaf, len(cells))}
	for k := range cells {
		if path := cells[k].From(); path.Meta == "" && path.Array == nil {
			p.leaves[k] = p.root.leaf(p.root, path.Steps, none, "", cells[k].Type)
		}
	}
	if array, name, ok := row.Explodes(); ok {
		p.explode(array, name, row)
	}
	p.root.slots = max(p.root.slots, 1) // a leaf that is not used looks at the first
	p.root.clear()
	return p
}

// leaf gives the field of a path a slot of frame, and returns where it is.
func (n *node) leaf(frame *node, path []decode.Step, parent int32, above string, t fencepost.Type) leaf {
	f := n.of.Fields().ByName(protoreflect.Name(path[0].Name))
	if f == nil {
		return leaf{parent: parent}
	}
	s, rest := n.step(uint64(f.Number())), path[1:]
	at := above + path[0].String()
	if above == "" {
		at = decode.Literal(path[0].Name)
	}
	if s.slot == none {
		s.slot = int32(frame.slots)
		frame.slots++
	}
	l := leaf{step: s, slot: s.slot, parent: parent}
	isWrapper := len(rest) == 0 && s.form == single && s.known == wrapper
	if isWrapper {
		rest = []decode.Step{{Name: string(s.shape.of.Fields().Get(0).Name()), Index: -1}}
	}
	switch {
	case len(rest) == 0 && s.form == single && s.known == timestamp && t == fencepost.Timestamp:
		seconds := n.through(s, frame, at, "seconds")
		return leaf{step: s, slot: seconds.slot, nanos: n.through(s, frame, at, "nanos").slot, parent: s.slot, above: parent, must: s.must, quick: quickInstant}
	case len(rest) == 0:
		s.keeps, l.quick = keepsOf(f), quickOf(s, t)
	case s.form == list && rest[0].Index >= 0 || s.form == dict && rest[0].Index < 0:
		s.keeps = all
		l.pick, l.astray = n.pick(s, rest, at+rest[0].String(), t)
	case s.form == single && s.shape != nil && rest[0].Index < 0:
		l = n.inner(s).leaf(frame, rest, s.slot, at, t)
		if isWrapper {
			l.above, l.must = parent, s.must
		}
	default:
		l.astray = goesOn(at, s)
	}
	return l
}

// through gives a field of a message a slot of frame.
func (n *node) through(s *step, frame *node, at, name string) leaf {
	return n.inner(s).leaf(frame, []decode.Step{{Name: name, Index: -1}}, s.slot, at, fencepost.Int)
}

// inner is the node of a message that a path goes through.
func (n *node) inner(s *step) *node {
	if s.keeps == nothing { // whether the message is there decides about what is in it
		s.keeps = theLast
	}
	if s.inner.way != toTake {
		s.inner = n.set.path(s.shape.of)
	}
	return s.inner
}

// pick follows a path into the elements of a list or a map.
func (n *node) pick(s *step, path []decode.Step, at string, t fencepost.Type) (*pick, string) {
	p := &pick{index: path[0].Index, key: path[0].Name, element: s}
	if s.form == dict {
		entry := s.entry()
		if !isKey(entry.steps[1].kind, p.key) {
			return nil, fmt.Sprintf("%s: %s is no key of its map", at, strconv.Quote(p.key))
		}
		p.element = &entry.steps[2]
	}
	if len(path) == 1 {
		return p, ""
	}
	if p.element.shape == nil || path[1].Index >= 0 {
		return nil, fmt.Sprintf("%s is %s, where the path goes on", at, wordOf(p.element))
	}
	p.in = n.set.path(p.element.shape.of)
	rest := p.in.leaf(p.in, path[1:], none, at, t)
	p.in.clear()
	p.rest = &rest
	return p, rest.astray
}

// goesOn says why a path ends too early.
func goesOn(at string, s *step) string {
	switch s.form {
	case list:
		return at + " is a list, where the path goes on"
	case dict:
		return at + " is a map, where the path goes on"
	case single:
	}
	return fmt.Sprintf("%s is %s, where the path goes on", at, wordOf(s))
}

// wordOf is what a value of a field is, for people.
func wordOf(s *step) string {
	switch {
	case s.shape != nil:
		return "message " + string(s.shape.of.FullName())
	case s.kind == protoreflect.EnumKind:
		return "enum " + string(s.field.Enum().FullName())
	}
	switch word := s.kind.String(); {
	case s.kind == protoreflect.BytesKind:
		return word
	case word[0] == 'i':
		return "an " + word
	default:
		return "a " + word
	}
}

// entry is the shape of a map's entries: its steps are that of the key and that of the value.
func (s *step) entry() *node {
	n := s.shape
	if n.steps == nil {
		n.build()
	}
	return n
}

// isKey reports whether a name in a path can be the key of a map.
func isKey(k protoreflect.Kind, name string) bool {
	switch k {
	case protoreflect.StringKind:
		return true
	case protoreflect.BoolKind:
		return name == "true" || name == "false"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(name, 10, 64)
		return err == nil && strconv.FormatUint(n, 10) == name
	}
	n, err := strconv.ParseInt(name, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == name
}
