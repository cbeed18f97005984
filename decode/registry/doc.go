// Package registry finds out which schema a record was written with: it takes the id off a record, and asks a schema registry for
// the schema of that id. Decoders of Avro, Protobuf and JSON Schema are made of these two.
//
//	record --Framer--> id, body, message      pure; where the id stands is configuration
//	                    |
//	                    +--Schemas--> text, type, references      a Client: one request for an id, ever
//
// # What stands before the body
//
// Confluent's serializers write an id in front of the body, or, if they are told to, a GUID into a header. Readers take both in both
// places, and so does the form confluent: first the header, then the prefix.
//
//	00 00000007 body                                   4 bytes of an id, big-endian
//	01 6ba7b810 9dad 11d1 80b4 00c04fd430c8 body       16 bytes of a GUID
//	headers: __value_schema_id = 01 GUID   body        the same without the body; __key_schema_id for keys
//
// With Protobuf the place of the message in its schema follows, behind the id or the GUID, as zigzag varints: their count, then
// the index among the messages of the file, among those inside of it, ...
//
//	00 0000000c 00 body          [0], the first message
//	00 0000000c 02 02 body       [1]
//	00 0000000c 04 00 02 body    [0, 1], the second one inside of the first
//
// Apicurio's serializers write headers by default, and otherwise eight bytes; four if they are told to be like Confluent's. The number is a
// globalId unless apicurio.registry.use-id says contentId. What Confluent's API calls an id is Apicurio's contentId: the same number
// as a globalId names another schema.
//
//	headers: apicurio.value.globalId = 0000000000000048   body     or .contentId; apicurio.key.* for keys
//	         apicurio.value.encoding = BINARY, or JSON: the text of Avro's JSON encoding
//	         apicurio.protobuf.type  = the message's name, with Protobuf; keys and values share it
//	00 0000000000000048 body                                       form apicurio
//	00 00000048 body                                               form apicurio_4_bytes
//	00 00000048 0b 0a09"Timestamp" body                            with Protobuf, a Ref with the message's name, behind its length
//
// Avro's single-object encoding names a schema by the CRC-64-AVRO of its parsing canonical form. The form leaves out logical types,
// scales, defaults and aliases, so that two schemas may share a fingerprint, and no registry can be asked by it.
//
//	c3 01 8364988d4af459f8 body                                    the fingerprint is little-endian
//
// # Laws
//
//  1. The form is never found out by trying: four and eight bytes of an id overlap, and so do indexes and a Ref. What does not have the
//     configured form is a bad record, whose reason names the form that the bytes look like.
//  2. A header wins over the prefix, and the last header of a name over those before it: a program that copies headers adds its own
//     behind them.
//  3. A record without a value is a tombstone in every form. No registry is asked about it.
//  4. There is no least length: a body may be empty.
//  5. An id is asked for once; what it names never changes. Decoders that ask at once share one request.
//  6. A registry that does not answer, or does not let us in, says nothing about a record: its partition waits
//     ([fencepost.Unready]).
//  7. A registry's "unknown" makes a bad record when it was said three times, over five seconds: a server that follows another one may
//     not know yet what was just registered. A 404 about a path is never "unknown".
//
// # Nested messages of Protobuf
//
// A map field makes a hidden nested message. Python's serializer counts it, as every counter over descriptors does; those of JavaScript and Java,
// which count in the source of the schema, do not. So the same indexes lead to different messages where a named message stands behind
// a map field inside of one, and which one cannot be known from the bytes: decoders must refuse it unless the pipeline names the
// message.
//
// # How it fails
//
// Errors of [Framer.Frame] are *[fencepost.BadRecord] with the code of package decode. Errors of [Client.Schema] are those, with the code
// [Unknown], and *[fencepost.Unready] with one of [Silent], [Denied], [Refused] and [Unknown].
//
// # What it does not do
//
// It parses no schema, except that it recognizes base64. It registers nothing. It knows no contexts, and does not read AWS Glue's form.
package registry
