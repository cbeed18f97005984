// Message-handler does what a Spark job with a messageHandler does (createDirectStream's function that is called once per
// record with topic, partition, offset, key and value, and returns what the job wants), and keeps the offsets with the
// results. Here the function is a decode.Func: it fills one row of typed columns, and the row goes into a table.
//
//	messageHandler: MessageAndMetadata[K, V] => R            decode.Func: func(*fencepost.Record, []fencepost.Column) error
//	  mmd.topic, mmd.partition, mmd.offset                     r.Topic, r.Partition, r.Offset
//	  mmd.key(), mmd.message()                                 r.Key, r.Value: bytes, nil where there is none
//	  mmd.timestamp                                            r.Timestamp, and r.Headers
//	  the R that it returns                                    one value appended to each column
//	  an exception: the batch fails                            an error: the record's partition parks in front of it
//
//	fencepost quickstart --keep    in another terminal: leaves a broker with the topic flights
//	KAFKA_BROKERS=127.0.0.1:19092 KAFKA_TOPIC=flights DATABASE=messages.db go run ./examples/message-handler
//	sqlite3 messages.db 'select * from messages limit 5'
//
// Like a batch job it takes what is there when it begins, and ends; the next run takes what has come since. Without
// Until it would run for ever, like a stream.
//
// # How it fails
//
// A record whose key or value is not UTF-8 parks its partition in front of it. The run does the other partitions, ends
// with the code parked-left, and the next run tries again. No record is passed in silence.
//
// # What it does not do
//
// One record makes one row: a function that makes none or several of it belongs behind the decoder, in a handler (see
// sqlite-handler) or in SQL.
package main
