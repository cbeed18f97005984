// Package avro makes typed columns of Avro records: it projects the body of a record, by the schema that it was written with, straight
// into columns.
//
//	record --registry.Framer--> id, body
//	                             |    |
//	   id --registry.Schemas--> schema, compiled once into a plan: steps, one for each value of the body
//	                                  |
//	                           body --+--> columns
//
// There is no reader's schema beside the pipeline's columns: a column takes a field by its name or path, whatever the record is called,
// and whatever order, other fields, aliases and defaults its schema has. So a schema may gain and lose fields, and widen them, as far as
// the columns go along.
//
// # Where the schema comes from
//
//	registry       by the id, GUID or fingerprint of the record, in any of the forms of package registry
//	[Known]        the fingerprint of the single-object encoding, among schemas that the pipeline has
//	[Fixed]        one schema, of records that are bare bodies
//
// # Which value fits which column
//
// As the table above [decode.Cell] says, by what the value means:
//
//	int, long, float, double    Int, Float          boolean   Bool            string, enum      Text
//	decimal                     Decimal             date      Day             time-*            Clock
//	timestamp-*, local-*        Instant, as UTC     uuid      UUID, or Text   bytes, fixed      Raw
//	duration                    an object {"months":1,"days":2,"millis":3}, or a text P1M2DT0.003S
//	record, map, array          json: see the table above the decoder's json
//	union                       its branch, decided for each record; null is a null
//
// Two things are other than in JSON, and as Avro's own resolution of schemas has them: a text column takes bytes that are UTF-8, and a
// bytes column takes a string as the bytes of its text, not as base64.
//
// A logical type that is not valid means nothing, as the specification says: a decimal without precision is bytes, a date that is a string
// is a string. Types of Kafka Connect and Debezium are known by connect.name where the schema has no logical type: a decimal of Connect's
// keeps its scale, whatever the precision is, and what Debezium writes for infinity fits no time.
//
// A schema that is neither record nor map is one value, and one column takes it, whatever its name. Keys of a map are names of fields.
// Confluent's serializers write the bare schema "bytes" without a length, all others with it: so it is read.
//
// Text of Avro's JSON encoding, which Apicurio's serializers write if they are told to, becomes a body first: see above texts.
//
// # Laws
//
// The reference is slow and obvious: another library's decoder, then each wanted value by a Cell of its type. A property test and a fuzz
// target hold the plan to it, and these rules go beyond the library:
//
//   - The whole body is read, ignored fields included, and ends where its schema does. A byte too many is a bad record, as is invalid UTF-8,
//     a boolean of 2, an int beyond 32 bits, and a block whose size in bytes is not that of its items.
//   - Each length and count is held against the bytes that are left before anything is made of it. Items of no bytes, of array<null>, are
//     bound by a count of their own, 65,536 in a record. Values are nested at most [decode.MaxDepth] deep.
//   - A null of a union is a null in every column; Missing is for a field that the schema does not have.
//   - A path ends as its last step does. What it goes through decides for it, as in JSON.
//   - Where records are exploded, a null and a field that the schema does not have are no elements; a branch of a union that is no array
//     makes the record bad.
//   - A value that the column's type cannot hold exactly is a mismatch: NaN, a timestamp that overflows, NUL in a text.
//   - A record costs no allocation once its schema was met.
//
// # How it fails
//
// Errors of Decode are [fencepost.ErrNoRow], a *[fencepost.BadRecord] with the code of package decode and a reason that names the field, or the byte of
// the value, from 0; and what [registry.Schemas] answers while the schema cannot be had. A schema that is no Avro makes each of its
// records bad.
//
// # What it does not do
//
// It reads no object container files. It takes no default of the schema for a column: a column's missing is its default.
package avro
