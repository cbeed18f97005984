package avro

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	twmb "github.com/twmb/avro"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/internal/carts"
)

// orderSchema is that of an carts.Order, with its array behind other fields and in front of others.
const orderSchema = `{"type":"record","name":"order","fields":[{"name":"id","type":"long"},
 {"name":"cart","type":["null",{"type":"record","name":"cart","fields":[{"name":"city","type":"string"},
  {"name":"items","type":{"type":"array","items":{"type":"record","name":"item","fields":[{"name":"sku","type":"string"},{"name":"n","type":["null","long"]},
   {"name":"labels","type":{"type":"array","items":"string"}},{"name":"geo","type":["null",{"type":"record","name":"geo","fields":[{"name":"country","type":"string"}]}]}]}}},
  {"name":"tags","type":{"type":"array","items":"string"}},{"name":"sizes","type":{"type":"array","items":"long"}}]}]},
 {"name":"note","type":["null","string"]}]}`

// TestExplodedRowsHaveATwin: rows of random orders are those of encoding/json, also behind rows of other records.
func TestExplodedRowsHaveATwin(t *testing.T) {
	writer, err := twmb.Parse(orderSchema)
	if err != nil {
		t.Fatal(err)
	}
	for _, array := range []string{"items", "tags", "sizes"} {
		config := carts.Config(array)
		factory, err := New(Config{Config: config, Schemas: one(orderSchema)})
		if err != nil {
			t.Fatal(err)
		}
		d := factory()
		columns := columnsOf(d)
		rapid.Check(t, func(t *rapid.T) {
			if columns[0].Len() > 100 {
				for k := range columns {
					columns[k].Truncate(0)
				}
			}
			o := carts.Draw(t)
			body, err := writer.AppendEncode([]byte{0, 0, 0, 0, 7}, &o)
			if err != nil {
				t.Fatal(err)
			}
			n := columns[0].Len()
			err = d.Decode(&fencepost.Record{Value: body}, columns)
			want := o.Rows(config)
			if len(want) == 0 && errors.Is(err, fencepost.ErrNoRow) {
				err = nil
				for k := range columns {
					columns[k].Truncate(n)
				}
			}
			if err != nil {
				t.Fatalf("%+v: %v", o, err)
			}
			if diff := cmp.Diff(want, carts.Shown(columns, n)); diff != "" {
				t.Fatalf("%+v: got +, want -\n%s", o, diff)
			}
		})
	}
}

// TestExplodedBodies: what makes rows, none, or a bad record; block counts below zero, unions, and what is no array.
func TestExplodedBodies(t *testing.T) {
	lines := func(of string) string {
		return `{"type":"record","name":"r","fields":[{"name":"id","type":"int"},{"name":"lines","type":` + of + `}]}`
	}
	item := `{"type":"record","name":"i","fields":[{"name":"sku","type":"string"}]}`
	array := `{"type":"array","items":` + item + `}`
	for _, c := range []struct{ schema, body, want string }{
		{lines(array), "02 04 0261 0262 00", `1 | "a" | 0; 1 | "b" | 1`},
		{lines(array), "02 02 0261 02 0262 00", `1 | "a" | 0; 1 | "b" | 1`},
		{lines(array), "02 03 08 0261 0262 00", `1 | "a" | 0; 1 | "b" | 1`},
		{lines(array), "02 03 06 0261 0262 00", "bad: field lines: value is no Avro of its schema (id 7) at byte 12: a block has another size than it says"},
		{lines(array), "02 00", "none"},
		{lines(`["null",` + array + `]`), "02 00", "none"},
		{lines(`["null",` + array + `]`), "02 02 02 0261 00", `1 | "a" | 0`},
		{lines(`["string",` + array + `]`), "02 02 02 0261 00", `1 | "a" | 0`},
		{lines(`["string",` + array + `]`), "02 00 0261", "bad: explode: lines is a string, not an array"},
		{lines(`{"type":"array","items":["null",` + item + `]}`), "02 04 00 02 0262 00", `1 | null | 0; 1 | "b" | 1`},
		{lines(item), "02 0261", "bad: explode: lines is a record i, not an array"},
		{`{"type":"record","name":"r","fields":[{"name":"id","type":"int"}]}`, "02", "none"},
		{`"int"`, "02", "bad: explode: the value is an int, not a record, and there is more than one column"},
		{lines(array), "02 04 0261 0400 00", `bad: lines[1]: field lines[].sku: "\u0000\u0000" (a string) does not fit text`},
		{lines(array), "02 04 0261 02ff 00", "bad: field lines[].sku: value is no Avro of its schema (id 7) at byte 10: a string is not UTF-8"},
	} {
		factory, err := New(Config{Schemas: one(c.schema), Config: decode.Config{Explode: "lines", Fields: []decode.Field{{Column: "id", Type: fencepost.Int},
			{Column: "sku", Type: fencepost.Text, From: "lines[].sku"}}}})
		if err != nil {
			t.Fatal(err)
		}
		d := factory()
		columns := columnsOf(d)
		err = d.Decode(&fencepost.Record{Value: append([]byte{0, 0, 0, 0, 7}, unhex(t, c.body)...)}, columns)
		got := fmt.Sprint(err)
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
			got = "bad: " + b.Reason
		} else if errors.Is(err, fencepost.ErrNoRow) {
			got = "none"
		} else if err == nil {
			got = strings.Join(carts.Shown(columns, 0), "; ")
		}
		if got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.body, c.schema, got, c.want)
		}
	}
}

// TestCompareExplodes: a schema without the array, or with something else in its place, is found before a record is.
func TestCompareExplodes(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{`{"name":"lines","type":["null",{"type":"array","items":"string"}]}`, ""},
		{`{"name":"lines","type":"string"}`, "explode: lines is a string, not an array"},
		{`{"name":"x","type":"string"}`, "explode: lines is not in the schema"},
		{`{"name":"lines","type":{"type":"array","items":"int"}}`, "sku: field lines[]: an int does not fit text"},
	} {
		s, err := Parse(`{"type":"record","name":"r","fields":[{"name":"id","type":"int"},` + c.lines + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, f := range Compare(s, decode.Config{Explode: "lines", Fields: []decode.Field{{Column: "sku", Type: fencepost.Text, From: "lines[]"}}}) {
			got += f.Column
			if f.Column == "" {
				got += f.Key
			}
			got += ": " + f.Reason
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.lines, got, c.want)
		}
	}
}
