package debezium

import (
	"strings"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/avro"
	"github.com/fencepost/fencepost/decode/registry"
)

// The schemas of people as Debezium registers them through Apicurio's converter: types by connect.name, and no logical ones.
const (
	avroEnvelope = `{"type":"record","name":"Envelope","namespace":"db.public.people","connect.name":"db.public.people.Envelope","fields":[
		{"name":"before","type":["null",{"type":"record","name":"Value","fields":[{"name":"id","type":"long"},{"name":"name","type":["null","string"]},
			{"name":"bio","type":["null",{"type":"string","connect.version":1,"connect.name":"io.debezium.data.Json"},{"type":"array","items":["null","string"]},{"type":"map","values":"int"}]},
			{"name":"pic","type":["null","bytes"]},{"name":"born","type":["null",{"type":"long","connect.version":1,"connect.name":"io.debezium.time.MicroTimestamp"}]}]}]},
		{"name":"after","type":["null","Value"]},
		{"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":[{"name":"lsn","type":["null","long"]}]}},
		{"name":"op","type":"string"}]}`
	avroKey = `{"type":"record","name":"Key","namespace":"db.public.people","fields":[{"name":"id","type":"long"}],"connect.name":"db.public.people.Key"}`
)

// ofAvro makes the decoders of a schema: one text for all records, which are bare bodies.
func ofAvro(t testing.TB, text string) func(decode.Config) (decode.Factory, error) {
	schemas, err := avro.Fixed(text)
	if err != nil {
		t.Fatal(err)
	}
	return func(c decode.Config) (decode.Factory, error) {
		return avro.New(avro.Config{Config: c, Framing: registry.Framing{Form: registry.Bare}, Schemas: schemas})
	}
}

