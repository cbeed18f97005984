package registry

import "context"

// Type is the language of a schema.
type Type uint8

// The languages of schemas.
const (
	AnyType Type = iota // not known, or not asked for
	Avro
	Protobuf
	JSON
)

// String is the type as registries write it: AVRO, PROTOBUF, JSON.
func (t Type) String() string {
	switch t {
	case Avro:
		return "AVRO"
	case Protobuf:
		return "PROTOBUF"
	case JSON:
		return "JSON"
	case AnyType:
	}
	return "any type"
}

// Schema is a schema as the registry holds it. It never changes: neither the registry nor the Client gives an id a second text.
// It is shared by everybody who asked for it, and must not be written to.
type Schema struct {
	ID   ID   // as it was asked for; of a reference, NoID with Apicurio's own API
	Type Type // AnyType where the registry does not say it: Apicurio's own API, for a GlobalID or a ContentID
	// Text is what was registered, byte for byte: JSON for Avro and JSON Schema, the source of a .proto file for Protobuf.
	Text string
	// Descriptor is a serialized FileDescriptorProto, where that is what was registered for Protobuf, in base64, as the Python
	// serializer does. Text holds the base64 then. nil: Text is source.
	Descriptor []byte
	// References are what Text refers to, in the registry's order, each with its own references: no cycle, and one *Schema for each
	// version, however often it is referred to. Files of google/protobuf are not among them: no registry holds them.
	References []Reference
}

// Reference is a schema that another one refers to.
type Reference struct {
	// Name is how the text refers to it: a full name in Avro, the path of an import in Protobuf, a URL in JSON Schema.
	Name    string
	Subject string // of Apicurio: GROUP/ARTIFACT, or the artifact alone
	Version string // a number; with Apicurio's own API any text
	Schema  *Schema
}

// Schemas answers which schema a record was written with. It is safe for concurrent use.
type Schemas interface {
	// Schema returns the schema of an id. An id that was answered once is answered from memory; for another one the registry is
	// asked, and the caller waits until it has answered or the context ends. Decoders ask with AtOnce.
	//
	// Errors: *fencepost.Unready while the registry has not answered, does not answer or does not let us in, and while an id is unknown
	// that was not asked for often enough; *fencepost.BadRecord for an id that the registry does not know.
	// A decoder returns both as they are.
	Schema(ctx context.Context, id ID) (*Schema, error)
}
