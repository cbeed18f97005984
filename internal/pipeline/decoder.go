package pipeline

import (
	"encoding/json"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/protobuf"
	"github.com/fencepost/fencepost/decode/registry"
)

// decoder makes the decoder that the file describes. unknown is called with each field that the schema does not take, once;
// fill receives what the first records fill. Both may be nil. schemas has the schemas of records; nil for a decoder that decodes nothing.
func (f *File) decoder(unknown decode.UnknownFunc, fill *decode.Fill, schemas *schemas) (decode.Factory, error) {
	if f.Decode == "raw" {
		column := decode.RawColumn()
		if len(f.Schema) == 1 {
			column = fencepost.ColumnSpec{Name: f.Schema[0].Name, Type: f.Schema[0].Type}
		}
		return decode.Raw(column)
	}
	config := decode.Config{Unknown: unknown, Fill: fill}
	if f.RefuseUnknown {
		config.UnknownFields = decode.RefuseUnknown
	}
	config.Tombstone = map[string]decode.Tombstone{"skip": decode.SkipTombstone, "nulls": decode.NullsTombstone}[f.Tombstone]
	config.Fields = f.fields()
	if f.Decode == "protobuf" && schemas != nil {
		return protobuf.New(schemas.protobuf(f, config))
	}
	factory, err := decode.JSON(config) // whose columns are those of every format
	if err != nil || f.Decode == "json" || schemas == nil {
		return factory, err
	}
	return registry.JSONSchema(f.Registry.Framing(), schemas.registry, factory), nil
}

// fields are the columns in the decoder's words.
func (f *File) fields() (fields []decode.Field) {
	for _, c := range f.Schema {
		unit, _ := decode.ParseUnit(c.Unit)
		fields = append(fields, decode.Field{Column: c.Name, Type: c.Type, From: c.From, Unit: unit,
			Missing: c.Missing.rule(c.Type), Mismatch: c.Mismatch.rule(c.Type)})
	}
	return fields
}

// rule is a stance in the decoder's words. A value is JSON there; here a text needs no quotes.
func (s Stance) rule(t fencepost.Type) decode.Rule {
	switch {
	case s.Null:
		return decode.Null()
	case s.Table:
		return decode.Absent()
	case !s.Given:
		return decode.Rule{}
	}
	switch t {
	case fencepost.Text, fencepost.Timestamp, fencepost.Bytes, fencepost.Date, fencepost.Time, fencepost.UUID:
		quoted, _ := json.Marshal(s.Value) // a string always marshals
		return decode.Default(string(quoted))
	}
	return decode.Default(s.Value)
}

// Columns is what the file's decoder makes of a record.
func (f *File) Columns() []fencepost.ColumnSpec {
	factory, err := f.decoder(nil, nil, nil)
	if err != nil {
		return nil // Parse has refused such a file
	}
	return factory().Columns()
}
