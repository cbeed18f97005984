package debezium

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
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

// Each loss is a doubt where the schema admits it, and none where the schema, the column or the store's table says that it cannot be.
func TestDoubts(t *testing.T) {
	const (
		my, maria, pg = "mysql", "mariadb", "postgresql"
		stamp         = `"type":"int64","name":"org.apache.kafka.connect.data.Timestamp"`
		clock         = `"type":"int32","name":"org.apache.kafka.connect.data.Time"`
		day           = `"type":"int32","optional":true,"name":"io.debezium.time.Date"`
		moment        = `"type":"int64","name":"io.debezium.time.MicroTimestamp"`
		zoned         = `"type":"string","name":"io.debezium.time.ZonedTimestamp"`
		exact         = `"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal"`
		variable      = `"type":"struct","optional":true,"name":"io.debezium.data.VariableScaleDecimal"`
		double        = `"type":"double"`
		bits          = `"type":"bytes","optional":true,"name":"io.debezium.data.Bits"`
		ofDigits      = `,"parameters":{"__debezium.source.column.type":"TIMESTAMP","__debezium.source.column.length":"29","__debezium.source.column.scale":"%d"}`
	)
	known, n := &Store{}, map[string]bool{"n": true}
	array := func(items string) string {
		return `"type":"array","optional":true,"items":{` + items + `,"optional":true}`
	}
	for _, c := range []struct {
		connector, field string
		of               fencepost.Type
		store            *Store
		want             string // words; - of a doubt without one
	}{
		{pg, `"type":"int32","optional":true,"default":42`, fencepost.Int, known, "default_nulls"},
		{my, `"type":"int32","optional":true,"default":42`, fencepost.Int, nil, "default_nulls"},
		{pg, `"type":"int32","optional":false,"default":7`, fencepost.Int, known, ""},
		{pg, `"type":"int32","optional":true,"default":null`, fencepost.Int, known, ""},
		{pg, `"type":"int32","optional":true`, fencepost.Int, known, ""},

		{pg, array(double), fencepost.JSON, known, "unsent_values nested_arrays"},
		{pg, array(`"type":"string"`), fencepost.JSON, known, "nested_arrays"},
		{my, array(double), fencepost.JSON, known, ""},
		{pg, variable, fencepost.Decimal, nil, "unsent_values nan_nulls"},
		{pg, `"type":"string","optional":true`, fencepost.Text, known, ""},
		{pg, bits + `,"parameters":{"length":"2147483647"}`, fencepost.Bytes, nil, "unsent_values"},
		{pg, bits, fencepost.Bytes, known, "unsent_values"},
		{pg, bits + `,"parameters":{"length":"12"}`, fencepost.Bytes, known, ""},
		{my, bits, fencepost.Bytes, known, ""},

		{pg, exact, fencepost.Decimal, nil, "nan_nulls"},
		{pg, strings.Replace(exact, `"optional":true`, `"optional":false`, 1), fencepost.Decimal, known, ""}, // Debezium ends by it
		{pg, exact + of("MONEY", 0), fencepost.Decimal, known, ""},
		{pg, exact + of("NUMERIC", 9), fencepost.Decimal, known, "nan_nulls"},
		{my, exact, fencepost.Decimal, known, ""},

		{my, plain, fencepost.Decimal, known, "unsigned_bigints"},
		{maria, plain, fencepost.Float, known, "unsigned_bigints"},
		{my, plain, fencepost.JSON, known, "unsigned_bigints"},
		{my, plain, fencepost.Int, nil, "unsigned_bigints"},
		{my, plain, fencepost.Timestamp, known, ""},
		{my, moment, fencepost.Int, known, "zero_dates early_years"},
		{my, `"type":"int32"`, fencepost.Decimal, known, ""},
		{my, signed, fencepost.Int, known, ""},
		{my, plain + of("BIGINT", 0), fencepost.Decimal, known, ""},
		{my, unsigned, fencepost.Decimal, known, ""},
		{my, unsigned, fencepost.Int, known, "-"},
		{pg, plain, fencepost.Int, known, ""},

		{my, day, fencepost.Date, known, "zero_dates early_years"},
		{maria, day, fencepost.Date, nil, "zero_dates early_years"},
		{my, zoned, fencepost.Timestamp, known, "zero_dates"}, // none before 1970
		{my, `"type":"string","name":"io.debezium.time.IsoDate"`, fencepost.Text, known, "zero_dates early_years"},
		{my, `"type":"int64","name":"io.debezium.time.NanoTimestamp"`, fencepost.Timestamp, known, "zero_dates early_years"},
		{my, `"type":"int64","name":"io.debezium.time.MicroTime"`, fencepost.Time, known, ""},
		{pg, moment, fencepost.Timestamp, known, ""},
		{pg, zoned, fencepost.Timestamp, known, ""},

		{my, `"type":"int32","name":"io.debezium.time.Year"`, fencepost.Int, known, "year_zero"},
		{my, `"type":"int32"`, fencepost.Int, known, ""},

		{pg, `"type":"string","name":"io.debezium.time.IsoTime"`, fencepost.Text, nil, "midnight_ends"},
		{pg, `"type":"int64","name":"io.debezium.time.MicroTime"`, fencepost.Time, known, ""},

		{pg, day, fencepost.Date, known, "years_bc"},
		{pg, `"type":"string","name":"io.debezium.time.IsoTimestamp"`, fencepost.Text, nil, "years_bc"},
		{pg, moment, fencepost.Timestamp, nil, ""}, // outside of the years 1 to 9999 it parks

		{my, double, fencepost.Decimal, nil, "double_decimals"},
		{pg, double, fencepost.Float, &Store{Decimals: n}, "double_decimals"},
		{pg, double, fencepost.Float, known, ""},
		{my, double + of("DECIMAL", 20), fencepost.Decimal, known, "double_decimals"},
		{pg, double + of("NUMERIC", 20), fencepost.Decimal, known, "double_decimals"},
		{my, double + of("DOUBLE", 0), fencepost.Decimal, known, ""},
		{pg, double + of("FLOAT8", 17), fencepost.Decimal, known, ""},

		{pg, stamp, fencepost.Timestamp, known, "cut_times"},
		{pg, clock, fencepost.Time, known, "cut_times"},
		{pg, clock, fencepost.Time, nil, ""}, // the table may have no more
		{pg, stamp, fencepost.Timestamp, &Store{Millis: n}, ""},
		{my, clock + of("TIME", 3), fencepost.Time, known, ""},
		{my, clock + of("TIME", 6), fencepost.Time, known, "cut_times"},
		{pg, stamp + fmt.Sprintf(ofDigits, 6), fencepost.Timestamp, known, "cut_times"},
		{pg, stamp + fmt.Sprintf(ofDigits, 3), fencepost.Timestamp, known, ""},

		{pg, `"type":"int64","name":"io.debezium.time.MicroDuration"`, fencepost.Int, nil, "interval_numbers"},
		{pg, `"type":"int64","name":"io.debezium.time.NanoDuration"`, fencepost.Int, known, "interval_numbers"},
		{pg, `"type":"string","name":"io.debezium.time.Interval"`, fencepost.Text, known, ""},

		{pg, `"type":"string"`, fencepost.Bytes, nil, "encoded_bytes"},
		{pg, `"type":"bytes"`, fencepost.Bytes, known, ""},
		{pg, `"type":"string"`, fencepost.Text, known, ""},
	} {
		var got []string
		for _, d := range Doubts(describedRow(t, c.connector, c.field), []decode.Field{{Column: "n", Type: c.of}}, c.store) {
			word := string(d.Loss)
			if word == "" {
				word = "-"
			}
			got = append(got, word)
			if d.Columns != "n" || !strings.Contains(d.Text, " n ") && !strings.HasPrefix(d.Text, "n ") || d.Loss != "" && (d.Help == "" || d.Loss.Brief() == "") {
				t.Errorf("%s: got %+v", c.field, d)
			}
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s %s into %s, %+v:\n got %q\nwant %q", c.connector, c.field, c.of, c.store, got, c.want)
		}
	}
}

