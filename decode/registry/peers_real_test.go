//go:build realservers

package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/avro"
	"github.com/fencepost/fencepost/decode/protobuf"
	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/google/go-cmp/cmp"
)

// kinds is a schema of Avro with a field of every type.
const kinds = `{"type":"record","name":"K","fields":[
 {"name":"l","type":"long"},{"name":"n","type":["null","string"]},{"name":"d","type":"double"},{"name":"f","type":"float"},{"name":"s","type":"string"},{"name":"b","type":"boolean"},
 {"name":"by","type":"bytes"},{"name":"e","type":{"type":"enum","name":"E","symbols":["UP","DOWN"]}},{"name":"fx","type":{"type":"fixed","name":"F","size":3}},
 {"name":"arr","type":{"type":"array","items":"string"}},{"name":"m","type":{"type":"map","values":"int"}},
 {"name":"in","type":{"type":"record","name":"In","fields":[{"name":"x","type":"int"},{"name":"y","type":["null","In"]}]}},
 {"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
 {"name":"day","type":{"type":"int","logicalType":"date"}},{"name":"tm","type":{"type":"int","logicalType":"time-millis"}},{"name":"tu","type":{"type":"long","logicalType":"time-micros"}},
 {"name":"ms","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"us","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"id","type":{"type":"string","logicalType":"uuid"}}]}`

// kindColumns are the columns of its fields, one of them by a path.
func kindColumns() (fields []decode.Field) {
	for _, f := range []struct {
		name string
		kind fencepost.Type
	}{{"l", fencepost.Int}, {"n", fencepost.Text}, {"d", fencepost.Float}, {"f", fencepost.Float}, {"s", fencepost.Text}, {"b", fencepost.Bool}, {"by", fencepost.Bytes}, {"e", fencepost.Text},
		{"fx", fencepost.Bytes}, {"arr", fencepost.JSON}, {"m", fencepost.JSON}, {"in", fencepost.JSON}, {"dec", fencepost.Decimal}, {"day", fencepost.Date}, {"tm", fencepost.Time},
		{"tu", fencepost.Time}, {"ms", fencepost.Timestamp}, {"us", fencepost.Timestamp}, {"id", fencepost.UUID}} {
		fields = append(fields, decode.Field{Column: f.name, Type: f.kind})
	}
	return append(fields, decode.Field{Column: "deep", Type: fencepost.Int, From: "in.y.x"})
}

