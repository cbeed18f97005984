package pipeline

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
)

// fileKeys is the table, in the order of init's file.
var fileKeys = keys.Table(slices.Concat([]keys.Row{
	{Path: "group", Form: keys.FormText, Must: true, Live: "GROUP", Like: "a name for this pipeline",
		Doc: "ledger entries, Kafka group and pipeline share this name"},

	{Path: "source", Form: keys.FormMap, Must: true, Like: "{brokers: [localhost:9092], topics: [TOPIC]}"},
	{Path: "source.brokers", Form: keys.FormTexts, Must: true, Live: "[BROKERS]", Like: "[localhost:9092]"},
	{Path: "source.topics", Form: keys.FormOwn, Own: &topicsOwn, Like: "[TOPIC]", Must: true, Live: "[TOPIC]",
		Doc: "{pattern: '^TOPIC-'} also takes topics that appear later"},
	{Path: "source.start", Form: keys.FormOwn, Own: &startOwn, Def: "earliest", Live: "earliest",
		Doc: `for a topic new to the ledger; latest, a time, {"TOPIC:0": 42}`},
	{Path: "source.isolation", Form: keys.FormWord, Words: []string{"read_committed", "read_uncommitted"},
		Def: "read_committed", Doc: "or read_uncommitted"},
	{Path: "source.partitions", Form: keys.FormOwn, Own: &rangesOwn, Def: "[]",
		Doc: `["TOPIC:0-3"]: these alone, without a Kafka group`},
	{Path: "source.group_protocol", Form: keys.FormWord, Words: []string{"cooperative", "consumer"}, Def: "cooperative",
		Doc: "or consumer (KIP-848: the broker's session timeout holds)"},
	{Path: "source.instance_id", Form: keys.FormText, Def: `""`,
		Doc: "static membership: a name per worker, e.g. ${HOSTNAME}"},
	{Path: "source.session_timeout", Form: keys.FormDuration, Def: "6s",
		Doc: "a host that vanishes is replaced after this"},
	{Path: "source.fetch_memory", Form: keys.FormSize, Def: "64MiB",
		Doc: "records held before decoding, decompressed"},
	{Path: "source.tls", Form: keys.FormMap},
	{Path: "source.tls.enabled", Form: keys.FormBool, Def: "false", Doc: "speak TLS with the brokers"},
	{Path: "source.tls.ca", Form: keys.FormText, Def: `""`, Doc: "file of the authority to trust; empty: the system's"},
	{Path: "source.tls.cert", Form: keys.FormText, Def: `""`, Doc: "file of our own certificate (mutual TLS)"},
	{Path: "source.tls.key", Form: keys.FormText, Def: `""`, Doc: "file of its key"},
	{Path: "source.tls.server_name", Form: keys.FormText, Def: `""`, Doc: "the name to expect in the brokers' certificates"},
	{Path: "source.sasl", Form: keys.FormMap, Doc: "PLAIN SCRAM-SHA-256/512 OAUTHBEARER"},
	{Path: "source.sasl.mechanism", Form: keys.FormWord, Words: []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"},
		Def: `""`, Doc: "how to log in; empty: not at all"},
	{Path: "source.sasl.user", Form: keys.FormText, Def: `""`},
	{Path: "source.sasl.password", Form: keys.FormSecret, Def: `""`, Doc: "write ${NAME} or ${file:PATH}"},
	{Path: "source.sasl.token", Form: keys.FormSecret, Def: `""`, Doc: "for OAUTHBEARER: write ${NAME} or ${file:PATH}"},

	{Path: "decode", Form: keys.FormWord, Words: []string{"json", "csv", "raw", "json_schema", "avro", "protobuf"}, Def: "json", Live: "json",
		Doc: "json csv raw (one column) json_schema avro protobuf"},
	{Path: "csv", Form: keys.FormMap},
	{Path: "csv.delimiter", Form: keys.FormText, Def: `","`, Doc: "one character between two fields; \"\\t\" for a tab"},
	{Path: "csv.quote", Form: keys.FormText, Def: `'"'`, Doc: "one character around a field; empty: none is a quote"},
	{Path: "csv.header", Form: keys.FormTexts, Def: "[]", Doc: "the fields' names, in their order; empty: schema's columns"},
	{Path: "csv.null_word", Form: keys.FormText, Def: `""`, Doc: "a field that is null where it has no quotes"},
	{Path: "csv.trim", Form: keys.FormBool, Def: "false", Doc: "blanks around fields are no part of them"},
	{Path: "csv.bom", Form: keys.FormWord, Words: []string{"refuse", "skip"}, Def: "refuse", Doc: "of a byte order mark in front"},
	{Path: "envelope", Form: keys.FormWord, Words: []string{"none", debeziumPlain, debeziumSchema}, Def: "none",
		Doc: "what stands around the row; debezium, debezium_with_schema"},
	{Path: "schema", Form: keys.FormOwn, Own: &schemaOwn, Live: "SCHEMA",
		Doc: "text int float bool timestamp decimal json bytes date time uuid"},
	{Path: "explode", Form: keys.FormText, Def: `""`, Doc: "an array: a row for each element, from: items[].sku"},
	{Path: "unknown_fields", Form: keys.FormWord, Words: []string{"ignore", "error"}, Def: "ignore",
		Doc: "each name is reported once; or error"},
	{Path: "tombstone", Form: keys.FormWord, Words: []string{"park", "skip", "nulls", "delete"}, Def: "park",
		Doc: "a record without a value; or skip, nulls, delete: by its key"},
	{Path: "where", Form: keys.FormOwn, Own: &whereOwn, Def: `""`, Doc: "rows that are kept: delay > 15 and origin != \"ATL\""},
}, kinds.ProtobufKeys(), kinds.RegistryKeys(), kinds.AvroKeys(), []keys.Row{
	{Path: "sink", Form: keys.FormMap, Must: true, Like: `{postgres: {dsn: "${DATABASE_URL}", table: TABLE}}`},
}, kinds.Sinks.Keys(), []keys.Row{
	{Path: "ledger", Form: keys.FormStore, Def: "sink",
		Doc: strings.Join(kinds.Ledgers.Examples(), ", ") + ": at least once"},
	{Path: "mirror", Form: keys.FormStore, Def: "{}",
		Doc: "{redis: {addr: A, key: K}, zookeeper: {servers: [A], root: /R}}"},
	{Path: "keep_commits", Form: keys.FormWord, Words: []string{"all", "merged", "none"}, Def: "merged",
		Doc: "commit moves in the history: all merged none"},

	{Path: "batch", Form: keys.FormMap},
	{Path: "batch.records", Form: keys.FormCount, Def: "20000", Doc: "most records in one commit"},
	{Path: "batch.bytes", Form: keys.FormSize, Def: "16MiB", Doc: "most bytes of records in one commit, decompressed"},
	{Path: "batch.wait", Form: keys.FormDuration, Def: "0s", Doc: "how long a batch gathers at least"},
	{Path: "batch.min_rows", Form: keys.FormCount, Def: "1", Doc: "fewer records wait, up to max_wait"},
	{Path: "batch.max_wait", Form: keys.FormDuration, Def: "0s", Doc: "how long min_rows may hold a batch back"},
	{Path: "rate", Form: keys.FormCount, Def: "0", Doc: "records a second, shared by lag; 0: no limit"},
	{Path: "on_error", Form: keys.FormOwn, Own: &onErrorOwn, Def: "park",
		Doc: "or skip, dead_letter, or {refused: dead_letter, max: 100 in 1m}"},
	{Path: "policy", Form: keys.FormOwn, Own: &policyOwn, Def: "park",
		Doc: "or earliest, or {aged_out: park, recreated: park, truncated: park, lost_row: park}"},
	{Path: "watch", Form: keys.FormDuration, Def: "5s", Doc: "re-reads its positions, tests what is parked"},
	{Path: "commit_timeout", Form: keys.FormDuration, Def: "30s", Doc: "how long a commit may take; then smaller ones are tried"},
	{Path: "drain", Form: keys.FormDuration, Def: "30s", Doc: "how long a stop may take"},
	{Path: "log_format", Form: keys.FormWord, Words: []string{"auto", "text", "json"}, Def: "auto",
		Doc: "for people on a terminal, else key=value (text); or json"},
}, kinds.Ledgers.Keys(), kinds.Mirrors.Keys()))