// lossyEvents are events of JSON whose schema admits a loss, a row for each that a worker knows by the schema alone.
var lossyEvents = map[Loss]struct {
	connector, field string
	value            string
	of               decode.Field
}{
	DefaultNulls:    {"postgresql", `"type":"int32","optional":true,"default":42`, "42", decode.Field{Type: fencepost.Int}},
	UnsentValues:    {"postgresql", `"type":"struct","name":"io.debezium.data.VariableScaleDecimal"`, "null", decode.Field{Type: fencepost.Decimal, Encoding: decode.Unscaled}},
	NaNNulls:        {"postgresql", `"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}`, "null", decode.Field{Type: fencepost.Decimal, Encoding: decode.Unscaled, Scale: 2}},
	NestedArrays:    {"postgresql", `"type":"array","items":{"type":"int32"}`, "[null,null]", decode.Field{Type: fencepost.JSON}},
	UnsignedBigints: {"mysql", plain, "-1", decode.Field{Type: fencepost.Int}},
	ZeroDates:       {"mysql", `"type":"string","name":"io.debezium.time.ZonedTimestamp"`, "null", decode.Field{Type: fencepost.Timestamp}},
	YearZero:        {"mysql", `"type":"int32","name":"io.debezium.time.Year"`, "2000", decode.Field{Type: fencepost.Int}},
	MidnightEnds:    {"postgresql", `"type":"string","name":"io.debezium.time.IsoTime"`, `"00:00:00Z"`, decode.Field{Type: fencepost.Text}},
	YearsBC:         {"postgresql", `"type":"int32","name":"io.debezium.time.Date"`, "0", decode.Field{Type: fencepost.Date, Unit: decode.Days}},
	DoubleDecimals:  {"postgresql", `"type":"double"`, "0.1", decode.Field{Type: fencepost.Decimal, Encoding: decode.NumberOnly}},
	IntervalNumbers: {"postgresql", `"type":"int64","name":"io.debezium.time.MicroDuration"`, "2629800000000", decode.Field{Type: fencepost.Int}},
	EncodedBytes:    {"postgresql", `"type":"string"`, `"00ff"`, decode.Field{Type: fencepost.Bytes}},
}

