package pipeline

import (
	"encoding/json"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// decoder makes the decoder that the file describes. unknown is called with each field that the schema does not take, once;
// fill receives what the first records fill. Both may be nil.
func (f *File) decoder(unknown decode.UnknownFunc, fill *decode.Fill) (decode.Factory, error) {
	of, err := f.record(unknown, fill)
	if err != nil {
		return nil, err
	}
	return f.shaped(of)
}

// record makes the decoder of what is in a record.
func (f *File) record(unknown decode.UnknownFunc, fill *decode.Fill) (decode.Factory, error) {
	plain := f.plain()
	if f.Decode == "raw" {
		column := decode.RawColumn()
		if len(plain) == 1 {
			column = fencepost.ColumnSpec{Name: plain[0].Name, Type: plain[0].Type}
		}
		return decode.Raw(column)
	}
	config := decode.Config{Unknown: unknown, Fill: fill}
	if f.RefuseUnknown {
		config.UnknownFields = decode.RefuseUnknown
	}
	config.Tombstone = map[string]decode.Tombstone{"skip": decode.SkipTombstone, "nulls": decode.NullsTombstone}[f.Tombstone]
	for _, c := range plain {
		config.Fields = append(config.Fields, c.field())
	}
	if f.Decode == "csv" {
		return f.CSV.decoder(config)
	}
	return decode.JSON(config)
}

// field is the column as a decoder knows it.
func (c *Column) field() decode.Field {
	unit, _ := decode.ParseUnit(c.Unit)
	return decode.Field{Column: c.Name, Type: c.Type, From: c.From, Unit: unit, Missing: c.Missing.rule(c.Type), Mismatch: c.Mismatch.rule(c.Type)}
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
	factory, err := f.decoder(nil, nil)
	if err != nil {
		return nil // Parse has refused such a file
	}
	return factory().Columns()
}
