package decode

import (
	"errors"

	"github.com/fencepost/fencepost"
)

// Func makes decoders of a function that is called once per record with all there is of it, from topic to headers: it
// appends exactly one value to each column, by the Append function of the column's type. All lanes call it, so it must be
// safe for concurrent use. The record's slices are valid until it returns, and the columns copy what is appended.
//
// An error it returns makes the record bad, with the error's text as the reason, and so does a row it leaves incomplete.
// An error that wraps a *[fencepost.BadRecord] is that bad record; behind one that wraps [fencepost.ErrNoRow] the record
// makes no row. The error of Func itself joins one *FieldError for each error of the columns.
func Func(columns []fencepost.ColumnSpec, f func(r *fencepost.Record, columns []fencepost.Column) error) (Factory, error) {
	if err := checkColumns(columns); err != nil {
		return nil, err
	}
	columns = append([]fencepost.ColumnSpec(nil), columns...)
	return func() fencepost.Decoder { return &function{columns, f} }, nil
}

// function is the decoder of a function.
type function struct {
	columns []fencepost.ColumnSpec
	f       func(*fencepost.Record, []fencepost.Column) error
}

// Columns are the columns that the function fills.
func (d *function) Columns() []fencepost.ColumnSpec { return d.columns }

// Decode calls the function and counts what it appended: a row too few would give every later record the values of
// its neighbour.
func (d *function) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	columns = columns[:len(d.columns)]
	before := columns[0].Len()
	if err := d.f(r, columns); err != nil {
		var b *fencepost.BadRecord
		if errors.Is(err, fencepost.ErrNoRow) {
			return fencepost.ErrNoRow
		}
		if errors.As(err, &b) {
			return b
		}
		return bad("%v", err)
	}
	for i := range columns {
		if n := columns[i].Len() - before; n != 1 {
			return bad("the decode function appended %d values to column %s, not 1", n, columns[i].Name)
		}
	}
	return nil
}
