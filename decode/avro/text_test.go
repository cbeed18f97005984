package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// TestTextHasATwin: the text that another library writes of a body becomes the row of that body.
func TestTextHasATwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := 0
		schema, err := json.Marshal(drawRecord(t, &names, 3))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(string(schema))
		if err != nil {
			t.Fatal(err)
		}
		body := drawBody(t, s.root, 6)
		var value any
		other := twmb.MustParse(plainly(t, schema), anyName)
		if _, err := other.Decode(body, &value, twmb.TaggedUnions()); err != nil {
			t.Skip(err)
		}
		if !validText(value) || doubledKeys(t, s.root, body) {
			t.Skip("a text of it says less than the body")
		}
		text, err := other.EncodeJSON(value, twmb.TaggedUnions())
		if err != nil {
			t.Fatal(err)
		}
		h := hold(t, string(schema), drawFields(t, s.root))
		got, err := new(texts).binary(s.root, text)
		if err != nil {
			t.Fatalf("%s of %s: %v", text, schema, err)
		}
		want, wantErr := decodeRow(h.decoder, h.columns, &fencepost.Record{Value: append([]byte{}, body...)})
		row, err := decodeRow(h.decoder, h.columns, &fencepost.Record{Value: append([]byte{}, got...)})
		if (err != nil) != (wantErr != nil) || row != want && !strings.Contains(string(schema), `"map"`) {
			t.Fatalf("%s of %s:\n got %s, %v\nwant %s, %v", text, schema, row, err, want, wantErr)
		}
	})
}

// plainly is a schema without its logical types: their values are written as those of the types beneath.
func plainly(t *rapid.T, schema []byte) string {
	var v any
	if err := json.Unmarshal(schema, &v); err != nil {
		t.Fatal(err)
	}
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				strip(item)
			}
		case map[string]any:
			delete(v, "logicalType")
			for _, item := range v {
				strip(item)
			}
		}
	}
	strip(v)
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// doubledKeys reports whether the body holds what the twin's maps cannot: it is written by the twin with another length then.
func doubledKeys(t *rapid.T, n *node, body []byte) bool {
	w := wire{empty: maxEmpty}
	return w.skip(n, body, 0, 1) != len(body)
}

// textCases are texts with what becomes of their columns.
var textCases = []struct{ schema, text, want string }{
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"]}]}`, `{"b":{"string":"x"},"a":-1}`, `-1 | "x"`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"]}]}`, `{"a":1,"b":null}`, `1 | null`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"]}]}`, `{"a":1,"b":"x"}`, `field b: "x" is no value of a union: null, or {TYPE: value}`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"]}]}`, `{"a":1,"b":{"int":1}}`, `field b: the union has no type "int"`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, `{"a":1}`, `field b is missing`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, `{"a":1,"b":"x","c":1}`, `a record R has 3 members, and its schema 2 fields`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, `{"a":1.0,"b":"x"}`, `field a: 1.0 is not an int`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, `{"a":2147483648,"b":"x"}`, `field a: 2147483648 is not an int`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, `{"a":1,"b":"\ud800"}`, `it is no JSON`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, "{\"a\":1,\"b\":\"\xff\"}", `it is no JSON`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, `{"a":1,"b":null}`, `field b: null is not a string`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`, `{"a":1,"b":"x"} {}`, `it is no JSON`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"b","type":{"type":"fixed","name":"F","size":2}}]}`, `{"a":"\u0001\u0000","b":"\u00ffa"}`, `2.56 | ff61`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"bytes"},{"name":"b","type":{"type":"fixed","name":"F","size":2}}]}`, `{"a":"ÿ","b":"a"}`, `field b: "a" has 1 bytes, and a fixed F has 2`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":"bytes"},{"name":"b","type":"int"}]}`, `{"a":"ÿĀ","b":1}`, `field a: "ÿĀ" is not bytes: it has the character U+0100`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["X","Y"]}},{"name":"b","type":"double"}]}`, `{"a":"Y","b":1e-3}`, `"Y" | 0.001`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["X","Y"]}},{"name":"b","type":"double"}]}`, `{"a":"Z","b":1}`, `field a: "Z" is not an enum E`},
	{`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":"int"}},{"name":"b","type":{"type":"array","items":["null","R"]}}]}`, `{"a":{"k":1,"k":2},"b":[null,{"R":{"a":{},"b":[]}}]}`, `{"k":1,"k":2} | [null,{"a":{},"b":[]}]`},
}

// What a text says is what its columns get, and what is no text of the schema is a bad record.
func TestTexts(t *testing.T) {
	for _, c := range textCases {
		s, err := Parse(c.schema)
		if err != nil {
			t.Fatal(err)
		}
		config := decode.Config{}
		for _, column := range Columns(s) {
			config.Fields = append(config.Fields, column.Field)
		}
		factory, err := New(Config{Config: config, Framing: registry.Framing{Form: registry.Apicurio}, Schemas: one(c.schema)})
		if err != nil {
			t.Fatal(err)
		}
		record := &fencepost.Record{Value: []byte(c.text), Headers: []fencepost.Header{{Key: "apicurio.value.globalId", Value: []byte{0, 0, 0, 0, 0, 0, 0, 1}}, {Key: "apicurio.value.encoding", Value: []byte("JSON")}}}
		d := factory()
		got, err := decodeRow(d, columnsOf(d), record)
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
			if _, got, ok = strings.Cut(b.Reason, "): "); !ok {
				got = b.Reason
			}
		} else if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// Floats are the nearest of their size, and those that JSON has no number for are words.
func TestFloatsOfTexts(t *testing.T) {
	for text, want := range map[string]float64{"0.1": float64(float32(0.1)), `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), "-0.0": math.Copysign(0, -1), "16777217": 16777216} {
		n := &node{kind: floatKind, least: 4}
		b, err := n.encode(nil, json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := new(wire).float(n, b, 0)
		if math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	nan, _ := (&node{kind: doubleKind, least: 8}).encode(nil, json.RawMessage(`"NaN"`))
	if got, _ := new(wire).float(&node{kind: doubleKind, least: 8}, nan, 0); !math.IsNaN(got) {
		t.Errorf("NaN: got %v", got)
	}
	for _, text := range []string{`"x"`, `""`, "true", "null", "1e999", "[]"} {
		if b, err := (&node{kind: doubleKind, least: 8}).encode(nil, json.RawMessage(text)); err == nil {
			t.Errorf("%s: got %x, want an error", text, bytes.TrimSpace(b))
		}
	}
}
