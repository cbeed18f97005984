package protobuf

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// Config is what is decoded, and how a record names its schema and its message.
type Config struct {
	decode.Config
	// Framing says where the id of the schema stands. Its Type and Part are of no account.
	Framing registry.Framing
	// Schemas has the schemas of framed records: a registry's client. nil: records are bare, of Schema.
	Schemas registry.Schemas
	// Schema is that of all records. REQUIRES: not nil, where Schemas is nil.
	Schema *Schema
	// Message is the name of the message that is decoded; a record of another one is bad. Empty: of bare records the only message of
	// Schema, of framed ones what the record says.
	Message string
}

// New makes decoders of Protobuf records. Its errors are *decode.FieldError, one or several joined, and that of a Schema without such a
// Message.
func New(c Config) (decode.Factory, error) {
	l, err := decode.NewLayout(c.Config)
	if err != nil {
		return nil, err
	}
	if c.Schemas == nil {
		m, err := c.Schema.pick(registry.Message{}, c.Message)
		if err != nil {
			return nil, err
		}
		return func() fencepost.Decoder {
			d := newProjector(l.Row())
			return &bare{projector: d, plan: d.watch(newPlan(m, d.Row))}
		}, nil
	}
	c.Framing.Type, c.Framing.Part = registry.Protobuf, registry.Value
	if c.Key {
		c.Framing.Part = registry.Key
	}
	known := &catalog{schemas: c.Schemas}
	known.mu.byID = map[registry.ID]compiled{}
	return func() fencepost.Decoder {
		return &framed{projector: newProjector(l.Row()), framer: registry.NewFramer(c.Framing), catalog: known, message: c.Message, plans: map[planKey]*plan{}}
	}, nil
}

// bare is the decoder of messages of one type, with nothing in front of them.
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

// framed is the decoder of messages that name their schemas.
type framed struct {
	*projector
	framer  *registry.Framer
	catalog *catalog
	message string

	plans map[planKey]*plan
	plan  *plan // of the last record; nil: there was none
	last  registry.ID
	of    registry.Message // of the last record, its slices our own
}

// planKey is what a record says of its message.
type planKey struct {
	id      registry.ID
	message string // name, or indexes
}

// Decode appends the record's fields.
func (d *framed) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	f, err := d.framer.Frame(r)
	if err != nil {
		return err
	}
	if f.Null {
		return d.Empty(r, columns)
	}
	if d.plan == nil || f.ID != d.last || !slices.Equal(f.Message.Indexes, d.of.Indexes) || string(f.Message.Name) != string(d.of.Name) {
		if err := d.turn(&f); err != nil {
			return err
		}
	}
	return d.project(d.plan, f.Body, r, columns)
}

// turn takes the plan of another message.
func (d *framed) turn(f *registry.Frame) error {
	d.name = append(d.name[:0], f.Message.Name...)
	for _, i := range f.Message.Indexes {
		d.name = append(d.name, byte(i), byte(i>>8), byte(i>>16), byte(i>>24))
	}
	p, ok := d.plans[planKey{f.ID, string(d.name)}]
	if !ok {
		m, err := d.catalog.message(f, d.message)
		if err != nil {
			return err
		}
		p = d.watch(newPlan(m, d.Row))
		d.plans[planKey{f.ID, string(d.name)}] = p
	}
	d.plan, d.last = p, f.ID
	d.of.Name, d.of.Indexes = append(d.of.Name[:0], f.Message.Name...), append(d.of.Indexes[:0], f.Message.Indexes...)
	return nil
}

// catalog is the schemas of all decoders of a Factory: each is compiled once.
type catalog struct {
	schemas registry.Schemas

	mu struct {
		sync.Mutex
		byID map[registry.ID]compiled
	}
}

// compiled is what became of a schema. A text of a registry never changes, so an error stays one.
type compiled struct {
	schema *Schema
	err    error
}

// message is that of a record. Its error is a *fencepost.BadRecord or a *fencepost.Unready.
func (c *catalog) message(f *registry.Frame, name string) (protoreflect.MessageDescriptor, error) {
	got, err := c.get(f.ID)
	if err != nil {
		return nil, err
	}
	if got.err != nil {
		return nil, bad("the record's schema, %s, is not read: %s", f.ID, got.err)
	}
	m, err := got.schema.pick(f.Message, name)
	if err != nil {
		return nil, bad("the record's schema is %s: %s", f.ID, err)
	}
	return m, nil
}

func (c *catalog) get(id registry.ID) (compiled, error) {
	c.mu.Lock()
	got, ok := c.mu.byID[id]
	c.mu.Unlock()
	if ok {
		return got, nil
	}
	s, err := c.schemas.Schema(registry.AtOnce, id)
	if err != nil {
		return got, err
	}
	got.schema, got.err = FromRegistry(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.byID[id] = got
	return got, nil
}

// pick is the message that a record says it is, which must be the one that the pipeline names, if it names one.
func (s *Schema) pick(of registry.Message, name string) (protoreflect.MessageDescriptor, error) {
	var named protoreflect.MessageDescriptor
	if name != "" {
		var err error
		if named, err = s.Message(name); err != nil {
			return nil, err
		}
	}
	var may []protoreflect.MessageDescriptor
	switch {
	case len(of.Name) > 0:
		if may = s.called(string(of.Name)); len(may) == 0 {
			return nil, errors.New("it has no message " + string(of.Name))
		}
	case len(of.Indexes) > 0:
		counted, uncounted, err := s.At(of.Indexes)
		if err != nil {
			return nil, err
		}
		may = slices.Compact([]protoreflect.MessageDescriptor{counted, uncounted})
	case named != nil:
		return named, nil
	default:
		return s.Only()
	}
	switch {
	case named != nil && slices.Contains(may, named):
		return named, nil
	case named != nil:
		return nil, errors.New("the record is of message " + words(may) + ", and protobuf.message takes " + string(named.FullName()))
	case len(may) > 1:
		return nil, errors.New("what the record says of its message means " + words(may) + ": name the one that it is, protobuf.message: " + string(may[0].FullName()))
	}
	return may[0], nil
}

// words are the names of messages.
func words(messages []protoreflect.MessageDescriptor) string {
	var names []string
	for _, m := range messages {
		names = append(names, string(m.FullName()))
	}
	return strings.Join(names, " or ")
}
