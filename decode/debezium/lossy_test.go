package debezium

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// describedRow describes a row with one field n, of a database by the name of its connector.
func describedRow(t *testing.T, connector, field string) Description {
	t.Helper()
	d, ok := OfRecord([]byte(`{"schema":{"fields":[{"field":"after","fields":[{` + field + `,"field":"n"}]},{"field":"source","name":"io.debezium.connector.` + connector + `.Source"}]}}`))
	if !ok {
		t.Fatalf("no schema: %s", field)
	}
	return d
}

// of is a parameter of the type at the source.
func of(word string, length int) string {
	return fmt.Sprintf(`,"parameters":{"__debezium.source.column.type":%q,"__debezium.source.column.length":"%d"}`, word, length)
}

// A column that holds more than Debezium sends of its field is found, unless the schema says that the source has no more, or the store's column does not hold it.
func TestDoubts(t *testing.T) {
	const (
		wraps    = "it is sent as int64, in which a bigint unsigned from 2^63 on is below zero"
		double   = "it is sent as a double, in which a decimal loses digits"
		cut      = "it is sent in milliseconds (org.apache.kafka.connect.data.Timestamp), whatever the source has"
		cutTime  = "it is sent in milliseconds (org.apache.kafka.connect.data.Time), whatever the source has"
		interval = "an interval is sent as a number (io.debezium.time.MicroDuration), in which a month is 30.4375 days"
		hex      = "it is sent as text, which may be base64 or hexadecimal digits"
		my, pg   = "mysql", "postgresql"
		stamp    = `"type":"int64","name":"org.apache.kafka.connect.data.Timestamp"`
		clock    = `"type":"int32","name":"org.apache.kafka.connect.data.Time"`
	)
	n := map[string]bool{"n": true}
	for _, c := range []struct {
		connector, field string
		of               fencepost.Type
		store            Store
		want             string
	}{
		{my, plain, fencepost.Decimal, Store{}, wraps},
		{"mariadb", plain, fencepost.Decimal, Store{}, wraps},
		{my, plain, fencepost.Float, Store{}, wraps},
		{my, plain, fencepost.JSON, Store{}, wraps},
		{my, plain, fencepost.Int, Store{Unsigned: n}, wraps},
		{my, plain, fencepost.Int, Store{}, ""},
		{my, `"type":"int64","name":"io.debezium.time.MicroTimestamp"`, fencepost.JSON, Store{}, ""},
		{my, `"type":"int32"`, fencepost.Decimal, Store{}, ""},
		{my, plain + of("BIGINT", 0), fencepost.Decimal, Store{}, ""},
		{my, plain + of("INT UNSIGNED", 0), fencepost.Int, Store{Unsigned: n}, ""},
		{my, unsigned, fencepost.Decimal, Store{}, ""},
		{pg, plain, fencepost.Decimal, Store{}, ""},

		{my, `"type":"double"`, fencepost.Decimal, Store{}, double},
		{pg, `"type":"double"`, fencepost.Float, Store{Decimals: n}, double},
		{pg, `"type":"double"`, fencepost.Float, Store{}, ""},
		{my, `"type":"double"` + of("DECIMAL", 20), fencepost.Decimal, Store{}, double},
		{pg, `"type":"double"` + of("NUMERIC", 20), fencepost.Decimal, Store{}, double},
		{my, `"type":"double"` + of("DOUBLE", 0), fencepost.Decimal, Store{}, ""},
		{pg, `"type":"double"` + of("FLOAT8", 17), fencepost.Decimal, Store{}, ""},
		{my, `"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}`, fencepost.Decimal, Store{Decimals: n}, ""},

		{my, stamp, fencepost.Timestamp, Store{}, cut},
		{pg, clock, fencepost.Time, Store{}, cutTime},
		{my, stamp, fencepost.Timestamp, Store{Millis: n}, ""},
		{my, stamp + of("DATETIME", 3), fencepost.Timestamp, Store{}, ""},
		{my, stamp + of("DATETIME", 0), fencepost.Timestamp, Store{}, ""},
		{my, stamp + of("DATETIME", 6), fencepost.Timestamp, Store{}, cut},
		{pg, stamp + `,"parameters":{"__debezium.source.column.type":"TIMESTAMP","__debezium.source.column.length":"29","__debezium.source.column.scale":"6"}`, fencepost.Timestamp, Store{}, cut},
		{pg, stamp + `,"parameters":{"__debezium.source.column.type":"TIMESTAMP","__debezium.source.column.length":"26","__debezium.source.column.scale":"3"}`, fencepost.Timestamp, Store{}, ""},
		{my, `"type":"int64","name":"io.debezium.time.Timestamp"`, fencepost.Timestamp, Store{}, ""},
		{my, `"type":"int32","name":"org.apache.kafka.connect.data.Date"`, fencepost.Date, Store{}, ""},

		{pg, `"type":"int64","name":"io.debezium.time.MicroDuration"`, fencepost.Int, Store{}, interval},
		{pg, `"type":"string","name":"io.debezium.time.Interval"`, fencepost.Text, Store{}, ""},

		{pg, `"type":"string"`, fencepost.Bytes, Store{}, hex},
		{pg, `"type":"bytes"`, fencepost.Bytes, Store{}, ""},
		{pg, `"type":"string"`, fencepost.Text, Store{}, ""},
	} {
		got := ""
		for _, m := range Doubts(describedRow(t, c.connector, c.field), []decode.Field{{Column: "n", Type: c.of}}, c.store) {
			if got = m.Reason; m.Column != "n" || m.Help == "" {
				t.Errorf("%s: got %+v", c.field, m)
			}
		}
		if got != c.want {
			t.Errorf("%s %s into %s, %+v:\n got %q\nwant %q", c.connector, c.field, c.of, c.store, got, c.want)
		}
	}
}

