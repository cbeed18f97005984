package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
)

// Typed is an optional ability of a Sink whose handler takes rows as a struct: it says which columns the struct wants.
// An engine that was given no decoder decodes JSON fields of these names.
type Typed interface {
	// RowColumns is the columns of the struct's fields, in order: those of every record, and those that may be missing
	// or null. Metadata columns are not among them.
	RowColumns() (required, optional []fencepost.ColumnSpec)
}

// Invalid is an optional ability of a Sink, and of a source, that was made without an error to return: the engine asks
// it before it begins. Of one whose Invalid is not nil only Close may be called besides.
type Invalid interface {
	Invalid() error
}

// ForRows is a sink for a handler that takes rows as values of T. It takes over what opening the other sink returned, so
// that a program names its sink in one expression; a handler of T reads its rows with ReadRows.
func ForRows[T any](s Sink, err error) Sink {
	t := &typed{}
	if err == nil {
		t.Sink = s
	}
	t.required, t.optional, t.err = fencepost.StructColumns[T]()
	t.err = errors.Join(err, t.err)
	meta := func(c fencepost.ColumnSpec) bool {
		is := c.Name == fencepost.MetaKey || c.Name == fencepost.MetaHeaders
		if is {
			t.meta = append(t.meta, c.Name)
		}
		return is
	}
	t.required, t.optional = slices.DeleteFunc(t.required, meta), slices.DeleteFunc(t.optional, meta)
	return t
}

// typed is the Sink of ForRows.
type typed struct {
	Sink
	required, optional []fencepost.ColumnSpec
	meta               []string
	err                error
}

var (
	_ Typed   = (*typed)(nil)
	_ Invalid = (*typed)(nil)
)

// Unwrap is the other sink.
func (t *typed) Unwrap() Sink { return t.Sink }

// Invalid is why the other sink could not be opened, or T read.
func (t *typed) Invalid() error { return t.err }

// Close closes the other sink, if it could be opened.
func (t *typed) Close() error {
	if t.Sink == nil {
		return nil
	}
	return t.Sink.Close()
}

// RowColumns are those of T.
func (t *typed) RowColumns() (required, optional []fencepost.ColumnSpec) {
	return t.required, t.optional
}

// Columns is the metadata columns that T has: a field for every record's key costs nothing where there is none.
//
// Errors: those of the other sink; *fencepost.UserError column-missing where the decoder does not make what T takes.
func (t *typed) Columns(ctx context.Context, columns []fencepost.ColumnSpec) ([]string, error) {
	if _, err := t.Sink.Columns(ctx, columns); err != nil {
		return nil, err
	}
	if err := t.takesDeletes(columns); err != nil {
		return nil, err
	}
	for _, c := range slices.Concat(t.required, t.optional) {
		if !slices.Contains(columns, c) {
			return nil, missing(fmt.Errorf("the handler's rows take a column %s of type %s, and the decoder makes none", c.Name, c.Type))
		}
	}
	return t.meta, nil
}

func missing(err error) error {
	return &fencepost.UserError{Code: "column-missing", Exit: 1, Err: err, Help: "give the decoder such a column, or take the field out of the struct"}
}

// OfRows makes a connector's handler of batches of one that takes rows as values of T. Tx is what the connector hands to
// a handler besides.
func OfRows[T, Tx any](f func(context.Context, Tx, fencepost.Rows[T]) error) func(context.Context, Tx, *fencepost.Batch) error {
	return func(ctx context.Context, tx Tx, b *fencepost.Batch) error {
		rows, err := ReadRows[T](b)
		if err != nil {
			return err
		}
		return f(ctx, tx, rows)
	}
}

// ReadRows is fencepost.ReadRows with the errors that a handler returns: a null that T has no place for is *Rejected, so
// that its record is found and parks its partition; a batch without T's columns is a *fencepost.UserError column-missing,
// which ends the run.
func ReadRows[T any](b *fencepost.Batch) (fencepost.Rows[T], error) {
	rows, err := fencepost.ReadRows[T](b)
	if bad, ok := errors.AsType[*fencepost.BadRecord](err); ok {
		return rows, &Rejected{Reason: bad.Reason, Hint: "make the field a pointer, which is nil for null"}
	}
	if err != nil {
		return rows, missing(err)
	}
	return rows, nil
}
