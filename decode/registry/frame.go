package registry

import (
	"encoding/binary"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Framing is how the records of a topic name their schemas. It is configuration, and never found out by trying: four and eight bytes of
// an id, message indexes and Apicurio's Ref cannot be told apart by their bytes.
type Framing struct {
	Form Form
	// Type is the language of the schemas. Protobuf has the place of a message in its schema beside the id.
	Type Type
	// Part is what of the record is framed. Zero: the value.
	Part Part
	// IDs is what a number in front of the body counts, where the form leaves it open: SchemaID, GlobalID or ContentID. Zero:
	// SchemaID with Confluent, GlobalID with Apicurio's forms. In a header the header's name says it.
	IDs Kind
}

// Form is where the id of the schema stands.
type Form uint8

// The forms.
const (
	Confluent     Form = iota // in the header __value_schema_id; without it, in front of the body
	Apicurio                  // in a header apicurio.value.*; without one, eight bytes in front of the body
	ApicurioFour              // the same with four bytes: apicurio.registry.as-confluent, or Legacy4ByteIdHandler
	SingleObject              // Avro's own: c3 01 and the fingerprint
	Bare                      // nowhere: the body is all there is
	numberOfForms = iota
)

var forms = [numberOfForms]string{"confluent", "apicurio", "apicurio_4_bytes", "single_object", "bare"}

// String is the form in the words of the pipeline file.
func (f Form) String() string { return forms[min(int(f), len(forms)-1)] }

// Forms are the words of the pipeline file, in the order of the constants.
func Forms() []string { return forms[:] }

// Part is a part of a record.
type Part uint8

// The parts of a record that have schemas.
const (
	Value Part = iota
	Key
)

// String is the part as headers and subjects name it.
func (p Part) String() string {
	if p == Key {
		return "key"
	}
	return "value"
}

// Frame is a record's value or key, taken apart. Its slices are parts of the record or of the Framer: they are good until the
// record or the Framer is used again.
type Frame struct {
	ID ID // Kind NoID with the form Bare
	// Null says that there is nothing: a tombstone, or a record without a key. All else is zero then, and no registry need be asked.
	Null bool
	// Body is what the schema describes. It may be empty, and is not nil.
	Body     []byte
	Encoding Encoding
	Message  Message // with Protobuf
}

// Encoding is how a body is encoded.
type Encoding uint8

// The encodings.
const (
	Binary   Encoding = iota // the schema's language's own: for JSON Schema, JSON
	AvroJSON                 // Avro's JSON encoding, as text
)

// Message says which message of a Protobuf schema a body is: by Name or by Indexes. Both are empty with the forms that do not say it.
type Message struct {
	// Name is the message's name as Apicurio writes it: a full name, or one without its package, which has to be looked for in the schema
	// then.
	Name []byte
	// Indexes lead to the message: the index among the messages of the file, then among those inside of it. Writers count in two ways where
	// a message has map fields: see the package's documentation.
	Indexes []int
}

// Framer takes records apart. It allocates nothing for each of them. Used by one goroutine.
type Framer struct {
	framing Framing
	indexes []int
}

// NewFramer makes a Framer.
func NewFramer(f Framing) *Framer {
	if f.IDs == NoID {
		f.IDs = SchemaID
		if f.Form == Apicurio || f.Form == ApicurioFour {
			f.IDs = GlobalID
		}
	}
	return &Framer{framing: f, indexes: make([]int, 0, 8)}
}

// Frame takes the framed part of a record apart.
//
// Errors: *fencepost.BadRecord for bytes that have another form.
func (f *Framer) Frame(r *fencepost.Record) (Frame, error) {
	v := r.Value
	if f.framing.Part == Key {
		v = r.Key
	}
	if v == nil {
		return Frame{Null: true}, nil
	}
	if len(v) < 5 || v[0] != 0 {
		return Frame{}, bad("%s has no schema id in front", f.framing.Part)
	}
	return Frame{ID: ID{Kind: f.framing.IDs, Number: uint64(binary.BigEndian.Uint32(v[1:]))}, Body: v[5:]}, nil
}

// bad makes a *fencepost.BadRecord.
func bad(format string, args ...any) error {
	return &fencepost.BadRecord{Code: decode.Undecodable, Reason: fmt.Sprintf(format, args...)}
}
