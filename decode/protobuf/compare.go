package protobuf

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Compare finds the columns that no record of a message can fill: their field is not there, or their type cannot hold what it is. A column
// with a rule for a missing field may name one that the message does not have. REQUIRES: decode.NewLayout takes the schema.
func Compare(m protoreflect.MessageDescriptor, schema decode.Config) (faults []*decode.FieldError) {
	l, err := decode.NewLayout(schema)
	if err != nil {
		return nil // whoever asks has been told
	}
	row := l.Row()
	cells := row.Cells
	p := newPlan(m, row)
	if reason := p.neverExplodes(row); reason != "" {
		return []*decode.FieldError{{Key: "explode", Reason: reason, Help: "the path of a repeated field"}}
	}
	for k := range cells {
		c := &cells[k]
		if c.From().Meta != "" {
			continue
		}
		l := p.leaves[k].end()
		fault := func(key, reason, help string) {
			faults = append(faults, &decode.FieldError{Column: c.Column, Key: key, Reason: reason, Help: help})
		}
		switch {
		case l.astray != "":
			fault("from", l.astray, "end the path there, with type: json")
		case l.step == nil && c.Field.Missing == (decode.Rule{}):
			fault("from", fmt.Sprintf("message %s has no field for it", m.FullName()), "its fields are "+drafts(m)+"; or missing: null")
		case l.step != nil && !l.step.fits(l.isMany, c.Type, c.Unit):
			fault("type", fmt.Sprintf("%s does not fit %s", l.step.word(l.isMany), c.Type), "one of: "+strings.Join(l.step.types(l.isMany), " "))
		}
	}
	return faults
}

// neverExplodes says why no record has the list by which records are exploded; empty: one may.
func (p *plan) neverExplodes(row *decode.Row) string {
	switch _, name, ok := row.Explodes(); {
	case !ok:
		return ""
	case p.each.list.step == nil:
		return fmt.Sprintf("message %s has no field %s", p.message.FullName(), name)
	default:
		return p.each.fits
	}
}

// end is what a path ends at.
type end struct {
	step   *step // nil: nothing
	isMany bool  // all of a list or map, and not an element
	astray string
}

// end follows the picks of a leaf.
func (l *leaf) end() end {
	switch {
	case l.astray != "" || l.step == nil:
		return end{astray: l.astray}
	case l.pick == nil:
		return end{step: l.step, isMany: l.step.form != single}
	case l.pick.rest == nil:
		return end{step: l.pick.element}
	}
	return l.pick.rest.end()
}

// drafts are the first fields of a message, each with the type of a column that holds it.
func drafts(m protoreflect.MessageDescriptor) string {
	var all []string
	for i, c := range Columns(m) {
		if i == 10 {
			return strings.Join(all, ", ") + ", ..."
		}
		all = append(all, string(m.Fields().Get(i).Name())+": "+c.Type.String())
	}
	return strings.Join(all, ", ")
}

// word is what the values of a field are, for people.
func (s *step) word(isMany bool) string {
	switch {
	case isMany && s.form == dict:
		return "a map"
	case isMany:
		return "a list"
	}
	return wordOf(s)
}

// types are the words of the column types that a field fits, in a unit where that is what it takes.
func (s *step) types(isMany bool) (words []string) {
	for t, word := range fencepost.Types() {
		switch typ := fencepost.Type(t); {
		case s.fits(isMany, typ, decode.NoUnit):
			words = append(words, word)
		case typ == fencepost.Date && s.fits(isMany, typ, decode.Days), typ != fencepost.Date && s.fits(isMany, typ, decode.Seconds):
			words = append(words, word+" with unit")
		}
	}
	return words
}

// fits reports whether a column can hold any value of a field, as put has it.
func (s *step) fits(isMany bool, t fencepost.Type, u decode.Unit) bool {
	if t == fencepost.JSON {
		return true
	}
	if isMany {
		return false
	}
	is := func(types ...fencepost.Type) bool { return slices.Contains(types, t) }
	switch s.kind {
	case protoreflect.BoolKind:
		return is(fencepost.Bool)
	case protoreflect.StringKind:
		return is(fencepost.Text, fencepost.Timestamp, fencepost.Decimal, fencepost.Bytes, fencepost.Date, fencepost.Time, fencepost.UUID)
	case protoreflect.BytesKind:
		return is(fencepost.Bytes, fencepost.UUID)
	case protoreflect.EnumKind:
		return is(fencepost.Text, fencepost.Int, fencepost.Float, fencepost.Decimal)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return is(fencepost.Float, fencepost.Decimal) || u != decode.NoUnit && is(fencepost.Timestamp, fencepost.Date, fencepost.Time)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return s.meaningFits(t, u)
	}
	return is(fencepost.Int, fencepost.Float, fencepost.Decimal) || u != decode.NoUnit && is(fencepost.Timestamp, fencepost.Date, fencepost.Time)
}

// meaningFits is fits for what a message of google.protobuf means.
func (s *step) meaningFits(t fencepost.Type, u decode.Unit) bool {
	switch s.known {
	case timestamp:
		return t == fencepost.Timestamp
	case duration:
		return slices.Contains([]fencepost.Type{fencepost.Text, fencepost.Int, fencepost.Float, fencepost.Decimal}, t)
	case wrapper:
		return s.entry().steps[1].fits(false, t, u)
	case fieldMask:
		return t == fencepost.Text
	case ordinary, structure, value, values, anything:
	}
	return false
}

// Columns are the columns that a first draft of a pipeline makes of a message: one for each field on its top level, whose comment says what
// the field is.
func Columns(m protoreflect.MessageDescriptor) (columns []decode.Inferred) {
	set := newNodes()
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		s := set.stepOf(f)
		in := decode.Inferred{Comment: s.word(s.form != single)}
		in.Column, in.Type = s.name, s.drafted()
		if s.form == list {
			in.Comment = "a list, each " + wordOf(&s)
		}
		if strings.HasPrefix(s.name, "_") { // no column may
			in.Column, in.From = strings.TrimLeft(s.name, "_"), decode.Literal(s.name)
		}
		if in.Column == "" || slices.ContainsFunc(columns, func(other decode.Inferred) bool { return other.Column == in.Column }) {
			in.Column = fmt.Sprintf("field_%d", f.Number())
			in.From = decode.Literal(s.name)
		}
		if in.From == "" && decode.Literal(s.name) != s.name {
			in.From = decode.Literal(s.name)
		}
		columns = append(columns, in)
	}
	return columns
}

// drafted is the type that a field's column has in a draft: one that holds all of its values.
func (s *step) drafted() fencepost.Type {
	if s.form != single {
		return fencepost.JSON
	}
	switch s.kind {
	case protoreflect.BoolKind:
		return fencepost.Bool
	case protoreflect.StringKind, protoreflect.EnumKind:
		return fencepost.Text
	case protoreflect.BytesKind:
		return fencepost.Bytes
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return fencepost.Float
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return fencepost.Decimal
	case protoreflect.MessageKind, protoreflect.GroupKind:
		switch s.known {
		case timestamp:
			return fencepost.Timestamp
		case duration, fieldMask:
			return fencepost.Text
		case wrapper:
			return s.entry().steps[1].drafted()
		case ordinary, structure, value, values, anything:
		}
		return fencepost.JSON
	}
	return fencepost.Int
}
