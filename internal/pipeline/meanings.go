package pipeline

import (
	"cmp"
	"strings"

	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// Keys are the pages of the file's keys, in the order of init's file.
func Keys() []keys.Page {
	pages := fileKeys.Pages()
	for i, p := range pages {
		pages[i].Meaning = cmp.Or(meanings[p.Path], meanings[anyStore(p.Path)], p.Meaning)
		if p.Example != "" {
			_, name := keys.Split(p.Path)
			pages[i].Example = cmp.Or(prefixed(name, examples[p.Path]), prefixed(name, examples[anyStore(p.Path)]), p.Example)
		}
	}
	return pages
}

func prefixed(name, value string) string {
	if value == "" {
		return ""
	}
	return name + ": " + value
}

// anyStore is the path of a technology's key, whatever the technology; empty for other keys.
func anyStore(path string) string {
	words := strings.Split(path, ".")
	if len(words) == 3 && words[0] != "source" {
		return "*." + words[2]
	}
	return ""
}

// meanings is what a key means in whole sentences, where the comment behind it in init's file is a reminder. :: path -> meaning; "*."
// and a name is that key of every technology.
var meanings = map[string]string{
	"group": "The name of this pipeline: its entries in the ledger, its Kafka group and its history are kept under it. Two pipelines never share one.",

	"source.brokers": "Addresses to begin with, HOST:PORT. The client learns of the other brokers from any of them.",
	"source.topics":  "The topics to consume, by name; or {pattern: '^TOPIC-'}, which also takes topics that appear later. All share decode, schema and sink.",
	"source.start": "Where a topic that is new to the ledger begins: earliest, latest, a time, or an offset per partition as {\"TOPIC:0\": 42}. It is used once a topic; " +
		"a partition that is added later begins at earliest.",
	"source.isolation":  "read_committed waits for open transactions and leaves aborted ones out; read_uncommitted takes every record as it comes.",
	"source.partitions": "These partitions alone, as [\"TOPIC:0-3\"], without a Kafka group: no other worker takes over, and a live group of that name is refused.",
	"source.group_protocol": "cooperative is the classic protocol with cooperative rebalances; consumer is KIP-848, where the broker assigns and its session timeout " +
		"(45 s by default) holds.",
	"source.instance_id":     "Static membership: a name per worker, such as ${HOSTNAME}. A worker that comes back under its name within session_timeout moves nothing.",
	"source.session_timeout": "How long the coordinator waits without a heartbeat before it gives this worker's partitions to others. The fence makes a wrong eviction harmless.",
	"source.fetch_memory":    "How many bytes of fetched records are held before they are decoded, decompressed. Less costs speed where a broker has much ready.",
	"source.sasl.user":       "The user to log in as; PLAIN and SCRAM.",

	"decode": "json takes objects, exactly: duplicates, large integers and escapes included. csv takes one line a record (RFC 4180). raw puts the whole value into one column. " +
		"json_schema is json behind the id of a schema, as serializers of a schema registry write it. avro projects the body of a record, by the schema that it was written with, into the columns, by name. protobuf takes messages: bare ones of protobuf.file, or such behind the id of a schema.",
	"csv.delimiter": "The character between two fields, one of ASCII. A tab is written \"\\t\".",
	"csv.quote":     "The character around a field that holds a delimiter, a line break or a quote; two of them are one within. Empty: no character is a quote.",
	"csv.header": "The names of a record's fields, in their order; a column takes the field of its name, or of from:, which may be a place too: \"[0]\" is the first. A record has as " +
		"many fields as the header has names. Empty: the columns of schema, in their order, where none has a place.",
	"csv.null_word": "The field that is null where it is not quoted. Empty: the empty field, as in COPY of Postgres; with a word, such as \\N, an empty field is an empty text.",
	"csv.trim":      "Blanks and tabs around a field, outside of its quotes, are no part of it.",
	"csv.bom":       "What a byte order mark in front of a record means: refuse makes the record bad, skip passes over it.",

	"protobuf.file": "The schema of records that are bare messages: X.proto as text, which may import the files of its folder, or descriptors in any other file, as " +
		"protoc --descriptor_set_out=X.desc --include_imports writes them. Empty: each record names its schema, and registry is asked for it.",
	"protobuf.message": "The message that records are, by its full name or by one that no other message of the schema has. Empty: the only message of protobuf.file, or what each record says. With " +
		"registry, a record of another message is a bad record.",

	"avro.schema": "The file of the schema that all records have, where they name none; with form: single_object a list of those that they may have. It takes the place of registry.",
	"avro.form":   "What stands before a body whose schema is in avro.schema: nothing (bare), or c3 01 and the schema's fingerprint (single_object).",

	"registry.url": "Where the schema registry is. Of a list, the first one that answers is asked. Of Apicurio it is its API for Confluent's clients, http://HOST:8080/apis/ccompat/v7; its own " +
		"API is found from there.",
	"registry.user":     "The user of basic authentication.",
	"registry.password": "Its password: ${NAME} or ${file:PATH}, which is read again for each request.",
	"registry.token":    "The token of bearer authentication, in the place of user and password; it is read again for each request.",
	"registry.tls.key":  "The file of the certificate's key.",
	"registry.timeout":  "How long the registry may take to answer. A schema is asked for once; while the registry does not answer, partitions whose schema is not known yet wait.",
	"registry.form": "Where a record names its schema. confluent: in the header __value_schema_id, else as 00 and 4 bytes, or 01 and a GUID, in front. apicurio: in a header apicurio.value.globalId " +
		"or .contentId, else as 00 and 8 bytes in front; apicurio_4_bytes: the same with 4. single_object: Avro's own, c3 01 and a fingerprint. bare: nowhere.",
	"registry.id": "What the number in front of a record is to Apicurio: global (an artifact's version, what its serializers write) or content (a text, what its API for Confluent's clients calls an id). " +
		"Empty: an id with form confluent, global with Apicurio's forms. In a header the header's name says it.",
	"registry.subject": "Under which name check looks for the topic's schemas; empty: TOPIC-value. Records name their schemas by id, whatever the subject is.",

	"schema": "The columns: a name and a type, or {type: int, from: PATH, missing: error, mismatch: error, unit: ms}; or {type: int, expr: \"delay * 60\"}, a column that is computed, behind the others. Types are text int float bool timestamp decimal " +
		"json bytes date time uuid. A name may not begin with _.",
	"where": "A condition over the columns and the metadata columns: a record for which it does not hold makes no row, and counts as applied. One over a null does not hold, as in SQL. " +
		"The language is that of reference/expressions.md.",
	"unknown_fields": "What a field of a record means that no column takes: ignore reports each name once, error parks the partition.",
	"tombstone": "What a record without a value means: park stops its partition, skip makes no row of it, nulls makes a row in which every column of the schema is null, " +
		"delete deletes the row of the record's key: by key of an SQL sink, whose columns then have from: _key, or by deletes of redis. Every other record is an upsert. SQL of your own " +
		"reads d or u in the column _op of batch.",

	"ledger": "Where the positions are kept. sink, the default, keeps them in the sink's own store and commits both together: exactly once. Another store makes it at " +
		"least once, and check says what can be doubled.",
	"mirror": "A copy of the committed offsets for other tools, besides the Kafka group's: a hash in Redis, nodes in ZooKeeper. It is never read back as truth.",
	"keep_commits": "How commits stand in the history: all is a row each, merged one open row a partition that grows, none no row. All other moves are always kept. audit says " +
		"which commits it could prove.",

	"batch.records":   "The most records in one commit.",
	"batch.bytes":     "The most bytes of records in one commit, decompressed.",
	"batch.wait":      "How long a batch gathers at least. By itself a batch is what came while the one before was committed.",
	"batch.min_rows":  "Fewer records than this wait for more, up to max_wait: for a store that suffers from many small commits.",
	"batch.max_wait":  "How long min_rows may hold a batch back.",
	"rate":            "The most records a second of this worker, shared out by lag so that no partition is starved; 0 is no limit.",
	"webhook":         "A URL that is told what a person has to know of the run, by POST, beside logs and metrics: partitions that parked, records that were lost, dead letters, a worker that is gone, lag, an end by an error. Each POST has the events as run --events writes them.",
	"webhook.url":     "Where news is sent: https, or http to this machine. It is never shown, since it may hold a secret: write ${NAME} or ${file:PATH}, which is read again for each POST.",
	"webhook.secret":  "What signs each POST, as Standard Webhooks have it (webhook-signature, of webhook-id, webhook-timestamp and the body): whsec_ and base64, or any text. Empty: nothing is signed.",
	"webhook.on":      "The news that is sent; empty: all of it. parked: a partition stopped until its cause is mended. lost: recorded moves passed records unapplied. dead_letters: bad records were passed, kept or skipped. takeover: a worker is gone, and others have its partitions. lag: see webhook.lag. ended: the run ended with an error.",
	"webhook.lag":     "How many unread records of this worker's partitions are news, once, and once more when no more than half of that are left.",
	"webhook.timeout": "How long one POST may take. What is not answered by 2xx is tried again at growing intervals, for an hour, with the same webhook-id; what happens meanwhile goes with the next one.",
	"on_error": "What becomes of a record that cannot be applied: park stops its partition, loudly, while the others go on, and tests it again every watch; skip passes it and says so in " +
		"the history; dead_letter keeps it as it was read, beside the positions, in the same commit. Or for each kind: undecodable (the decoder refuses it), refused (the store refuses its row), " +
		"too_large (alone it is more than the store takes). max bounds how many records of one partition are passed in a while; at the next one it parks (100 in 1m, or none).",
	"policy": "What to do about a position that the brokers contradict: park waits for a person, earliest goes on at the log's beginning. Or for each verdict: {aged_out, recreated, " +
		"truncated, lost_row: park, earliest or latest}; truncated also takes divergence. Each is a recorded move.",
	"watch":          "How often a worker compares its positions with the ledger and the brokers, and tests what is parked.",
	"commit_timeout": "How long a commit may take. Then its connection is closed, the next compare-and-set finds what became of it, and smaller batches are tried.",
	"drain":          "How long a stop waits for commits that are under way. A second signal leaves at once; both are safe.",
	"log_format":     "auto is lines for people on a terminal and key=value elsewhere (text); json is one object a line.",

	"*.dsn":   "The connection string of the database: a URL, or what its driver takes. Write ${NAME} or ${file:PATH}; it is never printed.",
	"*.path":  "The file of the SQLite database, from the folder of this file.",
	"*.db":    "The number of the Redis database.",
	"*.table": "The table that rows go into, columns by name. A table that has _topic, _partition and _offset gets them filled, and audit can count its rows.",
	"*.sql": "Instead of table: one or more statements over the temporary table batch, which holds the batch's rows, in the same transaction as the offsets. Statements that end " +
		"the transaction are refused.",
	"*.key": "SQL: the columns to upsert by; without it rows are appended. Redis: the ledger's hash, or the hash of a mirror.",
	"*.deletes": "What a record does that deletes (tombstone: delete); commands are then for the others. HDEL, DEL, SREM and ZREM are for deletes alone. Records are taken in their " +
		"order: what one takes away, only a later one brings back.",
	"*.lanes": "How many commits go on side by side, each on its own connection; auto takes 1 where statements (sql) could lock each other out.",
}

// examples are values that keys may have, where neither the default nor the form shows one. :: path -> value, as in meanings
var examples = map[string]string{
	"group": "flights", "source.topics": "[flights]", "source.partitions": `["flights:0-3"]`, "source.instance_id": "${HOSTNAME}",
	"source.tls.ca": "/etc/kafka/ca.pem", "source.tls.cert": "/etc/kafka/etl.pem", "source.tls.key": "/etc/kafka/etl.key",
	"source.tls.server_name": "kafka.example.org", "registry.tls.ca": "/etc/registry/ca.pem", "registry.tls.cert": "/etc/registry/etl.pem", "registry.tls.key": "/etc/registry/etl.key",
	"registry.tls.server_name": "registry.example.org", "registry.subject": "org.example.Flight", "protobuf.file": "flight.proto", "protobuf.message": "example.Flight", "source.sasl.user": "etl",
	"schema": "{origin: text, delay: int, at: {type: timestamp, from: time.utc, unit: ms}}",
	"ledger": "{sqlite: {path: ledger.db}}", "mirror": "{redis: {addr: localhost:6379, key: spark:flights}}", "rate": "50000",
	"policy":   "{aged_out: earliest, truncated: divergence}",
	"on_error": "{undecodable: dead_letter, refused: park, too_large: skip, max: 100 in 1m}",
	"*.path":   "flights.db",
	"*.table":  "flights", "*.sql": "INSERT INTO delays SELECT origin, sum(delay) FROM batch GROUP BY origin", "*.key": "[origin]",
	"*.user": "etl", "*.group": "flights",
	"sink.redis.key": "delays:{group}", "ledger.redis.key": "delays:{group}", "mirror.redis.key": "spark:flights",
	"sink.redis.deletes":  "[\"HDEL delays {id}\"]",
	"sink.redis.commands": "[\"HINCRBY delays:{origin} minutes {delay}\"]",
}
