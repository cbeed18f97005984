package debezium

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// told is a record of a row with the fields' schemas beside it, as Kafka Connect's JsonConverter writes it. A field is NAME SCHEMA = VALUE.
func told(op string, fields ...string) string {
	var schemas, values []string
	for _, f := range fields {
		head, value, _ := strings.Cut(f, " = ")
		name, schema, _ := strings.Cut(head, " ")
		schemas, values = append(schemas, fmt.Sprintf(`{%s,"field":%q}`, schema, name)), append(values, fmt.Sprintf("%q:%s", name, value))
	}
	row := "{" + strings.Join(values, ",") + "}"
	before, after := "null", row
	if op == "d" {
		before, after = row, "null"
	}
	return `{"schema":{"type":"struct","fields":[{"type":"struct","fields":[` + strings.Join(schemas, ",") + `],"field":"after"},{"type":"struct","name":"io.debezium.connector.mysql.Source","field":"source"}]},` +
		`"payload":{"before":` + before + `,"after":` + after + `,"op":"` + op + `"}}`
}

// toldKey is a record's key with its schema beside it.
func toldKey(payload string) string { return `{"schema":{"type":"struct"},"payload":` + payload + `}` }

const (
	micros   = `"type":"int64","name":"io.debezium.time.MicroTimestamp","version":1`
	millis   = `"type":"int64","name":"io.debezium.time.Timestamp","version":1`
	unsigned = `"type":"int64","parameters":{"__debezium.source.column.type":"BIGINT UNSIGNED","__debezium.source.column.name":"n"}`
	signed   = `"type":"int64","parameters":{"__debezium.source.column.type":"BIGINT"}`
	plain    = `"type":"int64"`
)

// toldEvents are events that have a schema beside them, with the row that a column of this kind makes of n, whose key it is where they delete.
var toldEvents = []struct{ what, key, value, want string }{
	// The source's column went from datetime(6) to datetime(3): the number means something else, and the column does not.
	{"a timestamp in its unit", "", told("c", "n "+micros+" = 1000"), "timestamp us: 1000|c"},
	{"a timestamp in another one", "", told("c", "n "+millis+" = 1000"), "timestamp us: record-undecodable: field n: its unit is us, and it is sent in ms (io.debezium.time.Timestamp)"},
	{"a null has no unit", "", told("c", "n "+millis+" = null"), "timestamp us: null|c"},
	{"a key in another unit", toldKey(`{"n":1000}`), told("d", "n "+millis+" = 1000"), "timestamp us: record-undecodable: field n: its unit is us, and it is sent in ms (io.debezium.time.Timestamp)"},
	{"a decimal of another scale", "", told("c", `n "type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"3"} = "BNI="`),
		"decimal scale 2: record-undecodable: field n: its scale is 2, and it is sent with the scale 3"},
	{"a decimal of its scale", "", told("c", `n "type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"} = "BNI="`), "decimal scale 2: 12.34|c"},

	{"the most of a bigint unsigned", "", told("c", "n "+unsigned+" = -1"), "decimal: 18446744073709551615|c"},
	{"2^63", "", told("u", "n "+unsigned+" = -9223372036854775808"), "decimal: 9223372036854775808|u"},
	{"2^63-1", "", told("r", "n "+unsigned+" = 9223372036854775807"), "decimal: 9223372036854775807|r"},
	{"0", "", told("c", "n "+unsigned+" = 0"), "decimal: 0|c"},
	{"no bigint unsigned", "", told("c", "n "+unsigned+" = null"), "decimal: null|c"},
	{"the key of a delete", toldKey(`{"n":-1}`), told("d", "n "+unsigned+" = -1"), "decimal: 18446744073709551615|d"},
	{"in json", "", told("c", "n "+unsigned+" = -1"), "json: 18446744073709551615|c"},
	{"in an int", "", told("c", "n "+unsigned+" = -2"), "int: record-undecodable: field n: 18446744073709551614 (a bigint unsigned) does not fit int"},
	{"in an int that it fits", "", told("c", "n "+unsigned+" = 2"), "int: 2|c"},
	{"in an int with a rule", "", told("c", "n "+unsigned+" = -2"), "int mismatch null: null|c"},
	{"in a float", "", told("c", "n "+unsigned+" = -2"), "float: record-undecodable: field n: 9223372036854775808 (a bigint unsigned) does not fit float"},
	{"a bigint", "", told("c", "n "+signed+" = -1"), "int: -1|c"},
	{"a bigint in a decimal", "", told("c", "n "+signed+" = -1"), "decimal: -1|c"},
	{"one of which nothing is said", "", told("c", "n "+plain+" = -1"), "decimal: -1|c"},
	{"a year", "", told("c", `n "type":"int32","name":"io.debezium.time.Year","version":1 = 1901`), "int: 1901|c"},
	{"the year 0000", "", told("u", `n "type":"int32","name":"io.debezium.time.Year","version":1 = 1900`), "int: record-undecodable: field n: 1900 is no year of MySQL: the year 0000 is sent so"},
	{"a number 1900", "", told("u", `n "type":"int32" = 1900`), "int: 1900|u"},
	{"an array of arrays of text", "", told("c", `n "type":"array","items":{"type":"string"} = ["[Ljava.lang.String;@11a5265e","[Ljava.lang.String;@613d5b2"]`),
		"json: record-undecodable: field n: an array of arrays is sent as no JSON of it"},
	{"a schema behind the payload", "", `{"payload":{"before":null,"after":{"n":-1},"op":"c"},"schema":{"fields":[{"fields":[{` + unsigned + `,"field":"n"}],"field":"after"}]}}`, "decimal: 18446744073709551615|c"},
}