// A worker takes an event whose schema admits a loss if the pipeline accepts that loss, and no other one: not by all other words, and not behind an event whose
// schema admits nothing.
func TestLossesAreAccepted(t *testing.T) {
	for _, loss := range Losses() {
		c, there := lossyEvents[loss]
		switch loss {
		case EarlyYears: // what admits it admits dates of zeros too
			c, there = lossyEvents[ZeroDates], true
			c.field, c.value, c.of = `"type":"int32","name":"io.debezium.time.Date"`, "0", decode.Field{Type: fencepost.Date, Unit: decode.Days}
		case CutTimes, NoSchema:
			continue // the store's table decides, which a decoder does not know; TestUntold
		}
		if !there {
			t.Errorf("%s has no event", loss)
			continue
		}
		decoder := func(accepts []Loss) fencepost.Decoder {
			c.of.Column = "n"
			factory, err := New(Config{Decode: decode.Config{Fields: []decode.Field{c.of}}, Schema: true, Accepts: accepts, Values: decode.JSON, Keys: decode.JSON})
			if err != nil {
				t.Fatal(err)
			}
			return factory()
		}
		others := slices.DeleteFunc(Losses(), func(l Loss) bool { return l == loss })
		event := strings.Replace(told("c", "n "+c.field+" = "+c.value), "connector.mysql.", "connector."+c.connector+".", 1)
		if got := row(t, decoder(Losses()), "", event); strings.Contains(got, ":") && !strings.Contains(got, "00:00:00") {
			t.Errorf("%s, accepted: %s", loss, got)
		}
		d := decoder(others)
		for range 2 { // a schema that is known by its bytes is refused as it was
			if got, want := row(t, d, "", event), NotAccepted+": by the schema of the event "; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, Line(Losses(), nil)) {
				t.Errorf("%s, not accepted: got %s", loss, got)
			}
			if got := row(t, d, "", told("c", `n "type":"int32" = null`)); got != "null|c" {
				t.Errorf("%s: behind it, of another schema: %s", loss, got)
			}
		}
	}
}

