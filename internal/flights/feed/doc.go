// Package feed writes flights into a Kafka topic: quickstart's 200,000 into the embedded broker, and the 3,000,000 of
// tests and measurements into a real cluster.
//
// # Why it is apart
//
// Package flights is data and knows no Kafka; this is its only door to franz-go.
//
// # Laws
//
//  1. One record a flight: the key is the origin, the value Flight.AppendJSON or what Config.Value makes. Timestamps are the time of producing: by
//     the flights' own dates, of 2001, retention would delete them at once.
//
//  2. The partition is murmur2(origin) modulo partitions, as Java's default partitioner has it: any producer of the
//     world would put a flight where this one does. Over 4 partitions the 200,000 are
//
//     partition      0        1        2        3
//     records   45,005   61,389   32,221   61,385
//
//  3. Within a partition flights keep their order, and none is stored twice by a retry (idempotent producer).
//
//  4. Offsets are 0, 1, 2 .. without a hole in a new topic: no transactions, so no control records.
//
// # How it fails
//
// At the first record that a broker refuses for good, or when the context ends, it stops and says how many were
// acknowledged; the topic stays as it is. A topic that exists already is refused, unless Partitions is 0.
//
// # What it does not do
//
// It does not go on where an earlier feed stopped, and does not delete topics. After a kill -9 of the embedded broker
// law 3 is weaker: see package broker.
package feed