// Of a number that may have lost its place among those without a sign, and of one that is known to have none, check says what an int makes of it.
func TestNotesOfNumbersWithoutASign(t *testing.T) {
	const (
		maybe = "where n is a bigint unsigned, what is 2^63 or more arrives below zero, unless Debezium has bigint.unsigned.handling.mode=precise or column.propagate.source.type"
		is    = "n is a bigint unsigned: what is 2^63 or more parks in an int, and {type: decimal, scale: 0} takes it"
	)
	for _, c := range []struct {
		connector, field string
		of               fencepost.Type
		want             string
	}{
		{"mysql", plain, fencepost.Int, maybe},
		{"mariadb", plain, fencepost.Int, maybe},
		{"mysql", signed, fencepost.Int, ""},
		{"mysql", unsigned, fencepost.Int, is},
		{"mysql", unsigned, fencepost.Decimal, ""},
		{"mysql", `"type":"int32"`, fencepost.Int, ""},
		{"postgresql", plain, fencepost.Int, ""},
	} {
		got := strings.Join(Notes(describedRow(t, c.connector, c.field), []decode.Field{{Column: "n", Type: c.of}}, Store{}), "; ")
		if got != c.want {
			t.Errorf("%s %s into %s:\n got %q\nwant %q", c.connector, c.field, c.of, got, c.want)
		}
	}
}

// The schema of Avro has the type at the source in the parameters of the type.
func TestTheTypeAtTheSourceOfAvro(t *testing.T) {
	d, ok := OfAvro(`{"type":"record","name":"e","fields":[{"name":"before","type":["null",{"type":"record","name":"Value","fields":[
		{"name":"n","type":["null",{"type":"long","connect.parameters":{"__debezium.source.column.type":"BIGINT UNSIGNED","__debezium.source.column.length":"20"}}]}]}]},
		{"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.mysql","fields":[]}}]}`)
	want := Description{Fields: []Described{{Name: "n", Type: "long", Source: "BIGINT UNSIGNED", Length: 20, Nullable: true}}, MySQL: true}
	if diff := cmp.Diff(want, d); !ok || diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
