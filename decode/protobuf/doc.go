// Package protobuf makes columns of records that are Protobuf messages.
//
// It reads the wire format itself, guided by descriptors: nothing is built between the bytes and the columns, so a record costs no
// allocation.
//
//	08 2a 12 02 68 69 1a 04 08 01 10 02
//	|     |           |
//	id 42 name "hi"   at {1, 2}            one pass over the bytes: a step for each field number says how its value is checked, and in
//	 |     |            |   |              which slot it is kept, if a column takes it
//	 v     v            v   v
//	[42]  [span]       [1] [2]             slots: the last value of a field wins, and a member of a oneof empties the slots of the others
//	 |     |              \ /
//	id    name            at               then each column takes its value out of its slots, in the order of the columns
//	int   text            timestamp
//
// A message that becomes JSON, or an element of a list that a path leads to, is read once more behind that pass, into slots of its own.
//
// # What a schema is
//
// A [Schema] is made of text (.proto), of descriptors, or of both, by [Compile] and [FromSet]. Files of google/protobuf are built in.
// Text of edition 2024 is not read; its descriptors are.
//
// Which message of the schema a record is, its frame says: by indexes or by name. Indexes have two readings where a message with a map
// field has messages inside of it: a map is a hidden message, which serializers over descriptors count and those over text do not. A
// record whose indexes mean two messages is a bad record, unless the pipeline names the message that it takes.
//
// # What fits which column
//
//	bool, numbers   as the verbs of [decode.Cell] say; uint64 is not negative above 2^63, so an int column cannot hold it
//	string          text; also timestamp, decimal, bytes (base64), date, time, uuid, as a string of JSON
//	bytes           bytes; 16 of them are a uuid
//	enum            text: the name. int, float, decimal: the number. A number that the schema has no name for is no text
//	Timestamp       timestamp; what is less than a microsecond is cut off towards the past
//	Duration        text: 1.500s. decimal, float, int: seconds
//	FieldMask       text: the paths between commas
//	wrappers        as what they wrap
//	any of them, any message, list and map: json
//
// JSON is that of the Protobuf documentation, with these rules: fields have their names as the schema writes them; numbers are numbers,
// those of 64 bits too; a field that cannot be absent is always there, with its zero, [] or {}; the members of a map are sorted by their
// keys; an Any is {"@type": URL, "value": base64}; NaN and the infinities are no JSON, and do not fit. A value has at most [MaxJSON] bytes of it.
//
// Paths are those of package decode: user.geo.country, tags[0], labels.env for the key env of a map. Names are those of the schema.
//
// Records are exploded by a repeated field, packed or not. A map and a single message are no lists, and make each record bad.
//
// # What is absent
//
// A field without presence (proto3 without optional) has the zero of its kind. A field that may be absent, and is, gives a null: optional,
// messages, oneof, wrappers, all of proto2. So does each field of a message that is absent. Where the column has a rule for what is missing,
// and that is no error, the rule says what it gets instead. Missing in every case are: a field that the schema of the record does not have, a
// required one that is not there, an element behind the end of a list, a key that a map does not have.
//
// # How it fails
//
// A bad record is one that is no message: cut short, with an invalid length, varint, number or wire type, nested deeper than [MaxDepth], or
// with a text that is not UTF-8, of proto2 too, in fields that no column takes as well. Its reason names the field and the byte. A value
// that its column cannot hold is what the column's rule says, as everywhere.
//
// A field of another wire type than the schema says, and one of a number that it does not have, are unknown fields: by their number they
// are reported, or refused, like the others that no column takes.
//
// # What it does not do
//
// It knows no extensions (they are unknown fields), and does not look for required fields that no column takes.
package protobuf
