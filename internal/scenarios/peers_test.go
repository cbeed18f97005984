//go:build realservers

package scenarios

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// peerField is a field of the records, and the column that takes it.
type peerField struct {
	name, schema string // in Avro, Protobuf or JSON Schema
	kind         fencepost.Type
	column       string // in the pipeline file; empty: the word of kind
}

// edge is one record: one field has a value, all others are null.
type edge struct {
	field, value string // as the serializer takes it
	want         any    // as a Column holds it
	parks        string // the sinks that do not take it; all: its decoder does not
}

// peerFormat is a serializer's format.
type peerFormat struct {
	word   string // of decode
	kind   string // of the serializer
	fields []peerField
	edges  []edge
	job    func(t *testing.T, f peerFormat) servers.Job // without its value
}

// us are the microseconds of a time.
func us(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05.999999", text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMicro()
}

const (
	digits38 = "9999999999999999999999999999.9999999999"
	words    = `größe 日本 ✈️ ' \" \\ \t\n|`
)

// inWords is words as the value is.
const inWords = "größe 日本 ✈️ ' \" \\ \t\n|"

func peerFormats(t *testing.T) []peerFormat {
	logical := func(of, word string) string { return `{"type":"` + of + `","logicalType":"` + word + `"}` }
	first, last := us(t, "0001-01-01 00:00:00"), us(t, "9999-12-31 23:59:59.999")
	avro := peerFormat{word: "avro", kind: "AVRO",
		fields: []peerField{
			{"b", `"boolean"`, fencepost.Bool, ""}, {"i", `"int"`, fencepost.Int, ""}, {"l", `"long"`, fencepost.Int, ""}, {"f", `"float"`, fencepost.Float, ""}, {"d", `"double"`, fencepost.Float, ""},
			{"s", `"string"`, fencepost.Text, ""}, {"y", `"bytes"`, fencepost.Bytes, ""}, {"e", `{"type":"enum","name":"E","symbols":["UP","DOWN"]}`, fencepost.Text, ""},
			{"x", `{"type":"fixed","name":"X","size":3}`, fencepost.Bytes, ""}, {"a", `{"type":"array","items":["null","string"]}`, fencepost.JSON, ""}, {"m", `{"type":"map","values":"long"}`, fencepost.JSON, ""},
			{"r", `{"type":"record","name":"In","fields":[{"name":"x","type":"double"},{"name":"in","type":["null","In"]}]}`, fencepost.JSON, ""},
			{"c", `{"type":"bytes","logicalType":"decimal","precision":38,"scale":10}`, fencepost.Decimal, ""}, {"cf", `{"type":"fixed","name":"CF","size":8,"logicalType":"decimal","precision":18,"scale":2}`, fencepost.Decimal, ""},
			{"day", logical("int", "date"), fencepost.Date, ""}, {"tm", logical("int", "time-millis"), fencepost.Time, ""}, {"tu", logical("long", "time-micros"), fencepost.Time, ""},
			{"ms", logical("long", "timestamp-millis"), fencepost.Timestamp, ""}, {"us", logical("long", "timestamp-micros"), fencepost.Timestamp, ""}, {"ns", logical("long", "timestamp-nanos"), fencepost.Timestamp, ""},
			{"lm", logical("long", "local-timestamp-millis"), fencepost.Timestamp, ""}, {"lu", logical("long", "local-timestamp-micros"), fencepost.Timestamp, ""}, {"id", logical("string", "uuid"), fencepost.UUID, ""},
		},
		edges: []edge{
			{"b", "true", true, ""}, {"b", "false", false, ""},
			{"i", "2147483647", int64(2147483647), ""}, {"i", "-2147483648", int64(-2147483648), ""}, {"i", "0", int64(0), ""},
			{"l", "9223372036854775807", int64(9223372036854775807), ""}, {"l", "-9223372036854775808", int64(-9223372036854775808), ""}, {"l", "9007199254740993", int64(9007199254740993), ""},
			{"f", "3.4028234663852886e38", 3.4028234663852886e38, ""}, {"f", "1e-45", 1.401298464324817e-45, ""}, {"f", "0.1", 0.10000000149011612, ""},
			{"d", "1.7976931348623157e308", 1.7976931348623157e308, ""}, {"d", "5e-324", 5e-324, ""}, {"d", "0.1", 0.1, ""}, {"d", "-1e15", -1e15, ""},
			{"d", `{"$float":"nan"}`, nil, "all"}, {"d", `{"$float":"-inf"}`, nil, "all"}, {"f", `{"$float":"inf"}`, nil, "all"},
			{"s", `""`, "", ""}, {"s", `"` + words + `"`, inWords, ""}, {"s", `"nul\u0000"`, nil, "all"}, {"s", `"` + strings.Repeat("é", 70_000) + `"`, strings.Repeat("é", 70_000), ""},
			{"y", `{"$bytes":""}`, []byte{}, ""}, {"y", `{"$bytes":"AP8KXCcB"}`, []byte{0, 255, '\n', '\\', '\'', 1}, ""}, {"e", `"DOWN"`, "DOWN", ""}, {"x", `{"$bytes":"AP8n"}`, []byte{0, 255, '\''}, ""},
			{"a", `[]`, `[]`, ""}, {"a", `["",null,"ü\"\\"]`, `["",null,"ü\"\\"]`, ""}, {"a", `["\u0000"]`, `["\u0000"]`, "postgres"},
			{"m", `{}`, `{}`, ""}, {"m", `{"":-9223372036854775808,"k":9007199254740993}`, `{"":-9223372036854775808,"k":9007199254740993}`, ""},
			{"r", `{"x":0.1,"in":{"x":-2.5,"in":null}}`, `{"x":0.1,"in":{"x":-2.5,"in":null}}`, ""}, {"r", `{"x":{"$float":"nan"},"in":null}`, nil, "all"},
			{"c", `{"$decimal":"` + digits38 + `"}`, digits38, ""}, {"c", `{"$decimal":"-` + digits38 + `"}`, "-" + digits38, ""}, {"c", `{"$decimal":"-0.0000000001"}`, "-0.0000000001", ""}, {"c", `{"$decimal":"0"}`, "0", ""},
			{"cf", `{"$decimal":"-1.28"}`, "-1.28", ""}, {"cf", `{"$decimal":"9999999999999999.99"}`, "9999999999999999.99", ""},
			{"day", `{"$date":"0001-01-01"}`, "0001-01-01", ""}, {"day", `{"$date":"9999-12-31"}`, "9999-12-31", ""}, {"day", `{"$date":"1969-12-31"}`, "1969-12-31", ""},
			{"tm", `{"$time":"23:59:59.999"}`, "23:59:59.999", ""}, {"tm", `{"$time":"00:00:00"}`, "00:00:00", ""}, {"tu", `{"$time":"23:59:59.999999"}`, "23:59:59.999999", ""},
			{"ms", `{"$datetime":"0001-01-01T00:00:00+00:00"}`, first, ""}, {"ms", `{"$datetime":"9999-12-31T23:59:59.999+00:00"}`, last, ""}, {"ms", `{"$datetime":"2001-02-03T04:05:06.789+05:30"}`, us(t, "2001-02-02 22:35:06.789"), ""},
			{"us", `{"$datetime":"1969-12-31T23:59:59.999999+00:00"}`, int64(-1), ""}, {"us", `{"$datetime":"9999-12-31T23:59:59.999999+00:00"}`, last + 999, ""},
			{"us", "253402300800000000", int64(253402300800000000), "mariadb sqlite"}, {"ns", "-1", int64(-1), ""}, {"ns", "9223372036854775807", int64(9223372036854775), ""},
			{"lm", `{"$datetime":"2001-02-03T04:05:06.789"}`, us(t, "2001-02-03 04:05:06.789"), ""}, {"lu", `{"$datetime":"2001-02-03T04:05:06.789012"}`, us(t, "2001-02-03 04:05:06.789012"), ""},
			{"id", `{"$uuid":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", ""}, {"id", `{"$uuid":"ffffffff-ffff-ffff-ffff-ffffffffffff"}`, "ffffffff-ffff-ffff-ffff-ffffffffffff", ""},
		},
		job: func(_ *testing.T, f peerFormat) servers.Job {
			fields := []string{`{"name":"n","type":"long"}`}
			for _, p := range f.fields {
				fields = append(fields, fmt.Sprintf(`{"name":%q,"type":["null",%s],"default":null}`, p.name, p.schema))
			}
			return servers.Job{Type: "AVRO", Schema: `{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`}
		}}
	protobuf := peerFormat{word: "protobuf", kind: "PROTOBUF",
		fields: []peerField{
			{"b", "optional bool b = 2", fencepost.Bool, ""}, {"i", "optional int32 i = 3", fencepost.Int, ""}, {"l", "optional int64 l = 4", fencepost.Int, ""}, {"u", "optional uint32 u = 5", fencepost.Int, ""},
			{"ul", "optional uint64 ul = 6", fencepost.Decimal, ""}, {"si", "optional sint32 si = 7", fencepost.Int, ""}, {"sl", "optional sint64 sl = 8", fencepost.Int, ""}, {"fi", "optional fixed32 fi = 9", fencepost.Int, ""},
			{"fl", "optional fixed64 fl = 10", fencepost.Decimal, ""}, {"xi", "optional sfixed32 xi = 11", fencepost.Int, ""}, {"xl", "optional sfixed64 xl = 12", fencepost.Int, ""},
			{"f", "optional float f = 13", fencepost.Float, ""}, {"d", "optional double d = 14", fencepost.Float, ""}, {"s", "optional string s = 15", fencepost.Text, ""}, {"y", "optional bytes y = 16", fencepost.Bytes, ""},
			{"e", "optional E e = 17", fencepost.Text, ""}, {"r", "optional R r = 18", fencepost.JSON, ""}, {"a", "repeated string a = 19", fencepost.JSON, ""}, {"m", "map<string, int64> m = 20", fencepost.JSON, ""},
			{"p1", "oneof o { string p1 = 21; int64 p2 = 22; }", fencepost.Text, ""}, {"p2", "", fencepost.Int, ""}, {"at", "optional google.protobuf.Timestamp at = 23", fencepost.Timestamp, ""},
			{"w", "optional google.protobuf.Int64Value w = 24", fencepost.Int, ""},
		},
		edges: []edge{
			{"b", "true", true, ""}, {"b", "false", false, ""}, {"i", "-2147483648", int64(-2147483648), ""}, {"i", "2147483647", int64(2147483647), ""}, {"i", "0", int64(0), ""},
			{"l", `"-9223372036854775808"`, int64(-9223372036854775808), ""}, {"l", `"9223372036854775807"`, int64(9223372036854775807), ""}, {"u", "4294967295", int64(4294967295), ""},
			{"ul", `"18446744073709551615"`, "18446744073709551615", ""}, {"ul", `"0"`, "0", ""}, {"si", "-2147483648", int64(-2147483648), ""}, {"sl", `"-9223372036854775808"`, int64(-9223372036854775808), ""},
			{"fi", "4294967295", int64(4294967295), ""}, {"fl", `"18446744073709551615"`, "18446744073709551615", ""}, {"xi", "-2147483648", int64(-2147483648), ""}, {"xl", `"-9223372036854775808"`, int64(-9223372036854775808), ""},
			{"f", "3.4028234663852886e38", 3.4028234663852886e38, ""}, {"f", "0.1", 0.10000000149011612, ""}, {"d", "1.7976931348623157e308", 1.7976931348623157e308, ""}, {"d", "5e-324", 5e-324, ""},
			{"d", `"NaN"`, nil, "all"}, {"f", `"-Infinity"`, nil, "all"}, {"s", `""`, "", ""}, {"s", `"` + words + `"`, inWords, ""}, {"s", `"nul\u0000"`, nil, "all"},
			{"y", `""`, []byte{}, ""}, {"y", `"AP8KXCcB"`, []byte{0, 255, '\n', '\\', '\'', 1}, ""}, {"e", `"DOWN"`, "DOWN", ""}, {"e", `"UP"`, "UP", ""}, {"e", "7", nil, "all"},
			{"r", `{"x":0.1,"in":{"x":-2.5}}`, `{"x":0.1,"in":{"x":-2.5}}`, ""}, {"a", `["","ü\"\\"]`, `["","ü\"\\"]`, ""}, {"m", `{"":"-9223372036854775808"}`, `{"":-9223372036854775808}`, ""},
			{"p1", `""`, "", ""}, {"p2", `"0"`, int64(0), ""}, {"at", `"0001-01-01T00:00:00Z"`, first, ""}, {"at", `"9999-12-31T23:59:59.999999Z"`, last + 999, ""}, {"w", `"0"`, int64(0), ""},
		},
		job: protobufJob}
	number := func(typ string) string { return `{"type":["null","` + typ + `"]}` }
	schema := peerFormat{word: "json_schema", kind: "JSON",
		fields: []peerField{
			{"b", number("boolean"), fencepost.Bool, ""}, {"l", number("integer"), fencepost.Int, ""}, {"c", number("number"), fencepost.Decimal, ""}, {"d", number("number"), fencepost.Float, ""}, {"s", number("string"), fencepost.Text, ""},
			{"a", number("array"), fencepost.JSON, ""}, {"r", number("object"), fencepost.JSON, ""}, {"day", number("string"), fencepost.Date, ""}, {"tm", number("string"), fencepost.Time, ""},
			{"at", number("string"), fencepost.Timestamp, ""}, {"ms", number("integer"), fencepost.Timestamp, "{type: timestamp, unit: ms, missing: null}"}, {"id", number("string"), fencepost.UUID, ""}, {"y", number("string"), fencepost.Bytes, ""},
		},
		edges: []edge{
			{"b", "true", true, ""}, {"b", "false", false, ""}, {"l", "9223372036854775807", int64(9223372036854775807), ""}, {"l", "-9223372036854775808", int64(-9223372036854775808), ""}, {"l", "9223372036854775808", nil, "all"},
			{"c", "18446744073709551615", "18446744073709551615", ""}, {"c", "-0.1", "-0.1", ""}, {"c", "1e-20", "0.00000000000000000001", ""}, {"d", "1.7976931348623157e308", 1.7976931348623157e308, ""}, {"d", "5e-324", 5e-324, ""}, {"d", "0.1", 0.1, ""},
			{"s", `""`, "", ""}, {"s", `"` + words + `"`, inWords, ""}, {"s", `"nul\u0000"`, nil, "all"},
			{"a", `["",null,1.5,{"k":[]}]`, `["",null,1.5,{"k":[]}]`, ""}, {"r", `{"x":9007199254740993,"":"ü"}`, `{"x":9007199254740993,"":"ü"}`, ""}, {"r", `{"x":"\u0000"}`, `{"x":"\u0000"}`, "postgres"},
			{"day", `"0001-01-01"`, "0001-01-01", ""}, {"day", `"9999-12-31"`, "9999-12-31", ""}, {"day", `"2001-02-30"`, nil, "all"}, {"tm", `"23:59:59.999999"`, "23:59:59.999999", ""},
			{"at", `"9999-12-31T23:59:59.999999Z"`, last + 999, ""}, {"at", `"2001-02-03T04:05:06.789+05:30"`, us(t, "2001-02-02 22:35:06.789"), ""}, {"ms", "-62135596800000", first, ""}, {"ms", "253402300799999", last, ""},
			{"id", `"6ba7b810-9dad-11d1-80b4-00c04fd430c8"`, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", ""}, {"y", `"AP8KXCcB"`, []byte{0, 255, '\n', '\\', '\'', 1}, ""}, {"y", `"?"`, nil, "all"},
		},
		job: func(_ *testing.T, f peerFormat) servers.Job {
			fields := []string{`"n":{"type":"integer"}`}
			for _, p := range f.fields {
				fields = append(fields, fmt.Sprintf("%q:%s", p.name, p.schema))
			}
			return servers.Job{Type: "JSON", Schema: `{"type":"object","title":"R","properties":{` + strings.Join(fields, ",") + `}}`}
		}}
	return []peerFormat{avro, protobuf, schema}
}

// protobufJob compiles the fields of a format.
func protobufJob(t *testing.T, f peerFormat) servers.Job {
	t.Helper()
	text := "syntax = \"proto3\"; package t; import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/wrappers.proto\";\nenum E { UP = 0; DOWN = 1; } message R { double x = 1; optional R in = 2; }\nmessage Row { int64 n = 1;\n"
	for _, p := range f.fields {
		switch {
		case strings.HasSuffix(p.schema, "}"):
			text += p.schema + "\n"
		case p.schema != "":
			text += p.schema + ";\n"
		}
	}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"edges.proto": text + "}\n"})})}
	files, err := compiler.Compile(t.Context(), "edges.proto")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	set := &descriptorpb.FileDescriptorSet{}
	var add func(protoreflect.FileDescriptor)
	add = func(d protoreflect.FileDescriptor) {
		for i := range d.Imports().Len() {
			add(d.Imports().Get(i))
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(d))
	}
	add(files[0])
	b, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return servers.Job{Type: "PROTOBUF", Files: b, Message: "t.Row"}
}

// peerSink is a store, and the client of another that reads it.
type peerSink struct {
	name string
	part func(f peerFormat, table string) string                      // sink of the file
	made func(t *testing.T, ddl string)                               // nil: nothing has to be made
	read func(t *testing.T, table string, p peerField) map[int]string // :: n -> what the client shows
}

func peerSinks(t *testing.T) []peerSink {
	dsn, maria, file, red := servers.Postgres(t).Database(t), servers.MariaDB(t).Database(t), filepath.Join(t.TempDir(), "edges.db"), newRedisStore(t, servers.Redis(t))
	at, err := url.Parse(maria)
	if err != nil {
		t.Fatal(err)
	}
	client := func(t *testing.T, input string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%.500s\n%.500s", args[0], err, out, input)
		}
		return string(out)
	}
	shown := func(t *testing.T, lines, between string) map[int]string {
		all := map[int]string{}
		for at, text := range sinktest.ShownLines(t, lines, between) {
			all[int(at)] = text
		}
		return all
	}
	psql := []string{"psql", "-XqAt", "-v", "ON_ERROR_STOP=1", dsn}
	mariadb := []string{"mariadb", "--no-defaults", "-BN", "--default-character-set=utf8mb4", "-h", at.Hostname(), "-P", at.Port(), "-u", at.User.Username(), strings.TrimPrefix(at.Path, "/")}
	table := func(kind, place string) func(peerFormat, string) string {
		return func(_ peerFormat, table string) string {
			return fmt.Sprintf("sink: {%s: {%s, table: %s}}\n", kind, place, table)
		}
	}
	return []peerSink{
		{"postgres", table("postgres", fmt.Sprintf("dsn: %q", dsn)), func(t *testing.T, ddl string) { client(t, ddl, psql...) },
			func(t *testing.T, table string, p peerField) map[int]string {
				text := fmt.Sprintf("encode(convert_to(%q::text, 'UTF8'), 'hex')", p.name)
				if p.kind == fencepost.Bytes {
					text = fmt.Sprintf("encode(%q, 'hex')", p.name)
				}
				return shown(t, client(t, fmt.Sprintf("set timezone to 'UTC'; select n, %s from %s where %q is not null", text, table, p.name), psql...), "|")
			}},
		{"mariadb", table("mysql", fmt.Sprintf("dsn: %q", maria)), func(t *testing.T, ddl string) {
			tables, _, _ := strings.Cut(ddl, "PREPARE g") // the grants are for a user that is not here
			client(t, tables, mariadb...)
		},
			func(t *testing.T, table string, p peerField) map[int]string {
				text := "convert(`" + p.name + "`, char)"
				switch p.kind {
				case fencepost.Bytes:
					text = "`" + p.name + "`"
				case fencepost.Text, fencepost.JSON:
					text = "convert(`" + p.name + "` using utf8mb4)"
				}
				return shown(t, client(t, fmt.Sprintf("select n, hex(%s) from %s where `%s` is not null", text, table, p.name), mariadb...), "\t")
			}},
		{"sqlite", table("sqlite", fmt.Sprintf("path: %q", file)), func(t *testing.T, ddl string) { client(t, ddl, "sqlite3", file) },
			func(t *testing.T, table string, p peerField) map[int]string {
				text := fmt.Sprintf("hex(%q)", p.name)
				if p.kind == fencepost.Float {
					text = fmt.Sprintf("hex(printf('%%!.20g', %q))", p.name)
				}
				return shown(t, client(t, fmt.Sprintf("select n, %s from %s where %q is not null", text, table, p.name), "sqlite3", file), "|")
			}},
		{"redis", func(f peerFormat, table string) string {
			var commands []string
			for _, p := range f.fields {
				commands = append(commands, fmt.Sprintf("{command: 'HSET %s:{group}:%s {n} {%s}', where: '%s != nil'}", table, p.name, p.name, p.name))
			}
			return fmt.Sprintf("sink: {redis: {addr: %q, password: '${PW}', commands: [%s]}}\n", red.at.Addr(), strings.Join(commands, ", "))
		}, nil, func(t *testing.T, table string, p peerField) map[int]string {
			all := map[int]string{}
			got, err := red.client.HGetAll(t.Context(), table+":{"+table+"}:"+p.name).Result()
			if err != nil {
				t.Fatal(err)
			}
			for n, v := range got {
				var i int
				if _, err := fmt.Sscan(n, &i); err != nil {
					t.Fatal(err)
				}
				if p.kind == fencepost.Timestamp {
					us, err := strconv.ParseInt(v, 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					v = time.UnixMicro(us).UTC().Format("2006-01-02 15:04:05.999999")
				}
				all[i] = v
			}
			return all
		}},
	}
}

// TestPeersValuesInEachStore: what the serializers of another write of every type at its edges stands in each store as another client shows it, or is a
// dead letter.
func TestPeersValuesInEachStore(t *testing.T) {
	t.Parallel()
	binary, broker, registry := build(t), servers.Kafka(t), servers.Registry(t)
	sinks := peerSinks(t)
	for _, f := range peerFormats(t) {
		t.Run(f.word, func(t *testing.T) {
			s := newScene(t, broker, nil)
			topic := s.topic(1, "max.message.bytes", "2000000")
			job := f.job(t, f)
			job.Topic = topic
			var jobs []servers.Job
			for n, e := range f.edges {
				job.Value = json.RawMessage(fmt.Sprintf(`{"n":%d,%q:%s}`, n, e.field, e.value))
				jobs = append(jobs, job)
			}
			var records []*kgo.Record
			for n, done := range registry.Serialize(t, servers.Python, jobs...) {
				if done.Error != "" {
					t.Fatalf("%s: %s", jobs[n].Value, done.Error)
				}
				records = append(records, &kgo.Record{Topic: topic, Value: done.Bytes})
			}
			if err := s.client().ProduceSync(t.Context(), records...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			for _, to := range sinks {
				t.Run(to.name, func(t *testing.T) { to.takes(t, binary, broker, registry, f, topic) })
			}
		})
	}
}

// takes runs a pipeline of the topic into the store, and compares.
func (to peerSink) takes(t *testing.T, binary string, broker servers.Broker, registry servers.RegistryServer, f peerFormat, topic string) {
	table := strings.ToLower(servers.Name(t))
	table = "edges_" + table[len(table)-10:]
	sh := &shell{t: t, binary: binary, dir: t.TempDir(), env: []string{"PW=" + servers.RedisPassword}}
	columns := []string{"n: int"}
	for _, p := range f.fields {
		column := p.column
		if column == "" {
			column = fmt.Sprintf("{type: %s, missing: null}", p.kind)
		}
		columns = append(columns, p.name+": "+column)
	}
	sh.write("p.yaml", fmt.Sprintf("group: %s\nsource: {brokers: [%q], topics: [%s]}\ndecode: %s\nregistry: {url: %s}\nschema: {%s}\n%son_error: {undecodable: dead_letter, refused: dead_letter, max: none}\n",
		table, broker.Plaintext, topic, f.word, registry.URL(), strings.Join(columns, ", "), to.part(f, table)))
	if to.made != nil {
		ddl := exec.CommandContext(t.Context(), binary, "ddl", "p.yaml")
		ddl.Dir = sh.dir
		text, err := ddl.Output()
		if err != nil {
			t.Fatal(err)
		}
		to.made(t, string(text))
	}
	sh.run(0, "run", "p.yaml", "--until", "end", "-q")
	letters := sh.letters()
	read := map[string]map[int]string{}
	for _, p := range f.fields {
		read[p.name] = to.read(t, table, p)
	}
	kinds := map[string]fencepost.Type{}
	for _, p := range f.fields {
		kinds[p.name] = p.kind
	}
	for n, e := range f.edges {
		parks := e.parks == "all" || strings.Contains(e.parks, to.name)
		letter, lettered := letters[fmt.Sprintf("%s:0@%d", topic, n)]
		text, stands := read[e.field][n]
		switch {
		case parks != lettered || parks == stands:
			t.Errorf("%s of %s: it stands: %t, and is a letter: %t (%s); want the %s", shortened(e.value), e.field, stands, lettered, letter, map[bool]string{true: "letter", false: "row"}[parks])
		case stands && !sinktest.Shows(kinds[e.field], e.want, text):
			t.Errorf("%s of %s reads %.80q, want %.80v", shortened(e.value), e.field, text, e.want)
		}
	}
	if len(letters) > len(f.edges) {
		t.Errorf("%d letters", len(letters))
	}
}

// shortened is the beginning of a text.
func shortened(text string) string {
	if len(text) > 80 {
		return text[:80] + "..."
	}
	return text
}
