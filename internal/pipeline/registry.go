package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/avro"
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

// checkRegistry asks the registry for what it has of each topic.
func (o *Opened) checkRegistry(ctx context.Context) []fencepost.Finding {
	if o.schemas.registry == nil {
		return nil
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
			return []fencepost.Finding{{Subject: "registry", Code: silent.Code, Text: silent.Reason, Key: "registry.url", Silent: silent.Code == registry.Silent}}
		case err != nil:
			wrong = append(wrong, fencepost.Finding{Subject: "registry", Code: "record-undecodable", Text: subject + ": " + err.Error(), Key: "registry", Help: "register its schema with the references that it needs"})
		case latest.Type != p.language():
			wrong = append(wrong, fencepost.Finding{Subject: "registry", Code: "bad-value", Key: p.key,
				Text: fmt.Sprintf("%s, version %d, is of type %s, and %s: %s reads %s", subject, latest.Version, latest.Type, p.key, p.decode, p.language()),
				Help: p.key + ": " + strings.ToLower(latest.Type.String()) + "; or registry.subject, where the schemas of these records are another subject's"})
		default:
			wrong = append(wrong, o.File.compareNewest(latest, p)...)
			texts = append(texts, fmt.Sprintf("%s has %s, the newest is %d (%s, %s)", subject, text.Plural(latest.Versions, "version"), latest.Version, latest.Type, latest.ID))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return []fencepost.Finding{{Subject: "registry", OK: true, Text: o.schemas.registry.URL() + ": " + strings.Join(texts, "; ")}}
}

// AskRegistry makes the draft one of Avro, by the newest schema of the topic's subject.
func (s *Sampled) AskRegistry(ctx context.Context, url string) error {
	fault := func(code string, exit int, err error, help string) error {
		return &fencepost.UserError{Code: code, Exit: exit, Err: err, Help: help}
	}
	client, err := registry.NewClient(registry.Config{URLs: []string{url}})
	if err != nil {
		return fault("usage", 2, err, "--registry http://localhost:8081")
	}
	defer client.Close()
	subject := registry.Subject(s.Topic, registry.Value)
	latest, err := client.Latest(ctx, subject)
	if silent, waits := errors.AsType[*fencepost.Unready](err); waits {
		return fault(silent.Code, 1, silent, "start the schema registry, or mend --registry")
	}
	if err != nil {
		return fault("schema-unknown", 1, fmt.Errorf("%s: %w", subject, err), "without --registry the columns are inferred from records")
	}
	if latest.Type != registry.Avro {
		return fault("bad-value", 2, fmt.Errorf("%s is of type %s, and init reads schemas of Avro", subject, latest.Type), "without --registry the columns are inferred from records")
	}
	schema, err := avro.OfRegistry(latest.Schema)
	if err != nil {
		return fault("record-undecodable", 1, fmt.Errorf("%s: %w", subject, err), "register its schema with the references that it needs")
	}
	s.Decode, s.Registry, s.Columns = "avro", url, nil
	for _, c := range avro.Columns(schema) {
		s.Columns = append(s.Columns, keys.DraftColumn{Name: c.Column, Type: c.Type, From: c.From, Seen: c.Comment})
	}
	s.Text = fmt.Sprintf("%s, version %d: %s", subject, latest.Version, text.Plural(len(s.Columns), "field"))
	return nil
}

// compareNewest are the columns that no record of a subject's newest schema can fill.
func (f *File) compareNewest(r registry.Registered, p part) []fencepost.Finding {
	switch p.decode {
	case "avro":
		return p.misfits(fmt.Sprintf("%s, version %d", r.Subject, r.Version), r.Schema)
	case "protobuf":
		return f.compareRegistered(r, p)
	}
	return nil
}

// misfits are the columns that no record of a schema of Avro can fill.
func (p part) misfits(of string, schema *registry.Schema) (found []fencepost.Finding) {
	s, err := avro.OfRegistry(schema)
	if err != nil {
		return []fencepost.Finding{{Subject: "registry", Code: "record-undecodable", Text: of + ": " + err.Error(), Key: "registry"}}
	}
	misfits, err := avro.Compare(s, p.config)
	if err != nil {
		return nil // Parse has refused such columns
	}
	for _, m := range misfits {
		key, help := p.schema+"."+m.Column, "another type or from, or missing: and mismatch: for what it cannot have"
		switch {
		case m.Column == "" && strings.HasPrefix(m.Reason, "explode: "):
			key, help = "explode", "the path of an array"
		case m.Column == "":
			key, help = "unknown_fields", "a column for it, or unknown_fields: ignore"
		}
		found = append(found, fencepost.Finding{Subject: "registry", Code: "bad-value", Key: key, Text: of + ": " + m.Reason, Help: help})
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
