package pipeline

import (
	"encoding/json"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/avro"
	"github.com/fencepost/fencepost/decode/registry"
)

// decoder makes the decoder that the file describes. unknown is called with each field that the schema does not take, once;
// fill receives what the first records fill. Both may be nil. schemas is asked for the ids of records; nil for a decoder that decodes nothing.
func (f *File) decoder(unknown decode.UnknownFunc, fill *decode.Fill, schemas registry.Schemas) (decode.Factory, error) {
	if f.Decode == "raw" {
		column := decode.RawColumn()
		if len(f.Schema) == 1 {
			column = fencepost.ColumnSpec{Name: f.Schema[0].Name, Type: f.Schema[0].Type}
		}
		return decode.Raw(column)
	}
	config := f.columns()
	config.Unknown, config.Fill = unknown, fill
	if f.Decode == "avro" {
		return avro.New(avro.Config{Config: config, Framing: f.framing(), Schemas: schemas})
	}
	factory, err := decode.JSON(config)
	if err != nil || f.Decode == "json" {
		return factory, err
	}
	return registry.JSONSchema(f.Registry.Framing(), schemas, factory), nil
}

// columns is what the file says of its columns.
func (f *File) columns() decode.Config {
	config := decode.Config{}
	if f.RefuseUnknown {
		config.UnknownFields = decode.RefuseUnknown
	}
	config.Tombstone = map[string]decode.Tombstone{"skip": decode.SkipTombstone, "nulls": decode.NullsTombstone}[f.Tombstone]
	for _, c := range f.Schema {
		unit, _ := decode.ParseUnit(c.Unit)
		config.Fields = append(config.Fields, decode.Field{Column: c.Name, Type: c.Type, From: c.From, Unit: unit,
			Missing: c.Missing.rule(c.Type), Mismatch: c.Mismatch.rule(c.Type)})
	}
	return config
}

// framing is how a record names its schema: to the registry, or among the schemas of the file.
func (f *File) framing() registry.Framing {
	if len(f.Avro.Schemas) > 0 {
		return registry.Framing{Form: f.Avro.Form}
	}
	return f.Registry.Framing()
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
