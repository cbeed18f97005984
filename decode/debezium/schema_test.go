package debezium

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// described is the schema of a row in Connect's form.
const described = `{"schema":{"type":"struct","optional":false,"name":"db.public.people.Envelope","version":2,"fields":[
 {"type":"struct","optional":true,"name":"db.public.people.Value","field":"before","fields":[]},
 {"type":"struct","optional":true,"name":"db.public.people.Value","field":"after","fields":[
  {"type":"int64","optional":false,"field":"id"},
  {"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"12"},"field":"paid"},
  {"type":"int32","optional":true,"name":"io.debezium.time.Date","version":1,"field":"born"},
  {"type":"int64","optional":false,"name":"io.debezium.time.MicroTimestamp","version":1,"field":"made"},
  {"type":"int32","optional":true,"default":42,"field":"def"},
  {"type":"int32","optional":false,"default":7,"field":"must"},
  {"type":"array","items":{"type":"string","optional":true},"optional":true,"field":"tags"},
  {"type":"array","items":{"type":"double","optional":true},"optional":true,"field":"xs"},
  {"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2046","connect.decimal.precision":"5"},"field":"hundreds"},
  {"type":"string","optional":true,"field":"digits"}]},
 {"type":"struct","optional":false,"name":"io.debezium.connector.postgresql.Source","field":"source","fields":[]},
 {"type":"string","optional":false,"field":"op"}]},"payload":{}}`

// A unit or a scale that is not the one of the schema is found, and one that is there or not needed is not.
func TestColumnsAgainstTheSchema(t *testing.T) {
	d, ok := OfRecord([]byte(described))
	if !ok || !d.Postgres {
		t.Fatalf("got %+v, %t", d, ok)
	}
	timed := func(column string, typ fencepost.Type, unit decode.Unit) decode.Field {
		return decode.Field{Column: column, Type: typ, Unit: unit}
	}
	number := func(column string, e decode.Encoding, scale int) decode.Field {
		return decode.Field{Column: column, Type: fencepost.Decimal, Encoding: e, Scale: scale}
	}
	for _, c := range []struct {
		field  decode.Field
		reason string
		help   string
	}{
		{timed("made", fencepost.Timestamp, decode.Micros), "", ""},
		{timed("made", fencepost.Int, decode.NoUnit), "", ""},
		{timed("made", fencepost.Timestamp, decode.Millis), "its unit is ms, and it is sent in us (io.debezium.time.MicroTimestamp)", "unit: us"},
		{timed("made", fencepost.Timestamp, decode.NoUnit), "it is sent as a number (io.debezium.time.MicroTimestamp), and has no unit", "unit: us"},
		{timed("born", fencepost.Date, decode.Days), "", ""},
		{timed("born", fencepost.Timestamp, decode.Seconds), "its unit is s, and it is sent in days (io.debezium.time.Date)", "unit: days"},
		{number("paid", decode.Unscaled, 2), "", ""},
		{number("paid", decode.Unscaled, 3), "its scale is 3, and it is sent with the scale 2", "scale: 2"},
		{number("paid", decode.NumberOnly, 0), "it is sent as bytes with the scale 2, and has no scale", "scale: 2"},
		{number("hundreds", decode.Unscaled, 0), "it is sent as bytes with the scale 2046, which has too many digits", "decimal.handling.mode=string in Debezium, and scale: text"},
		{number("digits", decode.Unscaled, 2), "it is sent as a text of digits", "scale: text"},
		{number("digits", decode.Digits, 0), "", ""},
		{decode.Field{Column: "x", Type: fencepost.Timestamp, From: "made"}, "it is sent as a number (io.debezium.time.MicroTimestamp), and has no unit", "unit: us"},
		{decode.Field{Column: "made", Type: fencepost.Timestamp, From: "_ts_ms"}, "", ""},
		{decode.Field{Column: "other", Type: fencepost.Timestamp}, "", ""},
	} {
		var want []Misfit
		if c.reason != "" {
			want = []Misfit{{c.field.Column, c.reason, c.help}}
		}
		if diff := cmp.Diff(want, Compare(d, []decode.Field{c.field})); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.field, diff)
		}
	}
}

// The schemas of Connect and of Avro, of which one is what a real Debezium registered, are read alike; others are none of events.
func TestDoubtsOfASchema(t *testing.T) {
	ofJSON, _ := OfRecord([]byte(described))
	text, err := os.ReadFile("testdata/envelope.avsc")
	if err != nil {
		t.Fatal(err)
	}
	ofAvro, ok := OfAvro(string(text))
	if !ok || !ofAvro.Postgres {
		t.Fatalf("got %+v, %t", ofAvro, ok)
	}
	doubts := func(d Description, names ...string) (lines []string) {
		var fields []decode.Field
		for _, n := range names {
			fields = append(fields, decode.Field{Column: n, Type: fencepost.JSON})
		}
		for _, doubt := range Doubts(d, fields, nil) {
			lines = append(lines, string(doubt.Loss)+" "+doubt.Columns)
		}
		return lines
	}
	if diff := cmp.Diff([]string{"default_nulls def", "unsent_values xs", "nested_arrays tags, xs"}, doubts(ofJSON, "id", "def", "must", "tags", "xs")); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	ofMySQL, _ := OfRecord([]byte(strings.Replace(described, "connector.postgresql.", "connector.mysql.", 1)))
	if diff := cmp.Diff([]string{"default_nulls def"}, doubts(ofMySQL, "def", "xs")); diff != "" {
		t.Errorf("JSON of MySQL, which sends large values always (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"default_nulls def", "unsent_values n, nums", "nan_nulls n, p", "nested_arrays tags, ints, bigs, uu, nums, dates"},
		doubts(ofAvro, "id", "n", "def", "tags", "ints", "bigs", "uu", "nums", "dates", "pic", "p")); diff != "" {
		t.Errorf("Avro (-want +got):\n%s", diff)
	}
	for _, text := range []string{"", "1", `"string"`, `{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`} {
		if d, ok := OfAvro(text); ok {
			t.Errorf("%s: got %+v", text, d)
		}
		if d, ok := OfRecord([]byte(text)); ok {
			t.Errorf("%s: got %+v", text, d)
		}
	}
}