// kindsWant is the row that each peer's record makes.
var kindsWant = map[string]string{"l": "-9007199254740993", "n": "null", "d": "0.1", "f": "1.5", "s": "größe\n", "b": "true", "by": "\x00\xff", "e": "DOWN", "fx": "abc", "arr": `["a",""]`,
	"m": `{"k":7}`, "in": `{"x":1,"y":{"x":2,"y":null}}`, "dec": "-1.28", "day": "1969-12-31", "tm": "12:34:56.789", "tu": "00:00:00.000001", "ms": "981173106789000", "us": "-1",
	"id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "deep": "2"}

// row decodes a record, and waits for its schema.
func row(t *testing.T, d fencepost.Decoder, r *fencepost.Record) map[string]string {
	t.Helper()
	var columns []fencepost.Column
	for _, c := range d.Columns() {
		columns = append(columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	for {
		err := d.Decode(r, columns)
		waits, ok := errors.AsType[*fencepost.Unready](err)
		if ok && waits.Await != nil {
			waits.Await(t.Context())
			continue
		}
		if err != nil {
			t.Fatalf("% x: %v", r.Value, err)
		}
		break
	}
	got := map[string]string{}
	for i := range columns {
		c := &columns[i]
		switch {
		case c.Null(0):
			got[c.Name] = "null"
		case c.Type == fencepost.Int || c.Type == fencepost.Timestamp:
			got[c.Name] = fmt.Sprint(c.Int(0))
		case c.Type == fencepost.Float:
			got[c.Name] = fmt.Sprint(c.Float(0))
		case c.Type == fencepost.Bool:
			got[c.Name] = fmt.Sprint(c.Bool(0))
		default:
			got[c.Name] = c.Text(0)
		}
	}
	return got
}

// Records of every type of Avro, as the serializers of three languages write them, become the same row.
func TestPeersRecordsOfAvroAreDecoded(t *testing.T) {
	server := servers.Registry(t)
	client, err := registry.NewClient(registry.Config{URLs: []string{server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	const id = `"6ba7b810-9dad-11d1-80b4-00c04fd430c8"`
	for serializer, value := range map[servers.Serializer]string{
		servers.Python: `{"l":-9007199254740993,"n":null,"d":0.1,"f":1.5,"s":"größe\n","b":true,"by":{"$bytes":"AP8="},"e":"DOWN","fx":{"$bytes":"YWJj"},"arr":["a",""],"m":{"k":7},
			"in":{"x":1,"y":{"x":2,"y":null}},"dec":{"$decimal":"-1.28"},"day":{"$date":"1969-12-31"},"tm":{"$time":"12:34:56.789"},"tu":{"$time":"00:00:00.000001"},
			"ms":{"$datetime":"2001-02-03T04:05:06.789+00:00"},"us":{"$datetime":"1969-12-31T23:59:59.999999+00:00"},"id":{"$uuid":` + id + `}}`,
		servers.Java: `{"l":-9007199254740993,"n":null,"d":0.1,"f":1.5,"s":"größe\n","b":true,"by":"\u0000\u00ff","e":"DOWN","fx":"abc","arr":["a",""],"m":{"k":7},
			"in":{"x":1,"y":{"In":{"x":2,"y":null}}},"dec":"\u0080","day":-1,"tm":45296789,"tu":1,"ms":981173106789,"us":-1,"id":` + id + `}`,
	} {
		jobs := []servers.Job{{Topic: servers.Name(t), Type: "AVRO", Schema: kinds, Value: json.RawMessage(value)}}
		framing := registry.Framing{Type: registry.Avro}
		if serializer == servers.Java {
			framing.Form = registry.Apicurio
			text := jobs[0]
			text.Config = map[string]string{"apicurio.registry.avro.encoding": "JSON"}
			jobs = append(jobs, text)
		}
		factory, err := avro.New(avro.Config{Config: decode.Config{Fields: kindColumns()}, Framing: framing, Schemas: client})
		if err != nil {
			t.Fatal(err)
		}
		for i, done := range server.Serialize(t, serializer, jobs...) {
			record := written(t, done)
			if i == 1 && record.Value[0] != '{' {
				t.Errorf("% x is no text of Avro's JSON encoding", record.Value)
			}
			if d := cmp.Diff(kindsWant, row(t, factory(), record)); d != "" {
				t.Errorf("serializer %d, %q (-want +got):\n%s", serializer, record.Value, d)
			}
		}
	}
}

// Messages of Protobuf, as the serializers of three languages write them, become the same row, whichever way they name the message; with a
// map field too, whose hidden message Java's register as one that is written out.
func TestPeersMessagesAreDecoded(t *testing.T) {
	server := servers.Registry(t)
	client, err := registry.NewClient(registry.Config{URLs: []string{server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for _, serializer := range []servers.Serializer{servers.Python, servers.JavaScript, servers.Java} {
		framing := registry.Framing{Type: registry.Protobuf}
		if serializer == servers.Java {
			framing.Form = registry.Apicurio
		}
		fields := []decode.Field{{Column: "x", Type: fencepost.Int}, {Column: "m", Type: fencepost.JSON, Missing: decode.Null()}}
		factory, err := protobuf.New(protobuf.Config{Config: decode.Config{Fields: fields}, Framing: framing, Schemas: client})
		if err != nil {
			t.Fatal(err)
		}
		var jobs []servers.Job
		wants := []map[string]string{{"x": "-9007199254740993", "m": "null"}, {"x": "1", "m": `{"k":7}`}, {"x": "2", "m": "null"}}
		for i, value := range []string{`{"x":"-9007199254740993"}`, `{"x":"1","m":{"k":"7"}}`, `{"x":"2"}`} {
			jobs = append(jobs, servers.Job{Topic: servers.Name(t), Type: "PROTOBUF", Files: files(t), Message: []string{"t.A", "t.B", "t.B.In"}[i], Value: json.RawMessage(value)})
		}
		if serializer == servers.Java {
			jobs = jobs[:2] // it writes no message that is inside of another
		}
		for i, done := range server.Serialize(t, serializer, jobs...) {
			record := written(t, done)
			d := factory()
			if got := row(t, d, record); !cmp.Equal(wants[i], got) {
				t.Errorf("serializer %d, %s, % x (-want +got):\n%s", serializer, jobs[i].Message, record.Value, cmp.Diff(wants[i], got))
			}
		}
	}
}
