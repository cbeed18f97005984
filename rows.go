package fencepost

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"
)

// Rows is a batch whose rows are read as values of a struct: one exported field a column. A field's column has the name
// of its json tag, or the field's own name; the tag "-" leaves it out.
//
//	string  text      float64  float      time.Time        timestamp, UTC
//	int64   int       bool     bool       json.RawMessage  json
//	int     int       []byte   bytes      a pointer to one of these is nil for null
//
// For other types (decimals as digits), and where an allocation for each row is too much, read the Batch.
type Rows[T any] struct {
	batch  *Batch
	fields []rowField
}

// At says which record a row came from.
type At struct {
	TopicPartition
	Offset Offset
	Time   time.Time // the record's timestamp, UTC
}

// ReadRows reads the rows of a batch as values of T. The batch may have more columns than T has fields.
//
// Errors: *BadRecord for a null in a column whose field is no pointer, with its record's place; plain ones for a field
// without a column, a column of another type, a type that a field cannot have.
func ReadRows[T any](b *Batch) (Rows[T], error) {
	fields, err := fieldsOf(reflect.TypeFor[T]())
	if err != nil {
		return Rows[T]{}, err
	}
	for i := range fields {
		f := &fields[i]
		switch f.from = b.Column(f.Name); {
		case f.from == nil:
			return Rows[T]{}, fmt.Errorf("the batch has no column %s for the field %s", f.Name, f.path)
		case f.from.Type != f.Type:
			return Rows[T]{}, fmt.Errorf("column %s is %s, and the field %s takes %s", f.Name, f.from.Type, f.path, f.Type)
		case f.optional || !f.from.HasNulls():
			continue
		}
		for row, tp := range b.All() {
			if f.from.Null(row) {
				return Rows[T]{}, &BadRecord{Code: "record-refused",
					Reason: fmt.Sprintf("column %s is null at %s, offset %d, and the field %s is no pointer", f.Name, tp, b.Offsets[row], f.path)}
			}
		}
	}
	return Rows[T]{batch: b, fields: fields}, nil
}

// All yields each row with its record's place, in the batch's order. The values are copies, and may be kept.
func (r Rows[T]) All() iter.Seq2[At, T] {
	return func(yield func(At, T) bool) {
		for row, tp := range r.batch.All() {
			var value T
			into := reflect.ValueOf(&value).Elem()
			for i := range r.fields {
				r.fields[i].fill(into, row)
			}
			if !yield(At{tp, r.batch.Offsets[row], time.UnixMilli(r.batch.Times[row]).UTC()}, value) {
				return
			}
		}
	}
}

// Batch is the batch itself, for a handler that wants columns.
func (r Rows[T]) Batch() *Batch { return r.batch }

// StructColumns is the columns of T's fields, in their order: those that are in every record, and those that may be
// missing or null, whose fields are pointers.
//
// Errors: T is no struct, or has no field; a field's type has no column type; two fields have one column.
func StructColumns[T any]() (required, optional []ColumnSpec, err error) {
	fields, err := fieldsOf(reflect.TypeFor[T]())
	for _, f := range fields {
		if f.optional {
			optional = append(optional, f.ColumnSpec)
			continue
		}
		required = append(required, f.ColumnSpec)
	}
	return required, optional, err
}

// rowField is one field of a struct and the column it takes.
type rowField struct {
	ColumnSpec
	path     string // Flight.Delay, for errors
	index    int
	optional bool // a pointer
	from     *Column
}

// fieldsOf joins all errors of a struct's fields.
func fieldsOf(t reflect.Type) (fields []rowField, err error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("rows are read into a struct, and %s is none", t)
	}
	var errs []error
	taken := map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		path := t.Name() + "." + f.Name
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" && options == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		of := f.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		typ, ok := columnType(of)
		switch other := taken[name]; {
		case f.Anonymous || !ok:
			errs = append(errs, fmt.Errorf("the field %s is a %s, which no column type fits", path, f.Type))
		case strings.Contains(options, "string"):
			errs = append(errs, fmt.Errorf("the field %s has the json option string: a number in quotes is text to a decoder", path))
		case other != "":
			errs = append(errs, fmt.Errorf("the fields %s and %s both take the column %s", other, path, name))
		}
		taken[name] = path
		fields = append(fields, rowField{ColumnSpec{Name: name, Type: typ}, path, i, of != f.Type, nil})
	}
	if len(fields) == 0 {
		errs = append(errs, fmt.Errorf("%s has no exported field", t))
	}
	return fields, errors.Join(errs...)
}

// columnType is the type of the column that fits a field.
func columnType(t reflect.Type) (typ Type, ok bool) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return Timestamp, true
	case t.PkgPath() == "encoding/json" && t.Name() == "RawMessage":
		return JSON, true
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return Bytes, true
	}
	switch t.Kind() {
	case reflect.String:
		return Text, true
	case reflect.Int64, reflect.Int:
		return Int, true
	case reflect.Float64:
		return Float, true
	case reflect.Bool:
		return Bool, true
	}
	return 0, false
}

// fill sets the field of a struct to a row's value.
func (f *rowField) fill(value reflect.Value, row int) {
	into := value.Field(f.index)
	if f.optional {
		if f.from.Null(row) {
			return
		}
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	switch f.Type {
	case Text:
		into.SetString(string(f.from.Bytes(row)))
	case Int:
		into.SetInt(f.from.Int(row))
	case Float:
		into.SetFloat(f.from.Float(row))
	case Bool:
		into.SetBool(f.from.Bool(row))
	case Timestamp:
		into.Set(reflect.ValueOf(time.UnixMicro(f.from.Micros(row)).UTC()))
	default:
		into.SetBytes(append([]byte{}, f.from.Bytes(row)...))
	}
}
