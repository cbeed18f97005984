package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/avro"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/decode/protobuf"
	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// openRegistry makes the client of the file's registry; nil where it has none.
func (f *File) openRegistry() (*registry.Client, error) {
	if len(f.Registry.URLs) == 0 {
		return nil, nil
	}
	client, err := f.Registry.Open(f.around())
	if err != nil {
		return nil, f.faultAt("registry", err)
	}
	return client, nil
}

// body is the JSON of a record's value, without a schema's id before it.
func (f *File) body(r *fencepost.Record) []byte {
	if f.Decode != "json_schema" {
		return r.Value
	}
	frame, err := registry.NewFramer(f.Registry.Framing()).Frame(r)
	if err != nil {
		return nil // the decoder says it
	}
	return frame.Body
}

// part is what of a record is decoded by schemas of the registry.
type part struct {
	registry.Part
	decode string // as the key of the file says it
	key    string // that key
	schema string // the key with its columns
	config decode.Config
}

func valuePart(f *File) part {
	return part{registry.Value, f.Decode, "decode", "schema", f.columns()}
}

// framed are the parts of a record that name their schemas.
func (f *File) framed() (parts []part) {
	if f.isFramed() {
		parts = append(parts, valuePart(f))
	}
	if f.Key.isFramed() {
		parts = append(parts, part{registry.Key, f.Key.Decode, "key.decode", "key.schema", f.Key.config()})
	}
	return parts
}

// language is what the schemas of a part are written in.
func (p part) language() registry.Type {
	switch p.decode {
	case "avro":
		return registry.Avro
	case "protobuf":
		return registry.Protobuf
	}
	return registry.JSON
}

// mostSubjects bounds how many topics a check asks the registry about.
const mostSubjects = 20

// checkRegistry asks the registry for what it has of each topic. newest are the schemas of values.
func (o *Opened) checkRegistry(ctx context.Context) (_ []fencepost.Finding, newest []*registry.Schema) {
	if o.schemas.registry == nil {
		return nil, nil
	}
	var texts []string
	var wrong []fencepost.Finding
	for _, one := range o.subjects(ctx) {
		p, subject := one.part, one.subject
		latest, err := o.schemas.registry.Latest(ctx, subject)
		silent, waits := errors.AsType[*fencepost.Unready](err)
		switch {
		case errors.Is(err, registry.ErrNoSubject):
			texts = append(texts, "no subject "+subject+" (records name their schemas by id all the same)")
		case waits:
			return []fencepost.Finding{{Subject: "registry", Code: silent.Code, Text: silent.Reason, Key: "registry.url", Silent: silent.Code == registry.Silent}}, nil
		case err != nil:
			wrong = append(wrong, fencepost.Finding{Subject: "registry", Code: "record-undecodable", Text: subject + ": " + err.Error(), Key: "registry", Help: registerIt})
		case latest.Type != p.language():
			wrong = append(wrong, fencepost.Finding{Subject: "registry", Code: "bad-value", Key: p.key,
				Text: fmt.Sprintf("%s, version %d, is of type %s, and %s: %s reads %s", subject, latest.Version, latest.Type, p.key, p.decode, p.language()),
				Help: p.key + ": " + strings.ToLower(latest.Type.String()) + "; or registry.subject, where the schemas of these records are another subject's"})
		default:
			wrong = append(wrong, o.File.compareNewest(latest, p)...)
			texts = append(texts, fmt.Sprintf("%s has %s, the newest is %d (%s, %s)", subject, text.Plural(latest.Versions, "version"), latest.Version, latest.Type, latest.ID))
			if p.Part == registry.Value {
				newest = append(newest, latest.Schema)
			}
		}
	}
	if len(wrong) > 0 {
		return wrong, nil
	}
	return []fencepost.Finding{{Subject: "registry", OK: true, Text: o.schemas.registry.URL() + ": " + strings.Join(texts, "; ")}}, newest
}

// AskRegistry makes the draft one of Avro or Protobuf, by the newest schema of the topic's subject.
func (s *Sampled) AskRegistry(ctx context.Context, url string) error {
	client, err := registry.NewClient(registry.Config{URLs: []string{url}})
	if err != nil {
		return undrafted("usage", 2, err, "--registry http://localhost:8081")
	}
	defer client.Close()
	subject := registry.Subject(s.Topic, registry.Value)
	latest, err := client.Latest(ctx, subject)
	if silent, waits := errors.AsType[*fencepost.Unready](err); waits {
		return undrafted(silent.Code, 1, silent, "start the schema registry, or mend --registry")
	}
	if err != nil {
		return undrafted("schema-unknown", 1, fmt.Errorf("%s: %w", subject, err), "without --registry the columns are inferred from records")
	}
	columns, err := drafted(latest)
	if err != nil {
		return err
	}
	s.Decode, s.Registry, s.Columns = strings.ToLower(latest.Type.String()), url, nil
	for _, c := range columns {
		s.Columns = append(s.Columns, keys.DraftColumn{Name: c.Column, Type: c.Type, From: c.From, Seen: c.Comment})
	}
	s.Envelope, s.Key, s.Accepts = "", nil, nil
	if d, is := debezium.OfAvro(latest.Text); is && latest.Type == registry.Avro {
		s.askEvents(ctx, client, d)
	}
	s.Text = fmt.Sprintf("%s, version %d: %s", subject, latest.Version, text.Plural(len(s.Columns), "field"))
	return nil
}

