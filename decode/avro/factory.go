package avro

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// Config is what is decoded, and how a record names its writer's schema.
type Config struct {
	decode.Config
	// Framing says where the id of the schema stands. Its Type and Part are of no account.
	Framing registry.Framing
	// Schemas has the schemas: a registry's client, Fixed, or Known. REQUIRES: not nil.
	Schemas registry.Schemas
}

// New makes decoders of Avro records. Its errors are *decode.FieldError, one or several joined.
func New(c Config) (decode.Factory, error) {
	layout, err := decode.NewLayout(c.Config)
	if err != nil {
		return nil, err
	}
	c.Framing.Type, c.Framing.Part = registry.Avro, registry.Value
	if c.Key {
		c.Framing.Part = registry.Key
	}
	p := &plans{schemas: c.Schemas, cells: layout.Row().Cells, refuse: c.UnknownFields == decode.RefuseUnknown,
		raw: c.Framing.Form == registry.Confluent}
	p.mu.byID = map[registry.ID]*plan{}
	return func() fencepost.Decoder {
		d := &decoder{Row: layout.Row(), framer: registry.NewFramer(c.Framing), plans: p, known: map[registry.ID]*plan{}}
		_, _, d.explodes = d.Explodes()
		return d
	}, nil
}

// plans are those of all decoders of a Factory: a schema is compiled once.
type plans struct {
	schemas registry.Schemas
	cells   []decode.Cell
	refuse  bool // records with a field that no column takes
	raw     bool // the body of the bare schema "bytes" is the bytes, without a length, as Confluent's serializers write it

	mu struct {
		sync.Mutex
		byID map[registry.ID]*plan
	}
}

// plan is that of an id. Its error is one of registry.Schemas.
func (p *plans) plan(id registry.ID) (*plan, error) {
	p.mu.Lock()
	pl, ok := p.mu.byID[id]
	p.mu.Unlock()
	if ok {
		return pl, nil
	}
	s, err := p.schemas.Schema(registry.AtOnce, id)
	if err != nil {
		return nil, err
	}
	pl = p.make(id, s)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.byID[id] = pl
	return pl, nil
}

func (p *plans) make(id registry.ID, text *registry.Schema) *plan {
	s, err := OfRegistry(text)
	if err != nil {
		return &plan{refuse: bad("the writer's schema, %s, is not read: %s", id, err)}
	}
	if p.raw && s.root.kind == bytesKind {
		s.root = &node{kind: restKind, meaning: s.root.meaning, scale: s.root.scale}
	}
	pl := compile(s, p.cells)
	if p.refuse && len(pl.unknown) > 0 {
		pl.refuse = bad("field %s is not in the schema", decode.Literal(pl.unknown[0]))
	}
	return pl
}

// Fixed is the one schema of all records: of those that name none.
func Fixed(text string) (registry.Schemas, error) {
	if _, err := Parse(text); err != nil {
		return nil, err
	}
	return set{registry.ID{}: schema(registry.ID{}, text)}, nil
}

// set is schemas by their ids.
type set map[registry.ID]*registry.Schema

func schema(id registry.ID, text string) *registry.Schema {
	return &registry.Schema{ID: id, Type: registry.Avro, Text: text}
}

// Known are the schemas of records in the single-object encoding, by fingerprint. A fingerprint leaves out logical types, scales and
// defaults: two schemas that share one and are not the same text are an error, since a record would not say which of them it has.
func Known(texts ...string) (registry.Schemas, error) {
	if len(texts) == 0 {
		return nil, errors.New("no schema is known")
	}
	schemas := set{}
	for _, text := range texts {
		s, err := Parse(text)
		if err != nil {
			return nil, err
		}
		id := registry.ID{Kind: registry.Fingerprint, Number: s.fingerprint}
		if other, ok := schemas[id]; ok && other.Text != text {
			return nil, fmt.Errorf("two schemas have the %s, which leaves out logical types, scales and defaults", id)
		}
		schemas[id] = schema(id, text)
	}
	return schemas, nil
}

// Schema is registry.Schemas.Schema.
func (s set) Schema(_ context.Context, id registry.ID) (*registry.Schema, error) {
	if schema, ok := s[id]; ok {
		return schema, nil
	}
	return nil, bad("the record's schema, %s, is not among the %d that the pipeline knows", id, len(s))
}

// bad makes a *fencepost.BadRecord.
func bad(format string, args ...any) error {
	return &fencepost.BadRecord{Code: decode.Undecodable, Reason: fmt.Sprintf(format, args...)}
}