// Events without a schema are refused as such, and taken with the one word.
func TestUntold(t *testing.T) {
	event := `{"before":null,"after":{"n":1},"source":{},"op":"c"}`
	for _, c := range []struct {
		untold  bool
		accepts []Loss
		want    string
	}{
		{false, nil, "1|c"},
		{true, []Loss{NoSchema}, "1|c"},
		{true, []Loss{ZeroDates}, NotAccepted + ": the events have no schema: whatever else a change stream loses may be lost, and nothing tells. To take it so: accepts: [zero_dates, no_schema]"},
	} {
		factory, err := New(Config{Decode: decode.Config{Fields: []decode.Field{{Column: "n", Type: fencepost.Int}}}, Untold: c.untold, Accepts: c.accepts, Values: decode.JSON, Keys: decode.JSON})
		if err != nil {
			t.Fatal(err)
		}
		if got := row(t, factory(), "", event); got != c.want {
			t.Errorf("untold %t, accepts %v: %s, want %s", c.untold, c.accepts, got, c.want)
		}
	}
}

// The line to add has the words that are there, and those that are missing, each once and in one order.
func TestLine(t *testing.T) {
	doubts := []Doubt{{Loss: ZeroDates}, {Loss: DefaultNulls}, {Text: "known"}}
	refused, known := Weigh(doubts, []Loss{DefaultNulls, YearZero})
	if len(refused) != 1 || refused[0].Loss != ZeroDates || len(known) != 2 {
		t.Errorf("refused %+v, known %+v", refused, known)
	}
	if got, want := Line([]Loss{YearZero, DefaultNulls}, refused), "accepts: [default_nulls, zero_dates, year_zero]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// fixed has one schema for all ids but one.
type fixed struct{ text string }

func (f fixed) Schema(_ context.Context, id registry.ID) (*registry.Schema, error) {
	if id.Number == 0 {
		return nil, &fencepost.Unready{Code: "registry-silent", Reason: "away"}
	}
	return &registry.Schema{ID: id, Type: registry.Avro, Text: f.text}, nil
}

// In Avro a schema is refused, for each record that names it; that of a key, and what the registry says, are passed on.
func TestGuard(t *testing.T) {
	const event = `{"type":"record","name":"e","fields":[{"name":"before","type":["null",{"type":"record","name":"Value","fields":[
		{"name":"n","type":["null",{"type":"int","connect.name":"io.debezium.time.Date"}]}]}]},{"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.mysql","fields":[]}}]}`
	c := Config{Decode: decode.Config{Fields: []decode.Field{{Column: "n", Type: fencepost.Date}}}, Accepts: []Loss{ZeroDates}}
	ask := func(c Config, text string, number uint64) string {
		g := c.Guard(fixed{text})
		_, first := g.Schema(t.Context(), registry.ID{Number: number})
		if _, err := g.Schema(t.Context(), registry.ID{Number: number}); fmt.Sprint(first) != fmt.Sprint(err) {
			t.Errorf("asked once more: %v, and then %v", first, err)
		}
		return fmt.Sprint(first)
	}
	if got, want := ask(c, event, 1), "by the schema of the event a year before 100 in n arrives as one from 1970 to 2069. To take it so: accepts: [zero_dates, early_years]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := ask(c, `{"type":"record","name":"Key","fields":[{"name":"n","type":{"type":"int","connect.name":"io.debezium.time.Date"}}]}`, 1); got != "<nil>" {
		t.Errorf("of a key: %s", got)
	}
	if got := ask(c, event, 0); got != "away" {
		t.Errorf("of a registry that does not answer: %s", got)
	}
	c.Accepts = append(c.Accepts, EarlyYears)
	if got := ask(c, event, 1); got != "<nil>" {
		t.Errorf("accepted: %s", got)
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
