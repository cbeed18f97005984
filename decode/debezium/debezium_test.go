package debezium

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/google/go-cmp/cmp"
)

// people is the schema of the tests.
func people(c Config) Config {
	c.Decode.Fields = []decode.Field{
		{Column: "id", Type: fencepost.Int},
		{Column: "who", Type: fencepost.Text, From: "name"},
		{Column: "bio", Type: fencepost.JSON, Missing: decode.Null()},
		{Column: "pic", Type: fencepost.Bytes, Missing: decode.Null()},
		{Column: "born", Type: fencepost.Timestamp, Unit: decode.Micros, Missing: decode.Null()},
		{Column: "lsn", Type: fencepost.Int, From: "_source.lsn"},
		{Column: "at", Type: fencepost.Int, From: "_offset"},
	}
	c.Key, c.Values, c.Keys = []string{"id"}, decode.JSON, decode.JSON
	return c
}

// row is what a decoder makes of a record: the values with | between them, or the error.
func row(t *testing.T, d fencepost.Decoder, key, value string) string {
	t.Helper()
	r := &fencepost.Record{Offset: 7}
	if key != "" {
		r.Key = []byte(key)
	}
	if value != "" {
		r.Value = []byte(value)
	}
	columns := empty(d)
	err := d.Decode(r, columns)
	if errors.Is(err, fencepost.ErrNoRow) {
		return "no row"
	}
	if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
		return b.Code + ": " + b.Reason
	}
	if err != nil {
		t.Fatalf("error of another kind: %v", err)
	}
	var out []string
	for i := range columns {
		c := &columns[i]
		if c.Len() != 1 {
			t.Fatalf("column %s has %d rows", c.Name, c.Len())
		}
		switch {
		case c.Unchanged(0):
			out = append(out, "unchanged")
		case c.Null(0):
			out = append(out, "null")
		case c.Type == fencepost.Int || c.Type == fencepost.Timestamp:
			out = append(out, fmt.Sprint(c.Int(0)))
		default:
			out = append(out, c.Text(0))
		}
	}
	return strings.Join(out, "|")
}

const source = `"source":{"lsn":5,"table":"people","snapshot":"false"},"ts_ms":1`