// askEvents makes the draft one of change events in Avro, with the key by the newest schema of the topic's keys, where the registry has one.
func (s *Sampled) askEvents(ctx context.Context, client *registry.Client, d debezium.Description) {
	s.Envelope = debeziumPlain
	s.describedBy(d)
	for i := range s.Columns {
		s.Columns[i].Unit, s.Columns[i].Scale = "", "" // the values say them
	}
	latest, err := client.Latest(ctx, registry.Subject(s.Topic, registry.Key))
	if err != nil || latest.Type != registry.Avro {
		return
	}
	schema, err := avro.OfRegistry(latest.Schema)
	if err != nil {
		return
	}
	fields := map[string]json.RawMessage{}
	for _, c := range avro.Columns(schema) {
		fields[c.Column] = nil
	}
	s.keyedBy(fields)
}

// undrafted is why init makes no draft: an error there, though of a record the same code is none of a command.
func undrafted(code string, exit int, err error, help string) error {
	return &fencepost.UserError{Code: code, Exit: exit, Err: err, Help: help}
}

// drafted are the columns of a registered schema. Of several messages of Protobuf only a record says which one it is.
func drafted(r registry.Registered) ([]decode.Inferred, error) {
	unread := func(err error) error {
		return undrafted("record-undecodable", 1, fmt.Errorf("%s: %w", r.Subject, err), registerIt)
	}
	switch r.Type {
	case registry.Avro:
		schema, err := avro.OfRegistry(r.Schema)
		if err != nil {
			return nil, unread(err)
		}
		return avro.Columns(schema), nil
	case registry.Protobuf:
		schema, err := protobuf.FromRegistry(r.Schema)
		if err != nil {
			return nil, unread(err)
		}
		message, err := schema.Only()
		if err != nil {
			return nil, undrafted("bad-value", 2, fmt.Errorf("%s: %w", r.Subject, err), "write the columns of one of them under schema, and its name as protobuf.message")
		}
		return protobuf.Columns(message), nil
	}
	return nil, undrafted("bad-value", 2, fmt.Errorf("%s is of type %s, and init reads schemas of Avro and Protobuf", r.Subject, r.Type), "without --registry the columns are inferred from records")
}

// compareNewest are the columns that no record of a subject's newest schema can fill.
func (f *File) compareNewest(r registry.Registered, p part) []fencepost.Finding {
	of := fmt.Sprintf("%s, version %d", r.Subject, r.Version)
	switch p.decode {
	case "avro":
		return f.compareAvro(of, r.Schema, p)
	case "protobuf":
		return f.compareProtobuf(of, r.Schema, p)
	}
	return nil
}

// compareAvro is compareNewest for Avro.
func (f *File) compareAvro(of string, schema *registry.Schema, p part) []fencepost.Finding {
	s, err := avro.OfRegistry(schema)
	if err != nil {
		return []fencepost.Finding{{Subject: "registry", Code: "record-undecodable", Text: of + ": " + err.Error(), Key: "registry", Help: registerIt}}
	}
	columns := p.config
	if p.Part == registry.Value && f.enveloped() {
		events := f.events(columns, nil)
		events.Partial = false // a field that no record has is none that some leave out
		columns = events.Columns()
	}
	return unfilled("registry", of, p.schema, avro.Compare(s, columns))
}

// compareProtobuf is compareNewest for Protobuf. Which of several messages the records are, only these say.
func (f *File) compareProtobuf(of string, schema *registry.Schema, p part) []fencepost.Finding {
	s, err := protobuf.FromRegistry(schema)
	if err != nil {
		return []fencepost.Finding{{Subject: "registry", Code: "record-undecodable", Text: of + ": " + err.Error(), Key: "registry", Help: registerIt}}
	}
	var m protobuf.Message
	if p.Part == registry.Key {
		m, err = s.Only()
	} else {
		m, err = f.messageOf(s)
	}
	switch {
	case err != nil && p.Part == registry.Value && f.Protobuf.Message != "":
		return []fencepost.Finding{{Subject: "registry", Code: "bad-value", Key: "protobuf.message", Text: of + ": " + err.Error(), Help: "mend protobuf.message"}}
	case err != nil:
		return nil
	}
	return unfilled("registry", of, p.schema, protobuf.Compare(m, p.config))
}

// registerIt is the remedy of a schema that is not read.
const registerIt = "register its schema with the references that it needs"

// unfilled are findings of what no record of a schema can fill. of is the schema as people name it; empty: the subject says it. schema is
// the key of the file with the columns.
func unfilled(subject, of, schema string, faults []*decode.FieldError) (found []fencepost.Finding) {
	if of != "" {
		of += ": "
	}
	for _, fault := range faults {
		key, text := fault.Key, fault.Reason
		switch {
		case key == "explode":
			text = "explode: " + fault.Reason
		case fault.Column != "":
			key, text = schema+"."+fault.Column, "column "+fault.Column+": "+fault.Reason
		}
		found = append(found, fencepost.Finding{Subject: subject, Code: "bad-value", Key: key, Text: of + text, Help: fault.Help})
	}
	return found
}

// subject is what the registry calls the schemas of a part of a topic's records.
type subject struct {
	part
	subject string
}

// subjects are those of the source's topics; of the values the one that the file names, if it names one.
func (o *Opened) subjects(ctx context.Context) (subjects []subject) {
	topics := o.File.Source.Topics
	if o.File.Source.Pattern != "" {
		about, err := o.Source.Cluster().Describe(ctx)
		if err != nil {
			return nil // which the findings about the brokers say
		}
		topics = slices.Sorted(maps.Keys(about.Topics))
	}
	for _, p := range o.File.framed() {
		if s := o.File.Registry.Subject; s != "" && p.Part == registry.Value {
			subjects = append(subjects, subject{p, s})
			continue
		}
		for _, topic := range topics[:min(len(topics), mostSubjects)] {
			subjects = append(subjects, subject{p, registry.Subject(topic, p.Part)})
		}
	}
	return subjects
}
