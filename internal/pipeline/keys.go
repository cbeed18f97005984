package pipeline

import (
	"slices"
	"strings"
)

// key is one row of the table of keys. The table is the only place that knows a key: the reader accepts what stands
// here and takes the defaults from it, `init` writes its file from it, and the JSON Schema is printed from it.
type key struct {
	path  string // sink.postgres.dsn
	kind  kind
	words []string // of a kindWord
	def   string   // the value of a key that is not there, as YAML; for a kindMap nothing
	must  bool     // there is no default
	live  string   // init writes the key as a line with this value; empty: behind "#" with its default
	doc   string   // behind the key in init's file, and the description in the JSON Schema
}

// kind is the form of a key's value.
type kind uint8

const (
	kindMap      kind = iota // keys of its own
	kindText                 // any text
	kindSecret               // text that is never printed
	kindSQL                  // text in which ${ } is left alone
	kindWord                 // one of words
	kindBool                 // true, false
	kindCount                // a whole number from 0
	kindSize                 // 64MiB
	kindDuration             // 5s, from 0
	kindTexts                // a list of texts
	kindTopics               // a list of topics, or {pattern: REGEXP}
	kindStart                // earliest, latest, a time, a map of offsets
	kindRanges               // a list of TOPIC:P or TOPIC:P-P
	kindSchema               // a mapping of columns
	kindPolicy               // park, earliest, or a mapping of verdicts
	kindLanes                // auto, or a count from 1
	kindStore                // its default, or keys of a technology
	kindCommands             // a list of commands of Redis
)