// encoded is a value by a schema, as another library writes it.
func encoded(t testing.TB, text string, v any) string {
	s, err := twmb.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type object = map[string]any

// person is a row of Avro.
func person(name, bio, pic, born any) object {
	return object{"id": int64(1), "name": name, "bio": bio, "pic": pic, "born": born}
}

// unsentField is the bad record of a field that was not sent.
func unsentField(name string) string {
	return "record-undecodable: field " + name + " was not sent: " + unsent
}

// An array of days, which Avro makes dates of, is found by the days of the placeholder's characters.
func TestDaysThatWereNotSent(t *testing.T) {
	c := fencepost.Column{Type: fencepost.JSON}
	days := []string{}
	for _, b := range []byte(placeholder) {
		day, _ := decode.AppendDay(nil, int64(b))
		days = append(days, string(day))
	}
	for text, want := range map[string]bool{"[" + strings.Join(days, ",") + "]": true, "[" + strings.Join(days[1:], ",") + "]": false} {
		c.Truncate(0)
		c.AppendText(text)
		if got := unavailable(&c, 0); got != want {
			t.Errorf("%s: got %t, want %t", text, got, want)
		}
	}
}

// The rows of change events in Avro are those of the same events in JSON.
func TestEventsOfAvro(t *testing.T) {
	c := people(Config{})
	c.Values, c.Keys = ofAvro(t, avroEnvelope), ofAvro(t, avroKey)
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	d := f()
	for _, e := range []struct {
		what          string
		before, after any
		op, want      string
	}{
		{"a row that is new", nil, person("ann", `{"a": 1}`, []byte{1, 2}, int64(0)), "c", "1|ann|{\"a\": 1}|\x01\x02|0|5|7|c"},
		{"a row of nulls", nil, person("ann", nil, nil, nil), "u", `1|ann|null|null|null|5|7|u`},
		{"json that is null", nil, person("ann", "null", nil, nil), "r", `1|ann|null|null|null|5|7|r`},
		{"an array", nil, person("ann", []any{"x", nil}, nil, nil), "r", `1|ann|["x",null]|null|null|5|7|r`},
		{"a delete reads the key, and no invention", person("", "", []byte{}, int64(0)), nil, "d", `1|null|null|null|null|5|7|d`},
		{"a truncate", nil, nil, "t", "table-truncated: the table was emptied (op t), which has no key, and no order to the changes in other partitions"},
		{"a logical message", nil, nil, "m", "no row"},
		{"an update without a row", nil, nil, "u", "record-undecodable: op u has no row (after is null)"},
		{"an op of tomorrow", nil, nil, "x", `record-undecodable: op "x" is none of c, u, r, d, t and m`},
		{"json that was not sent", nil, person("a", placeholder, nil, nil), "u", unsentField("bio")},
		{"an array of texts that was not sent", nil, person("a", []any{placeholder}, nil, nil), "u", unsentField("bio")},
		{"bytes that were not sent", nil, person("a", nil, []byte(placeholder), nil), "u", unsentField("pic")},
		{"infinity", nil, person("a", nil, nil, int64(9223372036825200000)), "c",
			"record-undecodable: field after.born: 80 d6 e5 e3 ff ff ff ff ff 01 (a timestamp) does not fit timestamp"},
		{"a text that is no JSON", nil, person("a", "{", nil, nil), "c", `record-undecodable: field after.bio: "{" (a string) does not fit json`},
	} {
		value := encoded(t, avroEnvelope, object{"before": e.before, "after": e.after, "source": object{"lsn": int64(5)}, "op": e.op})
		got := row(t, d, encoded(t, avroKey, object{"id": int64(1)}), value)
		if got != e.want {
			t.Errorf("%s:\n got %q\nwant %q", e.what, got, e.want)
		}
	}
	if got := row(t, d, encoded(t, avroKey, object{"id": int64(1)}), ""); got != "no row" {
		t.Errorf("the tombstone behind it: %s", got)
	}
}

// A row with one column that holds what JSON cannot say is a row.
func TestANaNOfAvro(t *testing.T) {
	const text = `{"type":"record","name":"E","fields":[{"name":"after","type":["null",{"type":"record","name":"V","fields":[{"name":"x","type":["null","double"]},{"name":"y","type":"double"}]}]},{"name":"op","type":"string"}]}`
	c := Config{Values: ofAvro(t, text), Keys: ofAvro(t, avroKey)}
	c.Decode.Fields = []decode.Field{{Column: "x", Type: fencepost.Float}}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	zero := 0.0
	if got := row(t, f(), "", encoded(t, text, object{"after": object{"x": nil, "y": zero / zero}, "op": "c"})); got != "null|c" {
		t.Errorf("got %s", got)
	}
}

// A delete's key names the type at the source nowhere, and the row that was there does.
func TestDeletesOfNumbersWithoutASign(t *testing.T) {
	const (
		of       = `{"type":"long","connect.parameters":{"__debezium.source.column.type":"BIGINT UNSIGNED"}}`
		envelope = `{"type":"record","name":"Envelope","fields":[{"name":"before","type":["null",{"type":"record","name":"Value","fields":[{"name":"u","type":%s},{"name":"v","type":["null","string"]}]}]},
			{"name":"after","type":["null","Value"]},{"name":"op","type":"string"}]}`
		ofKey = `{"type":"record","name":"Key","fields":[{"name":"u","type":"long"}]}`
	)
	for _, c := range []struct {
		what, as   string
		of         fencepost.Type
		key, value any
		want       string
	}{
		{"2^64-1", of, fencepost.Decimal, int64(-1), object{"u": int64(-1), "v": nil}, "18446744073709551615|null|d"},
		{"2^63", of, fencepost.JSON, int64(-1 << 63), object{"u": int64(-1 << 63), "v": nil}, "9223372036854775808|null|d"},
		{"2^63-1", of, fencepost.Decimal, int64(1<<63 - 1), object{"u": int64(1<<63 - 1), "v": nil}, "9223372036854775807|null|d"},
		{"a bigint", `"long"`, fencepost.Decimal, int64(-1), object{"u": int64(-1), "v": nil}, "-1|null|d"},
		{"no row that was", of, fencepost.Decimal, int64(-1), nil, "-1|null|d"},
		{"an int", of, fencepost.Int, int64(-1), object{"u": int64(-1), "v": nil}, "record-undecodable: field u: 18446744073709551615 (a bigint unsigned) does not fit int"},
		{"an int that it fits", of, fencepost.Int, int64(7), object{"u": int64(7), "v": nil}, "7|null|d"},
	} {
		text := strings.Replace(envelope, "%s", c.as, 1)
		fields := []decode.Field{{Column: "u", Type: c.of}, {Column: "v", Type: fencepost.Text}}
		f, err := New(Config{Decode: decode.Config{Fields: fields}, Key: []string{"u"}, Values: ofAvro(t, text), Keys: ofAvro(t, ofKey)})
		if err != nil {
			t.Fatal(err)
		}
		value := encoded(t, text, object{"before": c.value, "after": nil, "op": "d"})
		if got := row(t, f(), encoded(t, ofKey, object{"u": c.key}), value); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
}
