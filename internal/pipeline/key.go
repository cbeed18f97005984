package pipeline

import (
	"slices"

	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/avro"
	"github.com/fencepost/fencepost/decode/protobuf"
	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// Key is the part of a file under key: columns that are taken out of the record's key.
type Key struct {
	Decode string   // json, raw, json_schema, avro or protobuf
	Schema []Column // empty: the key is not decoded
}

// isFramed reports whether keys name their schemas to the registry.
func (k Key) isFramed() bool {
	return len(k.Schema) > 0 && (k.Decode == "json_schema" || k.Decode == "avro" || k.Decode == "protobuf")
}

// has reports whether a column is of the key.
func (k Key) has(name string) bool {
	return slices.ContainsFunc(k.Schema, func(c Column) bool { return c.Name == name })
}

// config is what the file says of the key's columns.
func (k Key) config() decode.Config {
	c := decode.Config{Key: true}
	for i := range k.Schema {
		field := k.Schema[i].field()
		field.Encoding, field.Scale = k.Schema[i].encoding(false)
		c.Fields = append(c.Fields, field)
	}
	return c
}

// allColumns are those of schema, and those of key.schema behind them.
func (f *File) allColumns() []Column { return slices.Concat(f.Schema, f.Key.Schema) }

// withKey puts the columns of the record's key behind those of its value.
func (f *File) withKey(value decode.Factory, unknown decode.UnknownFunc, schemas *schemas) (decode.Factory, error) {
	if len(f.Key.Schema) == 0 {
		return value, nil
	}
	config := f.Key.config()
	config.Unknown = unknown
	key, err := f.keyDecoder(config, schemas)
	if err != nil {
		return nil, err
	}
	return decode.Both(value, key)
}

// keyDecoder makes the decoder of keys. Without schemas, for one that decodes nothing, it is JSON's, as for values.
func (f *File) keyDecoder(c decode.Config, schemas *schemas) (decode.Factory, error) {
	framing := f.Registry.Framing()
	framing.Part = registry.Key
	switch k := f.Key.Decode; {
	case k == "raw":
		return decode.RawKey(c.Fields[0])
	case schemas == nil || k == "json":
	case k == "avro":
		return avro.New(avro.Config{Config: c, Framing: framing, Schemas: schemas.registry})
	case k == "protobuf":
		return protobuf.New(protobuf.Config{Config: c, Framing: framing, Schemas: schemas.registry})
	default:
		inner, err := decode.JSON(c)
		if err != nil {
			return nil, err
		}
		return registry.JSONSchema(framing, schemas.registry, inner), nil
	}
	return decode.JSON(c)
}

// keyRules find what a key's columns cannot be.
func keyRules(r *keys.Reader, f *File) {
	there := len(f.Key.Schema) > 0
	switch {
	case !r.Named("key"):
		return
	case !there && !r.Named("key.schema"):
		r.Missing("key", "schema: {COLUMN: text}", "key has no schema")
	case there && f.enveloped():
		r.Find("bad-value", r.KeyAt("key"), "leave it out: a delete takes columns of the same names from the key", "key: the envelope reads the record's key by itself")
	case f.Key.Decode == "raw" && len(f.Key.Schema) > 1:
		r.Find("bad-value", f.Key.Schema[1].At, "keep one; or another key.decode", "key.decode raw makes one column, key.schema has %d", len(f.Key.Schema))
	}
	for _, c := range f.Key.Schema {
		if c.Expr.Text != "" {
			r.Find("bad-value", c.At, "a computed column of schema, which may name this one", "%s.expr: a column of the key is not computed", c.Name)
		}
	}
}
