// Package offsetfile reads and writes Kafka offsets in files: in our own two forms, and in those of other tools.
//
//	form              read  written  what it is
//	json              x     x        our own: format 1, topic ID and epoch too; offsets show -o json can be read as well
//	csv               x     x        our own, the same names flattened, with a header
//	kafka-csv         x     x        kafka-consumer-groups: topic,partition,offset or group,topic,partition,offset
//	get-offsets       x     x        kafka-get-offsets and kcat -Q: topic:partition:offset
//	rpk               x     x        topic partition offset
//	kcl               x     x        [{"topic": "orders", "partition": 0, "offset": 183}]
//	connect           x     x        the offsets of a Kafka Connect sink, as its REST interface shows and takes them; of
//	                                 MirrorMaker 2's source, as it shows them
//	spark             x     x        Spark's startingOffsets: {"orders":{"0":183}}
//	spark-checkpoint  x              the checkpoint folder of a Spark streaming query
//
// # Why
//
// A position that is read wrong loses or repeats records without an error. So each form is read by one strict
// parser: what it does not expect is an error that names file and line, and is neither guessed nor passed over. What is
// odd and harmless becomes a note.
//
// # Laws
//
//  1. What is written in a form is read back as the same partitions and offsets; by our own forms the topic ID and the
//     epoch too.
//  2. A partition is in a file once. A key of a JSON object too: other readers take the last one without an error.
//  3. Offsets are integers of 64 bits and not negative; numbers in text may be in white space. A topic has a name
//     that brokers take.
//  4. Files of the other systems are as good: a byte order mark and CRLF are passed over.
//
// # How it fails
//
//	layout-damaged     FILE:LINE and what is wrong; if the file is of another form, which one it looks like
//	layout-newer       a later version of its program wrote it
//	layout-ambiguous   two sources of a checkpoint read a partition and differ; Options.Lower takes the lower one
//	layout-unknown     no such form
//	choice-needed      the file holds several groups and none was named
//	file-not-found, file-not-readable, file-is-folder
//
// # What it does not do
//
// It gives numbers no meaning: foreign.Entry.Resume does, and the writers take what is next to read. Only of MirrorMaker 2
// the form itself says it (foreign.Offsets.Means). It reads a file once, since a pipe has nothing the second time. It reads a
// checkpoint from the local disk only. It writes to an io.Writer and knows nothing of files that exist already.
package offsetfile