// toldDecoder makes the decoder of a column of the kind that stands before the colon of a row.
func toldDecoder(t testing.TB, kind string) fencepost.Decoder {
	t.Helper()
	f := decode.Field{Column: "n", Encoding: decode.Unscaled}
	word, rest, _ := strings.Cut(kind, " ")
	f.Type, _ = fencepost.ParseType(word)
	switch rest {
	case "us":
		f.Unit = decode.Micros
	case "scale 2":
		f.Scale = 2
	case "mismatch null":
		f.Mismatch = decode.Null()
	}
	if f.Type != fencepost.Decimal {
		f.Encoding = decode.Digits
	}
	factory, err := New(Config{Decode: decode.Config{Fields: []decode.Field{f}}, Schema: true, Accepts: Losses(), Values: decode.JSON, Keys: decode.JSON})
	if err != nil {
		t.Fatal(err)
	}
	return factory()
}

// What the schema beside an event says decides over its row: a column that reads the value by another unit or scale makes the record bad, and a
// bigint unsigned has no sign.
func TestTheSchemaBesideAnEvent(t *testing.T) {
	for _, e := range toldEvents {
		kind, want, _ := strings.Cut(e.want, ": ")
		if got := row(t, toldDecoder(t, kind), e.key, e.value); got != want {
			t.Errorf("%s:\n got %s\nwant %s", e.what, got, want)
		}
	}
}

// A decoder that has met schemas before, more than it keeps, makes of each event what a new one does.
func TestSchemasByTurns(t *testing.T) {
	for _, kind := range []string{"timestamp us", "decimal", "int"} {
		d := toldDecoder(t, kind)
		rng := rand.New(rand.NewPCG(1, 12))
		for range 2000 {
			schema := []string{micros, millis, unsigned, signed, plain}[rng.IntN(5)]
			value := told("c", fmt.Sprintf(`other%d "type":"string" = "x"`, rng.IntN(3)), fmt.Sprintf("n %s = %d", schema, rng.Int64N(5)-2))
			got, want := row(t, d, "", value), row(t, toldDecoder(t, kind), "", value)
			if got != want {
				t.Fatalf("%s: %s\n got %s\nwant %s", kind, value, got, want)
			}
		}
	}
}

// A schema that was met costs a comparison, and no allocation.
func TestSchemasBesideEventsCostNoAllocation(t *testing.T) {
	d := toldDecoder(t, "timestamp us")
	columns := empty(d)
	var records []*fencepost.Record
	for i := range mostMet {
		records = append(records, &fencepost.Record{Value: []byte(told("c", fmt.Sprintf(`other%d "type":"string" = "x"`, i), "n "+micros+" = 1"))})
	}
	decodeAll := func() {
		for _, r := range records {
			if err := d.Decode(r, columns); err != nil {
				t.Fatal(err)
			}
			for i := range columns {
				columns[i].Truncate(0)
			}
		}
	}
	decodeAll()
	if n := testing.AllocsPerRun(100, decodeAll); n > 0 {
		t.Errorf("%v allocations for %d records", n, len(records))
	}
}

// BenchmarkEventsBesideTheirSchema: a schema of 3 KB beside each event, of one table and of four by turns.
func BenchmarkEventsBesideTheirSchema(b *testing.B) {
	for _, tables := range []int{1, 4} {
		b.Run(fmt.Sprint("tables=", tables), func(b *testing.B) {
			d := toldDecoder(b, "timestamp us")
			columns := empty(d)
			var records []*fencepost.Record
			for i := range tables {
				fields := []string{"n " + micros + " = 1"}
				for k := range 20 {
					fields = append(fields, fmt.Sprintf(`column%d_%d "type":"string","optional":true,"name":"io.debezium.data.Json","version":1 = "x"`, k, i))
				}
				records = append(records, &fencepost.Record{Value: []byte(told("c", fields...))})
			}
			b.SetBytes(int64(len(records[0].Value)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := d.Decode(records[i%tables], columns); err != nil {
					b.Fatal(err)
				}
				for i := range columns {
					columns[i].Truncate(0)
				}
			}
		})
	}
}
