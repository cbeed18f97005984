package avro

import (
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// FuzzBody holds any bytes to the twin, by the schemas of the cases.
func FuzzBody(f *testing.F) {
	var all []*held
	for _, c := range readCases(f, "testdata/cases.txt") {
		s, err := Parse(c.schema)
		if err != nil {
			f.Fatal(err)
		}
		if s.root.kind != recordKind {
			continue
		}
		fields := c.config.Fields
		for i := range fields {
			fields[i].Missing, fields[i].Mismatch = decode.Null(), decode.Null()
		}
		for i, field := range s.root.fields {
			fields = append(fields, decode.Field{Column: fmt.Sprintf("c%d", i), Type: fencepost.JSON, From: decode.Literal(field.name), Mismatch: decode.Null()})
		}
		if fields[0].From == "_key" || c.form != registry.Bare {
			continue
		}
		for _, text := range c.bodies {
			f.Add(len(all), unhex(f, text))
		}
		h := hold(f, c.schema, fields)
		h.doubled = true
		all = append(all, h)
	}
	f.Fuzz(func(t *testing.T, k int, body []byte) {
		if k < 0 || k >= len(all) || all[k].calendar() {
			return
		}
		all[k].compare(t, body)
	})
}

// calendar reports whether a field is of a type of Connect's, which the twin does not know.
func (h *held) calendar() bool {
	for _, f := range h.root.fields {
		if f.calendar {
			return true
		}
	}
	return false
}

// FuzzSchema parses and compiles any text: it is a schema, or an error.
func FuzzSchema(f *testing.F) {
	for _, c := range readCases(f, "testdata/cases.txt") {
		f.Add(c.schema, []byte{0, 0, 2, 2})
	}
	cells := []decode.Field{{Column: "a", Type: fencepost.Int, Missing: decode.Null(), Mismatch: decode.Null()},
		{Column: "b", Type: fencepost.JSON, From: "b.c[0]", Missing: decode.Null(), Mismatch: decode.Null()}}
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		make, err := New(Config{Config: decode.Config{Fields: cells}, Framing: registry.Framing{Form: registry.Bare}, Schemas: one(text)})
		if err != nil {
			t.Fatal(err)
		}
		d := make()
		_, _ = decodeRow(d, columnsOf(d), &fencepost.Record{Value: append([]byte{}, body...)}) // it ends, whatever it says
	})
}

// Steady state means that the schema is known and batch memory has grown: not one allocation per record.
func TestDecodeAllocatesNothing(t *testing.T) {
	schema := `{"type":"record","name":"r","fields":[
		{"name":"id","type":"long"},{"name":"user","type":["null","string"]},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":30,"scale":2}},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-nanos"}},{"name":"day","type":{"type":"int","logicalType":"date"}},
		{"name":"u","type":{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}},{"name":"tags","type":{"type":"array","items":"string"}},
		{"name":"in","type":["null","int",{"type":"record","name":"in","fields":[{"name":"m","type":{"type":"map","values":"long"}}]}]},
		{"name":"e","type":{"type":"enum","name":"e","symbols":["A","B"]}},{"name":"f","type":"float"},{"name":"t","type":{"type":"long","logicalType":"time-micros"}}]}`
	fields := []decode.Field{{Column: "id", Type: fencepost.Int}, {Column: "user", Type: fencepost.Text}, {Column: "price", Type: fencepost.Decimal},
		{Column: "at", Type: fencepost.Timestamp}, {Column: "day", Type: fencepost.Date}, {Column: "u", Type: fencepost.UUID}, {Column: "tags", Type: fencepost.JSON},
		{Column: "first", Type: fencepost.Text, From: "tags[0]"}, {Column: "k", Type: fencepost.Int, From: "in.m.k", Missing: decode.Null(), Mismatch: decode.Null()},
		{Column: "in", Type: fencepost.JSON}, {Column: "e", Type: fencepost.Text}, {Column: "f", Type: fencepost.Decimal}, {Column: "t", Type: fencepost.Time},
		{Column: "x", Type: fencepost.Int, Missing: decode.Absent()}, {Column: "cents", Type: fencepost.JSON, From: "price"}, {Column: "date", Type: fencepost.JSON, From: "day"}}
	var bodies [][]byte
	for _, text := range []string{
		"02 02 04c3a9 04ff80 feffffffffff01 8a01 6ba7b8109dad11d180b400c04fd430c8 04 0261 0222 00 04 02 026b 06 00 02 cdcccc3d 80d6be8305",
		"02 00 20 7f000000000000000000000000000001 01 03 6ba7b8109dad11d180b400c04fd430c8 03 08 0261 0262 00 02 06 00 00000040 02",
	} {
		bodies = append(bodies, unhex(t, text))
	}
	make, err := New(Config{Config: decode.Config{Fields: fields}, Framing: registry.Framing{Form: registry.Bare}, Schemas: one(schema)})
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	columns := columnsOf(d)
	var r fencepost.Record
	decodeAll := func() {
		for k := range columns {
			columns[k].Truncate(0)
		}
		for i := range 100 {
			r.Value = bodies[i%len(bodies)]
			if err := d.Decode(&r, columns); err != nil {
				t.Fatal(err)
			}
		}
	}
	if allocs := testing.AllocsPerRun(20, decodeAll); allocs != 0 {
		t.Errorf("decoding 100 records allocated %v times, want 0", allocs)
	}
}
