// Webhook-handler sends each record to a URL and keeps the offsets in Redis: the shape of the old jobs that had their
// offsets in a Redis hash and their results elsewhere. A webhook has no transaction, so the offsets cannot be in it:
// effect, then commit. Each record is sent at least once.
//
//	redis-server &
//	fencepost quickstart --keep    in another terminal: leaves a broker with the topic flights
//	KAFKA_BROKERS=127.0.0.1:19092 KAFKA_TOPIC=flights REDIS=127.0.0.1:6379 WEBHOOK=http://127.0.0.1:8080/ go run ./examples/webhook-handler
//	redis-cli hgetall events-to-webhook
//
// The hash is the old one: field topic|partition, value from|until and more behind it. A program that splits the value
// on | and takes the second part still reads the job's position.
//
// # What can be sent twice, and what makes it once
//
// A worker that is killed behind a request and in front of its offsets leaves a batch that the next one sends again. A
// lost answer of Redis does not. Each request has a key made of topic, partition and offset: a receiver that keeps the
// keys that it has seen counts each record once.
//
// # How it fails
//
// A receiver that answers 400 or 422 says that it never takes this record: the record's partition parks in front of it,
// and the others go on. Any other answer than 2xx, or none, is tried again with growing pauses, by the whole batch: what
// went before it in the batch is sent again. So batches are small here.
//
// # What it does not do
//
// It sends one request at a time. It does not sign them.
package main
