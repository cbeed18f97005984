package registry

import "slices"

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

// ParseForm reads a word of the pipeline file.
func ParseForm(word string) (f Form, ok bool) {
	i := slices.Index(forms[:], word)
	return Form(max(i, 0)), i >= 0
}

// Part is a part of a record.
type Part uint8

// The parts of a record that have schemas.
const (
	Value Part = iota
	Key
)

// String is the part as headers and subjects name it: value, key.
func (p Part) String() string {
	if p == Key {
		return "key"
	}
	return "value"
}

// Encoding is how a body is encoded.
type Encoding uint8

// The encodings.
const (
	Binary   Encoding = iota // the schema's language's own: for JSON Schema, JSON
	AvroJSON                 // Avro's JSON encoding, as text
)
