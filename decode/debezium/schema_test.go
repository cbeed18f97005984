package debezium

import (
	"fmt"
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

// describedOfMySQL is the schema of a row of MySQL.
const describedOfMySQL = `{"schema":{"type":"struct","name":"db.shop.people.Envelope","fields":[
 {"type":"struct","optional":true,"field":"after","fields":[
  {"type":"int64","optional":false,"field":"id"},
  {"type":"int32","optional":true,"name":"io.debezium.time.Date","version":1,"field":"born"},
  {"type":"int64","optional":false,"name":"io.debezium.time.MicroTimestamp","version":1,"field":"made"},
  {"type":"string","optional":true,"name":"io.debezium.time.ZonedTimestamp","version":1,"field":"at"},
  {"type":"int64","optional":true,"name":"io.debezium.time.MicroTime","version":1,"field":"clock"},
  {"type":"int32","optional":true,"name":"io.debezium.time.Year","version":1,"field":"y"},
  {"type":"array","items":{"type":"double","optional":true},"optional":true,"field":"xs"}]},
 {"type":"struct","name":"io.debezium.connector.mysql.Source","field":"source","fields":[]}]},"payload":{}}`

// Of MySQL it is dates of zeros and the year 0000, and nothing of Postgres'.
func TestNotesOfMySQL(t *testing.T) {
	d, ok := OfRecord([]byte(describedOfMySQL))
	if !ok || !d.MySQL || d.Postgres {
		t.Fatalf("got %+v, %t", d, ok)
	}
	var columns []decode.Field
	for _, f := range d.Fields {
		columns = append(columns, decode.Field{Column: f.Name, Type: fencepost.JSON})
	}
	want := []string{"a date of zeros in born, made, at arrives as null, or where the column is NOT NULL as its default or 1970-01-01: set sql_mode=NO_ZERO_DATE,NO_ZERO_IN_DATE at the source",
		"the year 0000 in y arrives as 2000 in a snapshot, and parks behind it",
		"a year before 100 in born, made, at arrives as one from 1970 to 2069, unless Debezium has enable.time.adjuster=false"}
	if diff := cmp.Diff(want, Notes(d, columns, Store{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if notes := Notes(d, columns[:1], Store{}); notes != nil {
		t.Errorf("of a number: got %q", notes)
	}
}

// What no pipeline can undo is said, of JSON and of Avro, whose schema is one that a real Debezium registered.
func TestNotesOfASchema(t *testing.T) {
	ofJSON, _ := OfRecord([]byte(described))
	text, err := os.ReadFile("testdata/envelope.avsc")
	if err != nil {
		t.Fatal(err)
	}
	ofAvro, ok := OfAvro(string(text))
	if !ok || !ofAvro.Postgres {
		t.Fatalf("got %+v, %t", ofAvro, ok)
	}
	columns := func(names ...string) (fields []decode.Field) {
		for _, n := range names {
			fields = append(fields, decode.Field{Column: n, Type: fencepost.JSON})
		}
		return fields
	}
	const defaults = "a NULL in def arrives as the column's default, unless Connect has value.converter.replace.null.with.default=false"
	nulls := func(names string) string {
		return "a large value of " + names + " that an update does not change arrives as null, unless the table has REPLICA IDENTITY FULL"
	}
	const (
		noNumbers = " arrive as null, unless Debezium has decimal.handling.mode=string"
		nested    = "of an array with more than one dimension in %s nulls arrive, or of text no JSON, which parks"
	)
	if diff := cmp.Diff([]string{defaults, nulls("xs"), fmt.Sprintf(nested, "tags, xs")}, Notes(ofJSON, columns("id", "def", "must", "tags", "xs"), Store{})); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	ofMySQL, _ := OfRecord([]byte(strings.Replace(described, "connector.postgresql.", "connector.mysql.", 1)))
	if diff := cmp.Diff([]string{defaults}, Notes(ofMySQL, columns("def", "xs"), Store{})); diff != "" {
		t.Errorf("JSON of MySQL, which sends large values always (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{defaults, nulls("n, nums"), "NaN and the infinities of n, p" + noNumbers, fmt.Sprintf(nested, "tags, ints, bigs, uu, nums, dates")}, Notes(ofAvro, columns("id", "n", "def", "tags", "ints", "bigs", "uu", "nums", "dates", "pic", "p"), Store{})); diff != "" {
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
