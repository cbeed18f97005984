// Package registry finds out which schema a record was written with: it takes the id off a record, and asks a schema registry for
// the schema of that id.
//
//	record --Framer--> id, body, message      pure; where the id stands is configuration
//	                    |
//	                    +--Schemas--> text, type, references      one request for an id, ever
//
// Decoders of Avro, Protobuf and JSON Schema are made of these two.
package registry
