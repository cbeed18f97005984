package avro

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

const compared = `{"type":"record","name":"r","fields":[{"name":"s","type":"string"},{"name":"n","type":["null","string"]},{"name":"u","type":["int","string"]},
	{"name":"in","type":{"type":"record","name":"in","fields":[{"name":"a","type":"int"}]}},{"name":"m","type":{"type":"map","values":"int"}}]}`

func TestCompare(t *testing.T) {
	s, err := Parse(compared)
	if err != nil {
		t.Fatal(err)
	}
	fields := []decode.Field{
		{Column: "s", Type: fencepost.Text}, {Column: "s_int", Type: fencepost.Int, From: "s"}, {Column: "s_forgiven", Type: fencepost.Int, From: "s", Mismatch: decode.Null()},
		{Column: "n", Type: fencepost.Bool}, {Column: "u", Type: fencepost.Int}, {Column: "at", Type: fencepost.Timestamp, From: "s"},
		{Column: "a", Type: fencepost.Text, From: "in.a"}, {Column: "b", Type: fencepost.Text, From: "in.b"}, {Column: "c", Type: fencepost.Text, From: "s.c"},
		{Column: "k", Type: fencepost.Int, From: "m.k"}, {Column: "k_text", Type: fencepost.Text, From: "m.k"}, {Column: "gone", Type: fencepost.Text},
		{Column: "gone_forgiven", Type: fencepost.Text, Missing: decode.Null()}, {Column: "key", Type: fencepost.Text, From: "_key"},
	}
	shown := func(faults []*decode.FieldError) (list []string) {
		for _, f := range faults {
			if f.Help == "" {
				t.Errorf("%+v: no remedy", f)
			}
			list = append(list, fmt.Sprintf("%s of %s: %s", f.Key, f.Column, f.Reason))
		}
		return list
	}
	want := []string{"type of s_int: field s: a string does not fit int", "type of n: a string does not fit bool", "type of a: field in.a: an int does not fit text",
		"from of b: field in.b is not in the schema", "type of c: field s.c: s is a string, where the path goes on", "type of k_text: field m.k: an int does not fit text",
		"from of gone: field gone is not in the schema"}
	if d := cmp.Diff(want, shown(Compare(s, decode.Config{Fields: fields}))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	want = []string{"unknown_fields of : field n is in no column, and unknown fields are refused"}
	if d := cmp.Diff(want, shown(Compare(s, decode.Config{Fields: fields[:1], UnknownFields: decode.RefuseUnknown}))); d != "" {
		t.Errorf("unknown fields (-want +got):\n%s", d)
	}
}

// A column that Compare finds is filled by no record: of any schema, with any columns.
func TestCompareIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := 0
		text, _ := json.Marshal(drawRecord(t, &names, 2)) // of maps and texts: it always marshals
		s, err := Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		fields := drawFields(t, s.root)
		body := drawBody(t, s.root, 6)
		for _, f := range fields {
			f.Missing, f.Mismatch = decode.Rule{}, decode.Rule{}
			config := decode.Config{Fields: []decode.Field{f}}
			found := Compare(s, config)
			make, err := New(Config{Config: config, Framing: registry.Framing{Form: registry.Bare}, Schemas: one(text)})
			if err != nil {
				t.Fatal(err)
			}
			d := make()
			row, err := decodeRow(d, columnsOf(d), &fencepost.Record{Value: append([]byte{}, body...)})
			if len(found) > 0 && err == nil && row != "null" {
				t.Fatalf("%s: %s %s: %v, and a record has %s", text, f.From, f.Type, found, row)
			}
		}
	})
}