// keys is the table, in the order of init's file.
var keys = slices.Concat([]key{
	{path: "group", kind: kindText, must: true, live: "GROUP",
		doc: "ledger entries, Kafka group and pipeline share this name"},

	{path: "source", kind: kindMap, must: true},
	{path: "source.brokers", kind: kindTexts, must: true, live: "[BROKERS]"},
	{path: "source.topics", kind: kindTopics, must: true, live: "[TOPIC]",
		doc: "{pattern: '^TOPIC-'} also takes topics that appear later"},
	{path: "source.start", kind: kindStart, def: "earliest", live: "earliest",
		doc: `for a topic new to the ledger; latest, a time, {"TOPIC:0": 42}`},
	{path: "source.isolation", kind: kindWord, words: []string{"read_committed", "read_uncommitted"},
		def: "read_committed", doc: "or read_uncommitted"},
	{path: "source.partitions", kind: kindRanges, def: "[]",
		doc: `["TOPIC:0-3"]: these alone, without a Kafka group`},
	{path: "source.group_protocol", kind: kindWord, words: []string{"cooperative", "consumer"}, def: "cooperative",
		doc: "or consumer (KIP-848: the broker's session timeout holds)"},
	{path: "source.instance_id", kind: kindText, def: `""`,
		doc: "static membership: a name per worker, e.g. ${HOSTNAME}"},
	{path: "source.session_timeout", kind: kindDuration, def: "6s",
		doc: "a host that vanishes is replaced after this"},
	{path: "source.fetch_memory", kind: kindSize, def: "64MiB",
		doc: "records held before decoding, decompressed"},
	{path: "source.tls", kind: kindMap},
	{path: "source.tls.enabled", kind: kindBool, def: "false", doc: "speak TLS with the brokers"},
	{path: "source.tls.ca", kind: kindText, def: `""`, doc: "file of the authority to trust; empty: the system's"},
	{path: "source.tls.cert", kind: kindText, def: `""`, doc: "file of our own certificate (mutual TLS)"},
	{path: "source.tls.key", kind: kindText, def: `""`, doc: "file of its key"},
	{path: "source.tls.server_name", kind: kindText, def: `""`, doc: "the name to expect in the brokers' certificates"},
	{path: "source.sasl", kind: kindMap, doc: "PLAIN SCRAM-SHA-256/512 OAUTHBEARER"},
	{path: "source.sasl.mechanism", kind: kindWord, words: []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"},
		def: `""`, doc: "how to log in; empty: not at all"},
	{path: "source.sasl.user", kind: kindText, def: `""`},
	{path: "source.sasl.password", kind: kindSecret, def: `""`, doc: "write ${NAME} or ${file:PATH}"},
	{path: "source.sasl.token", kind: kindSecret, def: `""`, doc: "for OAUTHBEARER: write ${NAME} or ${file:PATH}"},

	{path: "decode", kind: kindWord, words: []string{"json", "raw"}, def: "json", live: "json",
		doc: "json raw (the value as it is, in one column)"},
	{path: "schema", kind: kindSchema, live: "SCHEMA",
		doc: "column: text int float bool timestamp decimal json bytes"},
	{path: "unknown_fields", kind: kindWord, words: []string{"ignore", "error"}, def: "ignore",
		doc: "each name is reported once; or error"},

	{path: "sink", kind: kindMap, must: true},
	{path: "sink.postgres", kind: kindMap, doc: "mysql, sqlite (path for dsn): the same keys"},
	{path: "sink.postgres.dsn", kind: kindSecret, must: true, live: "${DATABASE_URL}"},
	{path: "sink.postgres.table", kind: kindText, def: `""`, live: "TABLE",
		doc: "columns by name; _topic _partition _offset too, if it has them"},
	{path: "sink.postgres.key", kind: kindTexts, def: "[]", doc: "columns to upsert by; none: append"},
	{path: "sink.postgres.sql", kind: kindSQL, def: `""`,
		doc: "instead of table: statements over the temporary table batch"},
	{path: "sink.postgres.lanes", kind: kindLanes, def: "auto", doc: "commits side by side; 1 with sql"},
	{path: "sink.mysql", kind: kindMap, doc: "or MariaDB; postgres, sqlite (path for dsn): the same keys"},
	{path: "sink.mysql.dsn", kind: kindSecret, must: true, live: "${DATABASE_URL}"},
	{path: "sink.mysql.table", kind: kindText, def: `""`, live: "TABLE",
		doc: "columns by name; _topic _partition _offset too, if it has them"},
	{path: "sink.mysql.key", kind: kindTexts, def: "[]", doc: "columns to upsert by; none: append"},
	{path: "sink.mysql.sql", kind: kindSQL, def: `""`,
		doc: "instead of table: statements over the temporary table batch"},
	{path: "sink.mysql.lanes", kind: kindLanes, def: "auto", doc: "commits side by side; 1 with sql"},
	{path: "sink.sqlite", kind: kindMap, doc: "postgres, mysql (dsn for path): the same keys"},
	{path: "sink.sqlite.path", kind: kindText, must: true, live: "TABLE.db"},
	{path: "sink.sqlite.table", kind: kindText, def: `""`, live: "TABLE",
		doc: "columns by name; _topic _partition _offset too, if it has them"},
	{path: "sink.sqlite.key", kind: kindTexts, def: "[]", doc: "columns to upsert by; none: append"},
	{path: "sink.sqlite.sql", kind: kindSQL, def: `""`,
		doc: "instead of table: statements over the temporary table batch"},
	{path: "sink.redis", kind: kindMap, doc: "7.0 or later; noeviction or volatile-*"},
}, redisKeys("sink.redis", hashKey), []key{
	{path: "sink.redis.commands", kind: kindCommands, must: true, live: "COMMANDS", doc: "{EXPR} is its value for the record"},
	{path: "sink.redis.max_commands", kind: kindCount, def: "5000", doc: "most changes in one script: others wait for it"},
	{path: "sink.redis.lanes", kind: kindLanes, def: "auto", doc: "commits side by side"},
	{path: "ledger", kind: kindStore, def: "sink",
		doc: "{redis: {addr: A, db: 0}}, {sqlite: {path: P}}: at least once"},
	{path: "mirror", kind: kindStore, def: "{}",
		doc: "{redis: {addr: A, key: K}, zookeeper: {servers: [A], root: /R}}"},
	{path: "keep_commits", kind: kindWord, words: []string{"all", "merged", "none"}, def: "merged",
		doc: "commit moves in the history: all merged none"},

	{path: "batch", kind: kindMap},
	{path: "batch.records", kind: kindCount, def: "20000", doc: "most records in one commit"},
	{path: "batch.bytes", kind: kindSize, def: "16MiB", doc: "most bytes of records in one commit, decompressed"},
	{path: "batch.wait", kind: kindDuration, def: "0s", doc: "how long a batch gathers at least"},
	{path: "batch.min_rows", kind: kindCount, def: "1", doc: "fewer records wait, up to max_wait"},
	{path: "batch.max_wait", kind: kindDuration, def: "0s", doc: "how long min_rows may hold a batch back"},
	{path: "rate", kind: kindCount, def: "0", doc: "records a second, shared by lag; 0: no limit"},
	{path: "on_error", kind: kindWord, words: []string{"park"}, def: "park",
		doc: "a record that cannot be applied parks its partition"},
	{path: "policy", kind: kindPolicy, def: "park",
		doc: "or earliest, or {aged_out: park, recreated: park, truncated: park, lost_row: park}"},
	{path: "watch", kind: kindDuration, def: "5s", doc: "re-reads its positions, tests what is parked"},
	{path: "drain", kind: kindDuration, def: "30s", doc: "how long a stop may take"},
	{path: "log_format", kind: kindWord, words: []string{"auto", "text", "json"}, def: "auto",
		doc: "for people on a terminal, else key=value (text); or json"},
}, storeKeys())

// later lists words of later versions, so that somebody who read of them elsewhere learns that it is not a typing
// error. :: path -> the words
var later = map[string][]string{
	"decode":   {"csv", "avro", "protobuf"},
	"on_error": {"dead_letter", "skip"},
}

// removed lists keys of earlier versions, whose files are told what to do. :: path -> what is found
var removed = map[string]Finding{
	"ledger.kafka": {Code: "ledger-removed", Text: "ledger.kafka was removed: Kafka keeps no ledger any more",
		Help: "NEW names another store and group; with the build before this one: fencepost offsets copy FILE NEW --execute"},
}

// keyOf returns the table's row of a path, nil if there is none.
func keyOf(path string) *key {
	for i := range keys {
		if keys[i].path == path {
			return &keys[i]
		}
	}
	return nil
}

// under returns the keys directly below a path; "" for the whole file.
func under(path string) []*key {
	var out []*key
	for i := range keys {
		if parent, _ := split(keys[i].path); parent == path {
			out = append(out, &keys[i])
		}
	}
	return out
}

// name is the key without what stands above it.
func (k *key) name() string { _, n := split(k.path); return n }

func split(path string) (parent, name string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}
