package avro

import (
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Compare finds the columns that no record of a schema can fill, where the column's rules make bad records of that: its field is not
// there, or its type fits no value of the field. It says nothing of single values: a string may be a timestamp or not. REQUIRES:
// decode.NewLayout takes the columns.
func Compare(s *Schema, c decode.Config) (faults []*decode.FieldError) {
	layout, err := decode.NewLayout(c)
	if err != nil {
		return nil // whoever asks has been told
	}
	cells := layout.Row().Cells
	p := compile(s, cells)
	if c.UnknownFields == decode.RefuseUnknown && len(p.unknown) > 0 {
		faults = append(faults, &decode.FieldError{Key: "unknown_fields", Help: "a column for it, or unknown_fields: ignore",
			Reason: fmt.Sprintf("field %s is in no column, and unknown fields are refused", decode.Literal(p.unknown[0]))})
	}
	if _, name, ok := layout.Row().Explodes(); ok && !slices.ContainsFunc(p.steps, func(s step) bool { return s.op == opEach }) {
		faults = append(faults, &decode.FieldError{Key: "explode", Help: "the path of an array", Reason: p.notArray(name)})
	}
	for k := range cells {
		if fault := p.never(k, &cells[k]); fault != nil {
			faults = append(faults, fault)
		}
	}
	return faults
}

// notArray says what stands in the place of the array by which records are exploded.
func (p *plan) notArray(name string) string {
	for i, s := range p.steps {
		if s.op == opNotArray {
			return p.paths[i]
		}
	}
	return name + " is not in the schema"
}

// never says why no value fits a column; nil: one may, or its rules forgive that none does.
func (p *plan) never(k int, c *decode.Cell) *decode.FieldError {
	missing, reason := false, ""
	for i, s := range p.steps {
		switch {
		case s.col != k || s.op == opNull:
		case s.op == opMissing:
			missing = true
		case s.op == opMismatch:
			reason = p.paths[i]
		default:
			return nil
		}
	}
	name, of := c.Column, ""
	if from := c.Field.From; from != "" && from != name {
		name, of = from, "field "+from+": "
	}
	switch {
	case reason != "" && !c.Forgives():
		return &decode.FieldError{Column: c.Column, Key: "type", Reason: of + reason, Help: "another type or from, or mismatch: for what it cannot have"}
	case reason == "" && missing && c.Field.Missing == (decode.Rule{}):
		return &decode.FieldError{Column: c.Column, Key: "from", Reason: "field " + name + " is not in the schema", Help: "another from, or missing: for what is not there"}
	}
	return nil
}

// Columns are the columns of a schema: one for each field of a record, of the type that holds it exactly. What has parts is json, and so
// is a union of several types that no other type holds.
func Columns(s *Schema) []decode.Inferred {
	root := s.root
	if of, _, ok := root.nullable(); ok {
		root = of
	}
	if root.kind != recordKind {
		return []decode.Inferred{infer("value", s.root)}
	}
	var columns []decode.Inferred
	taken := map[string]bool{}
	for _, f := range root.fields {
		c := infer(decode.ColumnName(f.name, taken), f.node)
		if c.Column != f.name {
			c.From = decode.Literal(f.name)
		}
		columns = append(columns, c)
	}
	return columns
}

func infer(name string, n *node) decode.Inferred {
	c := decode.Inferred{Comment: n.String()}
	c.Column, c.Type = name, n.column()
	if of, _, ok := n.nullable(); ok {
		c.Comment = of.String() + ", or null"
	}
	return c
}

// column is the type of the column that holds all values of a type.
func (n *node) column() fencepost.Type {
	switch n.meaning {
	case decimal, scaled, unsigned:
		return fencepost.Decimal
	case day:
		return fencepost.Date
	case clock:
		return fencepost.Time
	case instant:
		return fencepost.Timestamp
	case uuid:
		return fencepost.UUID
	case duration:
		return fencepost.JSON
	}
	switch n.kind {
	case booleanKind:
		return fencepost.Bool
	case intKind, longKind:
		return fencepost.Int
	case floatKind, doubleKind:
		return fencepost.Float
	case stringKind, enumKind:
		return fencepost.Text
	case bytesKind, restKind, fixedKind:
		return fencepost.Bytes
	case unionKind:
		return n.common()
	}
	return fencepost.JSON
}

// common is the type of the column that holds all branches of a union.
func (n *node) common() fencepost.Type {
	types := map[fencepost.Type]bool{}
	for _, b := range n.branches {
		if b.kind != nullKind {
			types[b.column()] = true
		}
	}
	if len(types) == 1 {
		for t := range types {
			return t
		}
	}
	return fencepost.JSON
}
