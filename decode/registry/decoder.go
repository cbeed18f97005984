package registry

import (
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// JSONSchema makes decoders of values that are JSON behind a schema's id, as serializers of JSON Schema write them, or of keys, by
// Framing.Part: inner decodes what is behind the id. The schema itself says nothing about the bytes. It is asked for all the same: an id that the registry does not know, or
// that names an Avro schema, is no record of this pipeline's. Framing.Type need not be set.
func JSONSchema(f Framing, schemas Schemas, inner decode.Factory) decode.Factory {
	f.Type = JSON
	return func() fencepost.Decoder {
		return &framed{framer: NewFramer(f), schemas: schemas, inner: inner()}
	}
}

// framed is a decoder behind a Framer.
type framed struct {
	framer  *Framer
	schemas Schemas
	inner   fencepost.Decoder
	known   ID               // the last id, whose schema was good
	record  fencepost.Record // what inner gets: here, so that no record costs an allocation
}

// Columns are those of the decoder of the body.
func (d *framed) Columns() []fencepost.ColumnSpec { return d.inner.Columns() }

// Decode takes the value or the key apart and has its body decoded.
func (d *framed) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	frame, err := d.framer.Frame(r)
	if err != nil {
		return err
	}
	if frame.Null {
		return d.inner.Decode(r, columns)
	}
	if frame.ID != d.known {
		schema, err := d.schemas.Schema(AtOnce, frame.ID)
		if err != nil {
			return err
		}
		if schema.Type != JSON && schema.Type != AnyType {
			return bad("%s is a schema of %s, and decode: json_schema reads JSON", frame.ID, strings.ToLower(schema.Type.String()))
		}
		d.known = frame.ID
	}
	d.record = *r
	if d.framer.framing.Part == Key {
		d.record.Key = frame.Body
	} else {
		d.record.Value = frame.Body
	}
	err = d.inner.Decode(&d.record, columns)
	d.record = fencepost.Record{}
	return err
}