// events are change events with the rows that they make. The bytes of the values are Debezium's forms.
var events = []struct{ what, key, value, want string }{
	{"a row that is new", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"ann","bio":"{}","pic":"AQI=","born":0},` + source + `,"op":"c"}`, "1|ann|{}|\x01\x02|0|5|7|c"},
	{"a row that changed", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"bob"},` + source + `,"op":"u"}`, `1|bob|null|null|null|5|7|u`},
	{"a row of a snapshot", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"bob"},` + source + `,"op":"r"}`, `1|bob|null|null|null|5|7|r`},
	{"a delete reads the key, and no invention", `{"id":1}`, `{"before":{"id":1,"name":"","bio":"","pic":"","born":0},"after":null,` + source + `,"op":"d"}`, `1|null|null|null|null|5|7|d`},
	{"the tombstone behind it", `{"id":1}`, "", "no row"},
	{"a logical message", "", `{` + source + `,"op":"m","message":{"prefix":"x","content":"AQI="}}`, "no row"},
	{"a truncate", "", `{"before":null,"after":null,` + source + `,"op":"t"}`,
		"table-truncated: the table was emptied (op t), which has no key, and no order to the changes in other partitions"},
	{"an op of tomorrow", `{"id":1}`, `{"before":null,"after":null,` + source + `,"op":"x"}`, `record-undecodable: op "x" is none of c, u, r, d, t and m`},
	{"a delete without a key", "", `{"before":{"id":1},"after":null,` + source + `,"op":"d"}`,
		"record-undecodable: op d has no key, so that no row can be told: the table needs a primary key, or message.key.columns"},
	{"a delete by another key", `{"no":1}`, `{"before":{"id":1},"after":null,` + source + `,"op":"d"}`, "record-undecodable: field id is missing"},
	{"an update without a row", `{"id":1}`, `{"before":null,"after":null,` + source + `,"op":"u"}`, "record-undecodable: op u has no row (after is null)"},
	{"a field that is gone", `{"id":1}`, `{"before":null,"after":{"id":1},` + source + `,"op":"u"}`, "record-undecodable: field after.name is missing"},
	{"a text that was not sent", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"__debezium_unavailable_value"},` + source + `,"op":"u"}`,
		"record-undecodable: field who was not sent: it is large, and the update did not change it. ALTER TABLE ... REPLICA IDENTITY FULL at the source sends it"},
	{"json that was not sent", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"a","bio":"__debezium_unavailable_value"},` + source + `,"op":"u"}`,
		"record-undecodable: field bio was not sent: it is large, and the update did not change it. ALTER TABLE ... REPLICA IDENTITY FULL at the source sends it"},
	{"texts that were not sent", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"a","bio":["__debezium_unavailable_value"]},` + source + `,"op":"u"}`,
		"record-undecodable: field bio was not sent: it is large, and the update did not change it. ALTER TABLE ... REPLICA IDENTITY FULL at the source sends it"},
	{"numbers that were not sent", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"a","bio":[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]},` + source + `,"op":"u"}`,
		"record-undecodable: field bio was not sent: it is large, and the update did not change it. ALTER TABLE ... REPLICA IDENTITY FULL at the source sends it"},
	{"bytes that were not sent", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"a","pic":"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="},` + source + `,"op":"c"}`,
		"record-undecodable: field pic was not sent: it is large, and the update did not change it. ALTER TABLE ... REPLICA IDENTITY FULL at the source sends it"},
	{"infinity", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"a","born":9223372036825200000},` + source + `,"op":"c"}`,
		"record-undecodable: field born is outside of the years 1 to 9999, as infinity is sent"},
	{"before all years", `{"id":1}`, `{"before":null,"after":{"id":1,"name":"a","born":-9223372036832400000},` + source + `,"op":"c"}`,
		"record-undecodable: field born is outside of the years 1 to 9999, as infinity is sent"},
	{"no event at all", `{"id":1}`, `{"id":1,"name":"ann"}`, "record-undecodable: field after.id is missing"},
}

// The rows of change events, without and with their schema beside them.
func TestEvents(t *testing.T) {
	plain, err := New(people(Config{}))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := New(people(Config{Schema: true}))
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(s string) string {
		if s == "" {
			return ""
		}
		return `{"schema":{"type":"struct","optional":false},"payload":` + s + `}`
	}
	for _, e := range events {
		if got := row(t, plain(), e.key, e.value); got != e.want {
			t.Errorf("%s:\n got %s\nwant %s", e.what, got, e.want)
		}
		want := strings.NewReplacer("field after.", "field payload.after.", "field id is", "field payload.id is").Replace(e.want)
		if got := row(t, wrapped(), wrap(e.key), wrap(e.value)); got != want {
			t.Errorf("%s, with its schema:\n got %s\nwant %s", e.what, got, want)
		}
		if e.value == "" {
			continue
		}
		if got := row(t, plain(), wrap(e.key), wrap(e.value)); !strings.HasSuffix(got, "The record has its schema beside it") {
			t.Errorf("%s, with a schema that is not expected: %s", e.what, got)
		}
		if got := row(t, wrapped(), e.key, e.value); !strings.HasSuffix(got, "The record has no schema beside it") {
			t.Errorf("%s, without the schema that is expected: %s", e.what, got)
		}
	}
}

// A row whose columns are all null is a row.
func TestARowOfNulls(t *testing.T) {
	c := people(Config{})
	c.Key, c.Decode.Fields = nil, []decode.Field{{Column: "bio", Type: fencepost.JSON}}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := row(t, f(), "", `{"before":null,"after":{"bio":null},"op":"c"}`); got != "null|c" {
		t.Errorf("got %s", got)
	}
	if got := row(t, f(), "", `{"before":null,"after":null,"op":"c"}`); got != "record-undecodable: op c has no row (after is null)" {
		t.Errorf("got %s", got)
	}
}

// A row behind another is its own: nothing of the one before stays in the decoder.
func TestRowsOneBehindAnother(t *testing.T) {
	f, err := New(people(Config{}))
	if err != nil {
		t.Fatal(err)
	}
	d := f()
	var got, want []string
	for range 3 {
		for _, e := range events {
			got, want = append(got, row(t, d, e.key, e.value)), append(want, e.want)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

// A schema that cannot work is refused when it is made.
func TestBadSchemas(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"no: the sink's key has a column that the schema has not: add it to schema": func(c *Config) { c.Key = []string{"id", "no"} },
		"no column is of the row itself: name a column of the table":                func(c *Config) { c.Key, c.Decode.Fields = nil, c.Decode.Fields[5:] },
		"id: from: a name is empty":                                                 func(c *Config) { c.Decode.Fields[0].From = "a..b" },
	} {
		c := people(Config{})
		change(&c)
		_, err := New(c)
		if err == nil || !strings.HasPrefix(strings.Replace(err.Error(), "id: a name", "id: from: a name", 1), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A row with a json value of some length costs no allocation.
func TestEventsCostNoAllocation(t *testing.T) {
	f, err := New(people(Config{Partial: true}))
	if err != nil {
		t.Fatal(err)
	}
	d := f()
	columns := empty(d)
	r := &fencepost.Record{Key: []byte(`{"id":1}`), Value: []byte(`{"before":null,"after":{"id":1,"name":"ann","bio":"[` + strings.Repeat("1, ", 60) + `2]","pic":"AQI=","born":0},` + source + `,"op":"c"}`)}
	if n := testing.AllocsPerRun(100, func() {
		if err := d.Decode(r, columns); err != nil {
			t.Fatal(err)
		}
		for i := range columns {
			columns[i].Truncate(0)
		}
	}); n > 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func BenchmarkEvents(b *testing.B) {
	f, err := New(people(Config{}))
	if err != nil {
		b.Fatal(err)
	}
	d := f()
	columns := empty(d)
	r := &fencepost.Record{Key: []byte(events[0].key), Value: []byte(events[0].value)}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(r, columns); err != nil {
			b.Fatal(err)
		}
		for i := range columns {
			columns[i].Truncate(0)
		}
	}
}

// For a sink that can leave columns of a row alone, what was not sent is unchanged, and no null; the key is always there.
func TestWhatWasNotSentIsUnchanged(t *testing.T) {
	c := people(Config{Partial: true})
	c.Decode.Fields[1].Missing = decode.Null()
	c.Decode.Fields[2].Missing = decode.Rule{}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	d := f()
	for _, e := range []struct{ what, key, after, want string }{
		{"a text", `{"id":1}`, `"name":"__debezium_unavailable_value","bio":"{}"`, "1|unchanged|{}|null|null|5|7|u"},
		{"bytes", `{"id":1}`, `"name":"a","bio":null,"pic":"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`, "1|a|null|unchanged|null|5|7|u"},
		{"json", `{"id":1}`, `"name":"a","bio":"__debezium_unavailable_value"`, "1|a|unchanged|null|null|5|7|u"},
		{"an array of texts", `{"id":1}`, `"name":"a","bio":["__debezium_unavailable_value"]`, "1|a|unchanged|null|null|5|7|u"},
		{"an array of bytes", `{"id":1}`, `"name":"a","bio":["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]`, "1|a|unchanged|null|null|5|7|u"},
		{"an array of UUIDs", `{"id":1}`, `"name":"a","bio":["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]`, "1|a|unchanged|null|null|5|7|u"},
		{"an array of numbers", `{"id":1}`, `"name":"a","bio":[95, 95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]`, "1|a|unchanged|null|null|5|7|u"},
		{"an array of days", `{"id":1}`, `"name":"a","bio":["1970-04-06","1970-04-06","1970-04-11","1970-04-12","1970-04-09","1970-04-12","1970-05-03","1970-04-16","1970-04-28","1970-04-20","1970-04-06","1970-04-28","1970-04-21","1970-04-08","1970-04-29","1970-04-08","1970-04-16","1970-04-19","1970-04-08","1970-04-09","1970-04-19","1970-04-12","1970-04-06","1970-04-29","1970-04-08","1970-04-19","1970-04-28","1970-04-12"]`, "1|a|unchanged|null|null|5|7|u"},
		{"an hstore", `{"id":1}`, `"name":"a","bio":"{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}"`, "1|a|unchanged|null|null|5|7|u"},
		{"a field that is gone", `{"id":1}`, `"name":"a"`, "1|a|unchanged|null|null|5|7|u"},
		{"a field that is gone, and the schema says what that means", `{"id":1}`, `"bio":null`, "1|null|null|null|null|5|7|u"},
		{"another array", `{"id":1}`, `"name":"a","bio":[95,95,100]`, "1|a|[95,95,100]|null|null|5|7|u"},
		{"a text of other JSON", `{"id":1}`, `"name":"a","bio":"__debezium"`, "record-undecodable: field after.bio: \"__debezium\" does not fit json: its text is not JSON"},
	} {
		value := `{"before":null,"after":{"id":1,` + e.after + `},` + source + `,"op":"u"}`
		if got := row(t, d, e.key, value); got != e.want {
			t.Errorf("%s:\n got %s\nwant %s", e.what, got, e.want)
		}
	}
	for _, c := range d.Columns() {
		if want := c.Name != "id" && c.Name != "lsn" && c.Name != "at" && c.Name != fencepost.MetaOp; c.Partial != want {
			t.Errorf("column %s: Partial is %t, want %t", c.Name, c.Partial, want)
		}
	}
	c.Decode.Fields[0].Type = fencepost.Text
	if f, err = New(c); err != nil {
		t.Fatal(err)
	}
	got := row(t, f(), `{"id":"1"}`, `{"before":null,"after":{"id":"__debezium_unavailable_value","name":"a","bio":null},`+source+`,"op":"u"}`)
	if !strings.HasPrefix(got, "record-undecodable: field id was not sent: ") {
		t.Errorf("a key: %s", got)
	}
}
