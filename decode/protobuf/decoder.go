package protobuf

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Bare makes decoders of records that are messages of one type, with nothing in front of them. Its error joins one
// *decode.FieldError for each error of the schema.
func Bare(c decode.Config, m protoreflect.MessageDescriptor) (decode.Factory, error) {
	l, err := decode.NewLayout(c)
	if err != nil {
		return nil, err
	}
	return func() fencepost.Decoder {
		d := newProjector(l.Row())
		return &bare{projector: d, plan: d.watch(newPlan(m, d.Cells))}
	}, nil
}

// bare is the decoder of messages of one type.
type bare struct {
	*projector
	plan *plan
}

// Decode appends the record's fields.
func (d *bare) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	v := d.Bytes(r)
	if v == nil {
		return d.Empty(r, columns)
	}
	return d.project(d.plan, v, r, columns)
}
