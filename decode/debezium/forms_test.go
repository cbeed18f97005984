package debezium

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Forms of values that Debezium's settings choose between, as a real one wrote them: each is the value, or bad.
func TestFormsOfValues(t *testing.T) {
	text := func(typ fencepost.Type) decode.Field { return decode.Field{Column: "n", Type: typ} }
	timed := func(typ fencepost.Type, unit decode.Unit) decode.Field {
		return decode.Field{Column: "n", Type: typ, Unit: unit}
	}
	const bad = "bad"
	for _, c := range []struct {
		field decode.Field
		value string
		want  string
	}{
		// time.precision.mode=isostring, in which a year before Christ looks like one behind it, and 24:00:00 like 00:00:00: as texts only
		{text(fencepost.Date), `"2026-11-29Z"`, bad},
		{text(fencepost.Text), `"2026-11-29Z"`, "2026-11-29Z"},
		{text(fencepost.Date), `"+292278994-08-16Z"`, bad},
		{text(fencepost.Date), `"-5877611-06-22Z"`, bad},
		{text(fencepost.Time), `"12:34:56.789123Z"`, bad},
		{text(fencepost.Timestamp), `"2001-02-03T04:05:06.789123Z"`, "981173106789123"},
		{text(fencepost.Timestamp), `"+294247-01-10T04:00:25.2Z"`, bad},
		{text(fencepost.Timestamp), `"-290308-12-21T19:59:27.6Z"`, bad},
		// timestamptz in any mode
		{text(fencepost.Timestamp), `"1970-01-01T00:00:00.000001Z"`, "1"},
		{text(fencepost.Timestamp), `"infinity"`, bad},
		{text(fencepost.Timestamp), `"-infinity"`, bad},
		{text(fencepost.Timestamp), `"-0043-03-15T00:00:00.000000Z"`, bad},
		{text(fencepost.Timestamp), `"+10000-01-01T00:00:00.000000Z"`, bad},
		// dates and times as numbers; infinity in a snapshot, and behind it
		{timed(fencepost.Date, decode.Days), "0", "1970-01-01"},
		{timed(fencepost.Date, decode.Days), "-622191234", bad},
		{timed(fencepost.Date, decode.Days), "-2147472692", bad},
		{timed(fencepost.Date, decode.Days), "-625821272", bad},
		{timed(fencepost.Date, decode.Days), "-2147472691", bad},
		{timed(fencepost.Date, decode.Days), "-735599", bad}, // 45 BC
		{timed(fencepost.Timestamp, decode.Days), "-622191234", bad},
		{timed(fencepost.Time, decode.Micros), "86400000000", "24:00:00"},
		{timed(fencepost.Time, decode.Millis), "86400000", "24:00:00"},
		{timed(fencepost.Time, decode.Micros), "-1", bad},
		{timed(fencepost.Timestamp, decode.Millis), "9223372036825200", bad},
		{timed(fencepost.Timestamp, decode.Millis), "-9223372036832400", bad},
		// decimal.handling.mode=string and double
		{text(fencepost.Decimal), `"12300.00"`, "12300.00"},
		{text(fencepost.Decimal), `"NAN"`, bad},
		{text(fencepost.Decimal), `"POSITIVE_INFINITY"`, bad},
		{text(fencepost.Decimal), `"NEGATIVE_INFINITY"`, bad},
		{text(fencepost.Float), `"NaN"`, bad},
		{text(fencepost.Float), `"-Infinity"`, bad},
		{text(fencepost.Decimal), `"NaN"`, bad},
		// a numeric without a scale brings its own; of a negative one the digits are many
		{decode.Field{Column: "n", Type: fencepost.Decimal, Encoding: decode.Unscaled}, `{"scale":3,"value":"BNI="}`, "1.234"},
		{decode.Field{Column: "n", Type: fencepost.Decimal, Encoding: decode.Unscaled}, `"NaN"`, bad},
		// bits, lowest byte first, and what is no base64
		{text(fencepost.Bytes), `"gQ=="`, "\x81"},
		{text(fencepost.Bytes), `"_-8="`, bad},
		{text(fencepost.Text), `"P1Y2M3DT4H5M6.789S"`, "P1Y2M3DT4H5M6.789S"},
		// hstore as the text of its JSON, or as a map
		{text(fencepost.JSON), `"{\"a\":null}"`, `{"a":null}`},
		{text(fencepost.JSON), `{"a":null}`, `{"a":null}`},
	} {
		f, err := New(Config{Decode: decode.Config{Fields: []decode.Field{c.field}}, Values: decode.JSON, Keys: decode.JSON})
		if err != nil {
			t.Fatal(err)
		}
		got, _, _ := strings.Cut(row(t, f(), "", `{"before":null,"after":{"n":`+c.value+`},"op":"c"}`), "|")
		if strings.HasPrefix(got, "record-undecodable: ") {
			got = bad
		}
		if got != c.want {
			t.Errorf("%s as %s %s: got %q, want %q", c.value, c.field.Type, c.field.Unit, got, c.want)
		}
	}
}

// What stands beside the row is taken by name: its transaction, whose id in Postgres is of the event, and not of all of them.
func TestWhatStandsBesideTheRow(t *testing.T) {
	f, err := New(Config{Decode: decode.Config{Fields: []decode.Field{{Column: "id", Type: fencepost.Int}, {Column: "tx", Type: fencepost.Text, From: "_transaction.id"},
		{Column: "lsn", Type: fencepost.Int, From: "_source.lsn"}, {Column: "at", Type: fencepost.Int, From: "_ts_ms"}}}, Values: decode.JSON, Keys: decode.JSON})
	if err != nil {
		t.Fatal(err)
	}
	got := row(t, f(), "", `{"before":null,"after":{"id":1},"source":{"lsn":5},"transaction":{"id":"794:24351224","total_order":1},"op":"c","ts_ms":9}`)
	if want := "1|794:24351224|5|9|c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