// The columns of a schema take every record of it.
func TestColumns(t *testing.T) {
	s, err := Parse(`{"type":"record","name":"r","fields":[{"name":"i","type":["null","int"]},{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":4}},
		{"name":"u","type":["int","long"]},{"name":"v","type":["int","string"]},{"name":"a","type":{"type":"array","items":"int"}},{"name":"f","type":"float"},
		{"name":"b","type":"boolean"},{"name":"x","type":"bytes"},{"name":"t","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"e","type":{"type":"enum","name":"e","symbols":["A"]}},
		{"name":"o","type":{"type":"int","logicalType":"time-millis"}},{"name":"y","type":{"type":"int","logicalType":"date"}},{"name":"g","type":{"type":"string","logicalType":"uuid"}},
		{"name":"p","type":{"type":"fixed","name":"p","size":12,"logicalType":"duration"}},{"name":"_key","type":"int"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range Columns(s) {
		got = append(got, fmt.Sprintf("%s %s%s: %s", c.Column, c.Type, c.From, c.Comment))
	}
	want := []string{"i int: an int, or null", "d decimal: a decimal", "u int: a union", "v json: a union", "a json: an array", "f float: a float", "b bool: a boolean",
		"x bytes: bytes", "t timestamp: a timestamp", "e text: an enum e", "o time: a time of day", "y date: a date", "g uuid: a uuid", "p json: a duration", `key int"_key": an int`}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	bare, err := Parse(`"string"`)
	if err != nil {
		t.Fatal(err)
	}
	if got := Columns(bare); len(got) != 1 || got[0].Column != "value" || got[0].Type != fencepost.Text {
		t.Errorf("a bare schema: got %v, want one text column value", got)
	}
}

// Schemas of records that name none, and of the single-object encoding.
func TestSchemasOfThePipeline(t *testing.T) {
	if _, err := Fixed(`{"type":"int`); err == nil {
		t.Error("a schema that is no JSON: got no error")
	}
	const cents, mills = `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`
	if _, err := Known(cents, mills); err == nil {
		t.Error("two scales share a fingerprint: got no error")
	}
	if _, err := Known(cents, cents, `"int"`); err != nil {
		t.Errorf("the same schema twice: got %v", err)
	}
	known, err := Known(`"int"`, `{"type":"record","name":"r","fields":[{"name":"a","type":"string"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	make, err := New(Config{Config: decode.Config{Fields: []decode.Field{{Column: "n", Type: fencepost.Int}}}, Framing: registry.Framing{Form: registry.SingleObject}, Schemas: known})
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	columns := columnsOf(d)
	for text, want := range map[string]string{
		"c301 8f5c393f1ad57572 02": "1", // CRC-64-AVRO of "int" is 7275d51a3f395c8f, as Avro's specification has it
		"c301 0000000000000001 02": "the record's schema, fingerprint 0100000000000000, is not among the 2 that the pipeline knows",
	} {
		got, err := decodeRow(d, columns, &fencepost.Record{Value: unhex(t, text)})
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
			got = b.Reason
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// Schemas that refer to others are parsed behind them.
func TestReferences(t *testing.T) {
	inner := &registry.Schema{Type: registry.Avro, Text: `{"type":"enum","name":"com.acme.Colour","symbols":["RED"]}`}
	middle := &registry.Schema{Type: registry.Avro, Text: `{"type":"record","name":"com.acme.Car","fields":[{"name":"c","type":"Colour"}]}`,
		References: []registry.Reference{{Name: "com.acme.Colour", Schema: inner}}}
	outer := &registry.Schema{Type: registry.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"car","type":"com.acme.Car"},{"name":"c","type":"com.acme.Colour"}]}`,
		References: []registry.Reference{{Name: "com.acme.Car", Schema: middle}, {Name: "com.acme.Colour", Schema: inner}}}
	s, err := OfRegistry(outer)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.root.fields[0].fields[0].node; got != s.root.fields[1].node || got.kind != enumKind {
		t.Errorf("got %v and %v, want the same enum", got, s.root.fields[1].node)
	}
	if _, err := OfRegistry(&registry.Schema{Type: registry.Protobuf, Text: "x"}); err == nil {
		t.Error("a schema of Protobuf: got no error")
	}
}
