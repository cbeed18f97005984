package view

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
)

// CSV writes rows, a slice of structs, with a line of their columns before them. A column is named by the json tag of its
// field, one of a struct inside by both: position_offset. The tag csv:"-" leaves a field out, and csv:"offset fence" takes
// these fields of a struct alone. What is null in json is empty.
//
// Errors: those of w.
func CSV(w io.Writer, rows any) error {
	list := reflect.ValueOf(rows)
	out := csv.NewWriter(w)
	if err := out.Write(columns(nil, "", list.Type().Elem(), "")); err != nil {
		return err
	}
	for i := range list.Len() {
		if err := out.Write(cells(nil, list.Type().Elem(), list.Index(i), "")); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// taken calls do with each field that csv has, its name and what its tag csv says. some names the fields that are taken;
// empty: all.
func taken(t reflect.Type, some string, do func(f reflect.StructField, name, tag string)) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, tag := f.Tag.Get("json"), f.Tag.Get("csv")
		if !f.IsExported() || name == "-" || tag == "-" || some != "" && !slices.Contains(strings.Fields(some), name) {
			continue
		}
		do(f, name, tag)
	}
}

// nested reports whether a field's type is a struct with columns of its own, and not one that json writes as a value.
func nested(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct && !t.Implements(reflect.TypeFor[json.Marshaler]())
}

func columns(names []string, prefix string, t reflect.Type, some string) []string {
	taken(t, some, func(f reflect.StructField, name, tag string) {
		if inside, ok := nested(f.Type); ok {
			names = columns(names, prefix+name+"_", inside, tag)
			return
		}
		names = append(names, prefix+name)
	})
	return names
}

// cells are the values of a struct of type t; v is the zero Value for one that is null.
func cells(line []string, t reflect.Type, v reflect.Value, some string) []string {
	taken(t, some, func(f reflect.StructField, _, tag string) {
		field := reflect.Value{}
		if v.IsValid() {
			field = v.FieldByIndex(f.Index)
		}
		inside, ok := nested(f.Type)
		if field.IsValid() && field.Kind() == reflect.Pointer {
			field = field.Elem() // the zero Value for nil
		}
		switch {
		case ok:
			line = cells(line, inside, field, tag)
		case !field.IsValid():
			line = append(line, "")
		default:
			line = append(line, cell(field))
		}
	})
	return line
}

// cell is one value: a text as it is, all else as json writes it.
func cell(v reflect.Value) string {
	if w, ok := v.Interface().(Word); ok {
		return w.cell()
	}
	if v.Kind() == reflect.String {
		return v.String()
	}
	out, err := json.Marshal(v.Interface())
	if err != nil {
		panic("an answer can not be written: " + err.Error()) // law: its fields are numbers and words
	}
	if string(out) == "null" {
		return ""
	}
	return strings.Trim(string(out), `"`)
}
