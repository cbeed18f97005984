package protobuf

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost/decode"
)

// node says how the fields of one message are read: a step for each. It is made for one decoder. There are three ways to make one,
// since a message is read for three reasons:
//
//	toCheck   no field is kept, and every message inside is looked into: what no column takes is valid all the same
//	toTake    the same, with slots for what columns take
//	toShow    every field is kept, and nothing inside is looked into: for JSON, of bytes that were checked before
type node struct {
	of  protoreflect.MessageDescriptor
	set *nodes
	way way
	// steps: the first is that of unknown fields, the others are in the order of the descriptor. nil: build makes them when the
	// message is met, for a schema may have thousands of messages, and one may hold itself.
	steps []step
	table []*step          // :: number -> step, of low numbers
	rest  map[uint64]*step // :: number -> step, of the others
	slots int              // how many slots a frame of a shape has
	// unknown is called for a field that the descriptor does not have; stranger for one that no column takes. nil: nobody wants
	// to know.
	unknown  func(number uint64)
	stranger func(*step)
}

// way is what a node is made for.
type way uint8

const (
	toCheck way = iota
	toShow
	toTake
)

// step is how one field is read.
type step struct {
	wire    uint8
	keeps   keeps
	isText  bool  // UTF-8
	checks  bool  // bytes are looked into: isText, or inner
	packs   bool  // many values may be in one
	first   bool  // before has something to do
	inner   *node // of a message: what is looked into
	slot    int32
	clears  []int32 // slots of the other fields of the same oneof
	strange bool    // no column takes it, and that is to be reported

	name  string
	label []byte // "name": in JSON
	kind  protoreflect.Kind
	form  form
	field protoreflect.FieldDescriptor // nil: of unknown fields
	shape *node                        // of a message, for JSON
	known known                        // of a message
	// How the field is when it is not there: it has the zero value of its kind, or none, or every record must have it.
	zero, must bool
}

// form is how many values a field has.
type form uint8

const (
	single form = iota
	list
	dict
)

// keeps is which occurrences of a field are kept.
type keeps uint8

const (
	nothing keeps = iota
	theLast
	all
)

// mostInTable bounds a table. Numbers above are looked up in a map.
const mostInTable = 256

// step returns the step of a number; the first one for a number that is none of the message's.
func (n *node) step(number uint64) *step {
	if number < uint64(len(n.table)) {
		return n.table[number]
	}
	if s, ok := n.rest[number]; ok {
		return s
	}
	return &n.steps[0]
}

// nodes are the nodes of one decoder, each message's made once.
type nodes struct {
	checked map[protoreflect.FullName]*node
	shapes  map[protoreflect.FullName]*node
}

func newNodes() *nodes {
	return &nodes{map[protoreflect.FullName]*node{}, map[protoreflect.FullName]*node{}}
}

// check is the node of a message that no column takes anything of.
func (s *nodes) check(m protoreflect.MessageDescriptor) *node {
	return s.get(s.checked, m, toCheck)
}

// whole is the node of a message that becomes JSON.
func (s *nodes) whole(m protoreflect.MessageDescriptor) *node {
	return s.get(s.shapes, m, toShow)
}

func (s *nodes) get(in map[protoreflect.FullName]*node, m protoreflect.MessageDescriptor, w way) *node {
	n := in[m.FullName()]
	if n == nil {
		n = &node{of: m, set: s, way: w}
		in[m.FullName()] = n
	}
	return n
}

// path is a node of its own, for columns that take something of a message.
func (s *nodes) path(m protoreflect.MessageDescriptor) *node {
	n := &node{of: m, set: s, way: toTake}
	n.build()
	return n
}

// build makes the steps.
func (n *node) build() {
	fields := n.of.Fields()
	n.steps = make([]step, 1, fields.Len()+1)
	n.steps[0].wire, n.steps[0].slot = wireNone, none
	low := 0
	for i := range fields.Len() {
		f := fields.Get(i)
		s := n.set.stepOf(f)
		if n.way == toShow {
			s.inner, s.isText, s.slot, s.keeps = nil, false, int32(i), keepsOf(f)
		}
		s.checks = s.isText || s.inner != nil
		n.steps = append(n.steps, s)
		if f.Number() < mostInTable {
			low = max(low, int(f.Number())+1)
		}
	}
	n.table = make([]*step, low)
	for i := range n.table {
		n.table[i] = &n.steps[0]
	}
	for i := 1; i < len(n.steps); i++ {
		s := &n.steps[i]
		number := s.field.Number()
		if int(number) < low {
			n.table[number] = s
			continue
		}
		if n.rest == nil {
			n.rest = map[uint64]*step{}
		}
		n.rest[uint64(number)] = s
	}
	if n.way == toShow {
		n.slots = fields.Len()
		n.clear()
	}
}

// stepOf is the step that checks a field and keeps nothing.
func (s *nodes) stepOf(f protoreflect.FieldDescriptor) step {
	st := step{name: string(f.Name()), kind: f.Kind(), field: f, wire: wireOf(f.Kind()), slot: none,
		zero: !f.HasPresence(), must: f.Cardinality() == protoreflect.Required}
	switch {
	case f.IsMap():
		st.form = dict
	case f.IsList():
		st.form = list
	}
	st.label = append(decode.AppendQuoted(nil, []byte(st.name)), ':')
	st.isText = st.kind == protoreflect.StringKind
	st.packs = f.IsList() && st.wire != wireBytes && st.wire != wireStartGroup
	if m := f.Message(); m != nil {
		st.inner, st.shape, st.known = s.check(m), s.whole(m), knownOf(m)
	}
	return st
}

// keepsOf is what is kept of a field that is wanted: a message that comes twice is merged, so that all of it is kept.
func keepsOf(f protoreflect.FieldDescriptor) keeps {
	if f.IsList() || f.Message() != nil {
		return all
	}
	return theLast
}

// wireOf is the wire type of a kind.
func wireOf(k protoreflect.Kind) uint8 {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return wireFixed32
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return wireFixed64
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return wireBytes
	case protoreflect.GroupKind:
		return wireStartGroup
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind:
	}
	return wireVarint
}

// clear lets each field of a oneof empty the slots of the others. It is called once all slots are given.
func (n *node) clear() {
	for i := range n.steps {
		s := &n.steps[i]
		if s.inner != nil && s.inner.way == toTake {
			s.inner.clear()
		}
		if s.field == nil || s.field.ContainingOneof() == nil {
			continue
		}
		s.clears = nil
		for k := range n.steps {
			if other := &n.steps[k]; k != i && other.field != nil && other.field.ContainingOneof() == s.field.ContainingOneof() {
				s.clears = other.under(s.clears)
			}
		}
		s.first = s.strange || len(s.clears) > 0
	}
}

// before does what a field means for others, and for who wants to know of it, before its value is read.
func (n *node) before(s *step, slots []slot) {
	for _, k := range s.clears {
		slots[k] = slot{}
	}
	if s.strange {
		n.stranger(s)
		s.first = s.strange || len(s.clears) > 0
	}
}

// under appends the slots of a field, and of what is in it.
func (s *step) under(slots []int32) []int32 {
	if s.slot >= 0 {
		slots = append(slots, s.slot)
	}
	if s.inner == nil || s.inner.way != toTake {
		return slots
	}
	for i := range s.inner.steps {
		slots = s.inner.steps[i].under(slots)
	}
	return slots
}
