package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/twmb/franz-go/pkg/sr"
)

// mostReferences is how many schemas one may need in all. Real ones have some dozens.
const mostReferences = 1000

// resolver reads one schema with all that it refers to, from one server.
type resolver struct {
	server
	read map[version]*Schema // nil while the schema is being read: one that refers to it closes a circle
}

// version is a version of a subject, or of an artifact of Apicurio's in a group.
type version struct{ group, subject, version string }

func newResolver(s server) *resolver { return &resolver{server: s, read: map[version]*Schema{}} }

// byID reads the schema of an id.
func (r *resolver) byID(ctx context.Context, id ID) (*Schema, error) {
	switch id.Kind {
	case SchemaID:
		s, err := r.api.SchemaByID(ctx, int(id.Number))
		if err != nil {
			return nil, err
		}
		return r.confluent(ctx, s)
	case GUID:
		s, err := r.api.SchemaByGUID(ctx, id.guid())
		if err != nil {
			return nil, err
		}
		return r.confluent(ctx, s.Schema)
	case GlobalID, ContentID:
		path := fmt.Sprintf("/ids/%ss/%d", id.Kind, id.Number)
		return r.apicurio(ctx, path)
	case NoID, Fingerprint:
	}
	return nil, bad("a schema registry can not be asked for it")
}

// confluent makes a Schema of one of Confluent's API.
func (r *resolver) confluent(ctx context.Context, s sr.Schema) (*Schema, error) {
	schema := newSchema(s.Schema, map[sr.SchemaType]Type{sr.TypeAvro: Avro, sr.TypeProtobuf: Protobuf, sr.TypeJSON: JSON}[s.Type])
	for _, ref := range s.References {
		v := version{subject: ref.Subject, version: strconv.Itoa(ref.Version)}
		referred, err := r.once(v, func() (*Schema, error) {
			// A version that was deleted softly still belongs to the schemas that refer to it.
			found, err := r.api.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), ref.Subject, ref.Version)
			if err != nil {
				return nil, err
			}
			referred, err := r.confluent(ctx, found.Schema)
			if err == nil {
				referred.ID = ID{Kind: SchemaID, Number: uint64(found.ID)}
			}
			return referred, err
		})
		if err != nil {
			return nil, within(ref.Name, v, err)
		}
		schema.References = append(schema.References, Reference{Name: ref.Name, Subject: ref.Subject, Version: v.version, Schema: referred})
	}
	return schema, nil
}

// apicurio makes a Schema of what Apicurio's own API has at a path, and of its references below that. That API does not say of which type
// a text is.
func (r *resolver) apicurio(ctx context.Context, path string) (*Schema, error) {
	var text []byte
	if err := r.own.Do(ctx, http.MethodGet, path, nil, &text); err != nil {
		return nil, err
	}
	var references []struct{ Name, GroupID, ArtifactID, Version string }
	if err := r.own.Do(ctx, http.MethodGet, path+"/references", nil, &references); err != nil {
		return nil, err
	}
	schema := newSchema(string(text), AnyType)
	for _, ref := range references {
		v := version{group: ref.GroupID, subject: ref.ArtifactID, version: ref.Version}
		referred, err := r.once(v, func() (*Schema, error) { return r.apicurio(ctx, v.path()) })
		if err != nil {
			return nil, within(ref.Name, v, err)
		}
		schema.References = append(schema.References, Reference{Name: ref.Name, Subject: v.name(), Version: ref.Version, Schema: referred})
	}
	return schema, nil
}

// path is where Apicurio's own API has the version.
func (v version) path() string {
	group := v.group
	if group == "" {
		group = "default"
	}
	return "/groups/" + url.PathEscape(group) + "/artifacts/" + url.PathEscape(v.subject) + "/versions/" + url.PathEscape(v.version)
}

// name is the subject, with the group before it where there is one.
func (v version) name() string {
	if v.group == "" {
		return v.subject
	}
	return v.group + "/" + v.subject
}

// once reads a version, unless it was read before.
func (r *resolver) once(v version, read func() (*Schema, error)) (*Schema, error) {
	if s, begun := r.read[v]; begun {
		if s == nil {
			return nil, bad("it refers to itself")
		}
		return s, nil
	}
	if len(r.read) >= mostReferences {
		return nil, bad("it needs more than %d schemas", mostReferences)
	}
	r.read[v] = nil
	s, err := read()
	if err != nil {
		return nil, err
	}
	r.read[v] = s
	return s, nil
}

// referenceError says which reference an error is about.
type referenceError struct {
	where string // reference A, version 1 of a: reference B, version 1 of b
	error
}

// Unwrap is the error without the place.
func (e *referenceError) Unwrap() error { return e.error }

// within puts a reference before the place of an error.
func within(name string, v version, err error) error {
	where := fmt.Sprintf("reference %s, version %s of %s", name, v.version, v.name())
	if inner, ok := errors.AsType[*referenceError](err); ok {
		return &referenceError{where + ": " + inner.where, inner.error}
	}
	return &referenceError{where, err}
}

// newSchema makes a Schema of a text. Text in base64 is a descriptor: no source of a .proto file is base64, nor is a schema in JSON.
func newSchema(text string, language Type) *Schema {
	s := &Schema{Type: language, Text: text}
	if language == Protobuf || language == AnyType {
		if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) > 0 {
			s.Descriptor = b
		}
	}
	return s
}
