package expression

import (
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
)

// Row is where a program finds its values: a row of a batch, or one that a decoder has just made of a record.
type Row struct {
	Columns []fencepost.Column
	At      int               // the row in Columns
	Record  *fencepost.Record // of which the metadata is; nil: they are the batch's
	InOrder bool              // Columns begin with those of Compile, in their order
	batch   *fencepost.Batch
}

// input is a column that a program names.
type input struct {
	fencepost.ColumnSpec
	guarded bool // the program looks whether it is null
	place   int  // where the column most likely is
}

// column is the input's column in a row.
func (in *input) column(r *Row) (*fencepost.Column, error) {
	if in.place < len(r.Columns) && (r.InOrder || r.Columns[in.place].Name == in.Name) {
		return &r.Columns[in.place], nil
	}
	return in.search(r)
}

// search looks for the column by its name.
func (in *input) search(r *Row) (*fencepost.Column, error) {
	for i := range r.Columns {
		if r.Columns[i].Name == in.Name {
			return &r.Columns[i], nil
		}
	}
	return nil, fmt.Errorf("the batch has no column %s", in.Name)
}

// value is one column of a row as the language has it, nil for a null.
func (in *input) value(r *Row) (any, error) {
	if v, is := r.metadata(in.Name); is {
		return v, nil
	}
	c, err := in.column(r)
	if err != nil || c.Null(r.At) {
		return nil, err
	}
	switch c.Type {
	case fencepost.Int:
		return int(c.Int(r.At)), nil
	case fencepost.Float:
		return c.Float(r.At), nil
	case fencepost.Bool:
		return c.Bool(r.At), nil
	case fencepost.Timestamp:
		return time.UnixMicro(c.Micros(r.At)).UTC(), nil
	case fencepost.Text, fencepost.Decimal, fencepost.JSON, fencepost.Bytes, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return c.Text(r.At), nil
}

// metadata is the value of a metadata column that is no column of the row. is: the name is one.
func (r *Row) metadata(name string) (v any, is bool) {
	if name == "" || name[0] != '_' {
		return nil, false
	}
	if rec := r.Record; rec != nil {
		switch name {
		case fencepost.MetaTopic:
			return rec.Topic, true
		case fencepost.MetaPartition:
			return int(rec.Partition), true
		case fencepost.MetaOffset:
			return int(rec.Offset), true
		case fencepost.MetaTimestamp:
			return time.UnixMilli(rec.Timestamp).UTC(), true
		case fencepost.MetaHeaders:
			return string(fencepost.AppendHeaders(nil, rec.Headers)), true
		case fencepost.MetaKey:
			if rec.Key == nil {
				return nil, true
			}
			return string(rec.Key), true
		}
		return nil, false
	}
	switch name {
	case fencepost.MetaTopic:
		return partition(r.batch, r.At).Topic, true
	case fencepost.MetaPartition:
		return int(partition(r.batch, r.At).Partition), true
	case fencepost.MetaOffset:
		return int(r.batch.Offsets[r.At]), true
	case fencepost.MetaTimestamp:
		return time.UnixMilli(r.batch.Times[r.At]).UTC(), true
	}
	return nil, false
}

// partition is that of a row.
func partition(b *fencepost.Batch, row int) fencepost.TopicPartition {
	for i := range b.Segments {
		if s := &b.Segments[i]; row >= s.Lo && row < s.Hi {
			return s.TopicPartition
		}
	}
	return fencepost.TopicPartition{}
}
