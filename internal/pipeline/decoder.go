package pipeline

import (
	"encoding/json"
	"strconv"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/avro"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/decode/protobuf"
	"github.com/fencepost/fencepost/decode/registry"
)

// decoder makes the decoder that the file describes. unknown is called with each field that the schema does not take, once;
// fill receives what the first records fill. Both may be nil. schemas has the schemas of records; nil for a decoder that decodes nothing.
func (f *File) decoder(unknown decode.UnknownFunc, fill *decode.Fill, schemas *schemas) (decode.Factory, error) {
	of, err := f.record(unknown, fill, schemas)
	if err != nil {
		return nil, err
	}
	if of, err = f.withKey(of, unknown, schemas); err != nil {
		return nil, err
	}
	return f.shaped(of)
}

// record makes the decoder of what is in a record.
func (f *File) record(unknown decode.UnknownFunc, fill *decode.Fill, schemas *schemas) (decode.Factory, error) {
	plain := f.plain()
	if f.Decode == "raw" {
		column := decode.RawColumn()
		if len(plain) == 1 {
			column = fencepost.ColumnSpec{Name: plain[0].Name, Type: plain[0].Type}
		}
		return decode.Raw(column)
	}
	config := f.columns()
	config.Unknown, config.Fill = unknown, fill
	if f.enveloped() {
		return debezium.New(f.events(config, schemas))
	}
	return f.format(schemas)(config)
}

// events is what the file says of change events around rows of these columns. Keys are written as values are.
func (f *File) events(rows decode.Config, schemas *schemas) debezium.Config {
	c := debezium.Config{Decode: rows, Key: f.sinkKey(), Partial: f.Sink.Is != nil && f.Sink.Is.About().Partial, Schema: f.Envelope == debeziumSchema, Accepts: f.Accepts, Untold: f.untold()}
	if schemas != nil && f.Decode == "avro" {
		schemas = schemas.guarded(c)
	}
	c.Values = f.format(schemas)
	c.Keys = c.Values
	return c
}

// takesAll is the file as one that accepts whatever a change stream loses: what it does not is said apart.
func (f *File) takesAll() *File {
	all := *f
	all.Accepts = debezium.Losses()
	return &all
}

// columns is what the file says of its columns.
func (f *File) columns() decode.Config {
	config := decode.Config{}
	if f.RefuseUnknown {
		config.UnknownFields = decode.RefuseUnknown
	}
	config.Tombstone = map[string]decode.Tombstone{"skip": decode.SkipTombstone, "nulls": decode.NullsTombstone,
		"delete": decode.DeleteTombstone}[f.Tombstone]
	config.Fields, config.Explode = f.fields(), f.Explode
	return config
}

// fields are the columns in the decoder's words, but those that are computed.
func (f *File) fields() (fields []decode.Field) {
	for _, c := range f.plain() {
		field := c.field()
		if f.Decode != "avro" { // whose schemas say what is a text, and what is bytes
			field.Encoding, field.Scale = c.encoding(f.enveloped())
		}
		fields = append(fields, field)
	}
	return fields
}

// format makes the decoders of values with named fields. Without schemas, for a decoder that decodes nothing, it is JSON's, whose
// columns are those of every format.
func (f *File) format(schemas *schemas) func(decode.Config) (decode.Factory, error) {
	switch {
	case f.Decode == "csv":
		return f.CSV.decoder
	case schemas == nil:
	case f.Decode == "json_schema":
		return func(c decode.Config) (decode.Factory, error) {
			factory, err := decode.JSON(c)
			if err != nil {
				return nil, err
			}
			return registry.JSONSchema(f.Registry.Framing(), schemas.registry, factory), nil
		}
	case f.Decode == "avro":
		return func(c decode.Config) (decode.Factory, error) {
			return avro.New(avro.Config{Config: c, Framing: f.framing(), Schemas: schemas.avro()})
		}
	case f.Decode == "protobuf":
		return func(c decode.Config) (decode.Factory, error) { return protobuf.New(schemas.protobuf(f, c)) }
	}
	return decode.JSON
}

// The envelopes of a change stream: the event alone, and with its schema beside it, as Kafka Connect's JsonConverter writes it by
// default.
const (
	debeziumPlain  = "debezium"
	debeziumSchema = "debezium_with_schema"
)

// untold reports whether nothing knows the schema of the events.
func (f *File) untold() bool { return f.Envelope == debeziumPlain && f.Decode == "json" }

// enveloped reports whether records are change events around a row.
func (f *File) enveloped() bool { return f.Envelope == debeziumPlain || f.Envelope == debeziumSchema }

// sinkKey is the columns by which the sink upserts.
func (f *File) sinkKey() []string {
	if f.Sink.Is == nil {
		return nil
	}
	return f.Sink.Is.About().Key
}

// encoding is what a decimal may be besides a number. In a change event digits and base64 cannot be told apart, so that scale says
// which.
func (c Column) encoding(enveloped bool) (decode.Encoding, int) {
	switch n, err := strconv.Atoi(c.Scale); {
	case c.Type != fencepost.Decimal:
		return decode.Digits, 0
	case err == nil:
		return decode.Unscaled, n
	case enveloped && c.Scale == "":
		return decode.NumberOnly, 0
	}
	return decode.Digits, 0
}

// field is the column as a decoder knows it.
func (c *Column) field() decode.Field {
	unit, _ := decode.ParseUnit(c.Unit)
	return decode.Field{Column: c.Name, Type: c.Type, From: c.From, Unit: unit, Missing: c.Missing.rule(c.Type), Mismatch: c.Mismatch.rule(c.Type)}
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
