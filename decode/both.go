package decode

import (
	"errors"
	"slices"

	"github.com/fencepost/fencepost"
)

// Both makes decoders of a record's value and of its key: the columns of the value, and those of the key behind them, in one row. Of a
// record that the value's decoder explodes each row has the key's columns. The key's decoders are of a Config with Key, or of RawKey. Its
// error joins one *FieldError for each column that both make.
func Both(value, key Factory) (Factory, error) {
	of := value().Columns()
	columns := slices.Concat(of, key().Columns())
	var faults []error
	for _, c := range columns[len(of):] {
		if slices.ContainsFunc(of, func(o fencepost.ColumnSpec) bool { return o.Name == c.Name }) {
			faults = append(faults, &FieldError{Column: c.Name, Key: "name", Reason: "is of the value and of the key", Help: "rename one of them, and set from to the field's name"})
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return func() fencepost.Decoder { return &both{columns: columns, value: value(), key: key(), n: len(of)} }, nil
}

// both is the decoder of value and key.
type both struct {
	columns    []fencepost.ColumnSpec
	value, key fencepost.Decoder
	n          int // how many columns are the value's
}

// Columns are those of the value, then those of the key.
func (d *both) Columns() []fencepost.ColumnSpec { return d.columns }

// Decode appends the rows of the value, each with the key's columns. The key of a record that makes no row is not looked at.
func (d *both) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	before := columns[0].Len()
	if err := d.value.Decode(r, columns[:d.n]); err != nil {
		return err
	}
	keys := columns[d.n:len(d.columns)]
	if err := d.key.Decode(r, keys); err != nil {
		return ofKey(err)
	}
	rows := columns[0].Len() - before
	if rows == 1 {
		return nil
	}
	each := 0
	for i := range keys {
		each += sizeOfLast(&keys[i])
	}
	if each*rows > MaxExploded {
		return bad("the columns of its key take more than %d MiB in %d rows", MaxExploded>>20, rows)
	}
	for i := range keys {
		keys[i].Repeat(rows - 1)
	}
	return nil
}

// ofKey says of a bad record that its key is what is bad.
func ofKey(err error) error {
	b, ok := errors.AsType[*fencepost.BadRecord](err)
	if !ok {
		return err
	}
	return b.Because("key: " + b.Reason)
}

// RawKey makes decoders that give the record's key as it is, in one column: its bytes or its text, and in a column of another type what
// its text says, as JSON or as a string of JSON without quotes. A record without a key is what Missing says. Its error joins one
// *FieldError for each error of the field, whose From is empty.
func RawKey(f Field) (Factory, error) {
	if f.From != "" {
		return nil, &FieldError{Column: f.Column, Key: "from", Reason: "a raw key has no fields", Help: "leave it out"}
	}
	l, err := NewLayout(Config{Fields: []Field{f}, Key: true})
	if err != nil {
		return nil, err
	}
	return func() fencepost.Decoder { return rawKey{l.Row()} }, nil
}

// rawKey is the decoder of whole keys.
type rawKey struct{ *Row }

// Decode appends the record's key.
func (d rawKey) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	if r.Key == nil {
		return d.Empty(r, columns)
	}
	return d.Cells[0].outside(r.Key, true, &columns[0])
}
