package sqlstore

import (
	"slices"

	"github.com/fencepost/fencepost"
)

// Pair is a column type of a schema and a column type of a table that go together. Kind says how such a value is written.
type Pair[K any] struct {
	From fencepost.Type
	To   string
	Kind K
}

// Pairs is every pair that a database allows. Any other pair is a finding of `check`.
type Pairs[K any] []Pair[K]

// Kind returns how a pair is written. ok: the pair is allowed.
func (list Pairs[K]) Kind(from fencepost.Type, to string) (k K, ok bool) {
	i := slices.IndexFunc(list, func(p Pair[K]) bool { return p.From == from && p.To == to })
	if i < 0 {
		return k, false
	}
	return list[i].Kind, true
}

// Takes reports whether a pair is allowed.
func (list Pairs[K]) Takes(from fencepost.Type, to string) bool {
	_, ok := list.Kind(from, to)
	return ok
}

// Fitting lists what a column type may go into.
func (list Pairs[K]) Fitting(from fencepost.Type) (names []string) {
	for _, p := range list {
		if p.From == from {
			names = append(names, p.To)
		}
	}
	return names
}

// Source says where a field's values come from.
type Source uint8

// The sources of values.
const (
	FromColumn    Source = iota // a Column of the batch, by name
	FromTopic                   // the Segment's topic
	FromPartition               // the Segment's partition
	FromOffset                  // Batch.Offsets
	FromTime                    // Batch.Times
	FromRow                     // the row's number in the batch
	FromAbsence                 // whether the row of the Column that Of names is absent
	FromDelete                  // whether the row of the Column that Of names is fencepost.OpDelete
	FromUnchanged               // whether the row of the Column that Of names is unchanged
)

// Field is one column that is written.
type Field[K any] struct {
	Name string
	From Source
	Kind K
	Type string // the column's, as SQL
	Of   string // of FromAbsence, FromDelete and FromUnchanged
	// Default is the default of the table's column, as SQL, for a temporary table; empty: null.
	Default string
}

// Names lists the names of fields.
func Names[K any](fields []Field[K]) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Fields returns the columns of a batch, and those metadata columns that a batch has without a Column and that want names.
// into returns the type and the kind that a column is written as. ok is false for a column that is not written.
func Fields[K any](columns []fencepost.ColumnSpec, want func(name string) bool, into func(fencepost.ColumnSpec) (sql string, k K, ok bool)) (fields []Field[K]) {
	for _, c := range slices.Concat(columns, meta(func(m fencepost.ColumnSpec) bool { return SourceOf(m.Name) != FromColumn && want(m.Name) })) {
		if sql, k, ok := into(c); ok {
			fields = append(fields, Field[K]{Name: c.Name, From: SourceOf(c.Name), Kind: k, Type: sql})
		}
	}
	return fields
}

// FieldsOf returns the columns of a table that a batch of these columns fills. REQUIRES: the table takes them.
func FieldsOf[K any](t *Target, columns []fencepost.ColumnSpec, pairs Pairs[K]) []Field[K] {
	return Fields(columns, t.Has, func(c fencepost.ColumnSpec) (sql string, k K, ok bool) {
		col := t.Column(c.Name)
		if col == nil {
			return "", k, false // _key or _headers that an earlier schema of the table asked for
		}
		k, _ = pairs.Kind(c.Type, col.Type)
		return col.SQL, k, true
	})
}

// meta returns the metadata columns that want chooses.
func meta(want func(fencepost.ColumnSpec) bool) (specs []fencepost.ColumnSpec) {
	for _, m := range fencepost.MetaColumns() {
		if want(m) {
			specs = append(specs, m)
		}
	}
	return specs
}

// SourceOf returns where the values of a column come from, by its name.
func SourceOf(name string) Source {
	switch name {
	case fencepost.MetaTopic:
		return FromTopic
	case fencepost.MetaPartition:
		return FromPartition
	case fencepost.MetaOffset:
		return FromOffset
	case fencepost.MetaTimestamp:
		return FromTime
	}
	return FromColumn
}

// Specs returns the names and types of a batch's columns.
func Specs(columns []fencepost.Column) []fencepost.ColumnSpec {
	specs := make([]fencepost.ColumnSpec, len(columns))
	for i := range columns {
		specs[i] = columns[i].Spec()
	}
	return specs
}

// SameColumns reports whether a batch's columns are these.
func SameColumns(specs []fencepost.ColumnSpec, columns []fencepost.Column) bool {
	return slices.EqualFunc(specs, columns, func(s fencepost.ColumnSpec, c fencepost.Column) bool {
		return s == c.Spec()
	})
}
