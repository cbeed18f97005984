package decode_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/internal/carts"
)

// TestExplodedRowsHaveATwin: rows of random orders are those of encoding/json, also behind rows of other records.
func TestExplodedRowsHaveATwin(t *testing.T) {
	for _, array := range []string{"items", "tags", "sizes"} {
		config := carts.Config(array)
		factory, err := decode.JSON(config)
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
			text, _ := json.Marshal(o) // an order always marshals
			n := columns[0].Len()
			err := d.Decode(&fencepost.Record{Value: text}, columns)
			want := o.Rows(config)
			if len(want) == 0 {
				if !errors.Is(err, fencepost.ErrNoRow) {
					t.Fatalf("%s: got error %v, want no row", text, err)
				}
				for k := range columns {
					columns[k].Truncate(n)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if diff := cmp.Diff(want, carts.Shown(columns, n)); diff != "" {
				t.Fatalf("%s: got +, want -\n%s", text, diff)
			}
		})
	}
}

// lines makes decoders of orders with lines.
func lines(c decode.Config) (fencepost.Decoder, error) {
	if c.Explode == "" {
		c.Explode = "lines"
	}
	if c.Fields == nil {
		c.Fields = []decode.Field{{Column: "id", Type: fencepost.Int}, {Column: "sku", Type: fencepost.Text, From: "lines[].sku"}}
	}
	f, err := decode.JSON(c)
	if err != nil {
		return nil, err
	}
	return f(), nil
}

// TestExplodedRecords: what makes rows, none, or a bad record.
func TestExplodedRecords(t *testing.T) {
	d, err := lines(decode.Config{Tombstone: decode.SkipTombstone})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ value, want string }{
		{`{"id":1,"lines":[{"sku":"a"},{"sku":"b"}]}`, `1 | "a" | 0; 1 | "b" | 1`},
		{`{"lines":[ {"x":[{}],"sku":"a"} , {"sku":"b","sku":"c"} ],"id":1}`, `1 | "a" | 0; 1 | "c" | 1`},
		{`{"id":1,"lines":[{"sku":null},null]}`, `1 | null | 0; 1 | null | 1`},
		{`{"id":1,"lines":[]}`, "none"}, {`{"id":1,"lines":null}`, "none"}, {`{"id":1}`, "none"}, {"", "none"},
		{`{"id":1,"lines":[1],"lines":[{"sku":"z"}]}`, `1 | "z" | 0`},
		{`{"id":1,"lines":{"sku":"a"}}`, "bad: explode: lines is an object, not an array"},
		{`{"id":1,"lines":"a"}`, "bad: explode: lines is a string, not an array"},
		{`{"id":1,"lines":[{"sku":"a"},{"sku":7}]}`, `bad: lines[1]: field lines[].sku: 7 does not fit text: it is an integer`},
		{`{"id":1,"lines":[{"sku":"a"},7]}`, "bad: lines[1]: field lines[].sku: lines[] is an integer, where the path goes on"},
		{`{"id":1,"lines":[{"sku":"a"},{}]}`, "bad: lines[1]: field lines[].sku is missing"},
		{`{"id":"x","lines":[]}`, `bad: field id: "x" does not fit int: it is a string`},
	} {
		if got := exploded(d, c.value); got != c.want {
			t.Errorf("%s: got %s, want %s", c.value, got, c.want)
		}
	}
}

// exploded is what a decoder makes of a value.
func exploded(d fencepost.Decoder, value string) string {
	columns := columnsOf(d)
	r := &fencepost.Record{Value: []byte(value)}
	if value == "" {
		r.Value = nil
	}
	err := d.Decode(r, columns)
	var bad *fencepost.BadRecord
	switch {
	case errors.Is(err, fencepost.ErrNoRow):
		return "none"
	case errors.As(err, &bad):
		return "bad: " + bad.Reason
	case err != nil:
		return "error: " + err.Error()
	}
	return strings.Join(carts.Shown(columns, 0), "; ")
}

// TestExplodeOnTheWay: a path that goes through other values, and rules of columns.
func TestExplodeOnTheWay(t *testing.T) {
	d, err := lines(decode.Config{Explode: `a."b.c"[1]`, Fields: []decode.Field{
		{Column: "v", Type: fencepost.Int, From: `a."b.c"[1][][0]`, Missing: decode.Default("9"), Mismatch: decode.Null()},
		{Column: "at", Type: fencepost.Int, From: "_offset"}, {Column: "all", Type: fencepost.JSON, From: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ value, want string }{
		{`{"a":{"b.c":[0,[[1,2],[],["x"]]]}}`, `1 | 0 | {"b.c":[0,[[1,2],[],["x"]]]} | 0; 9 | 0 | {"b.c":[0,[[1,2],[],["x"]]]} | 1; null | 0 | {"b.c":[0,[[1,2],[],["x"]]]} | 2`},
		{`{"a":{"b.c":[0]}}`, "none"}, {`{"a":null}`, "none"},
		{`{"a":{"b.c":7}}`, `bad: explode: a."b.c" is an integer, where the path goes on`},
	} {
		if got := exploded(d, c.value); got != c.want {
			t.Errorf("%s: got %s, want %s", c.value, got, c.want)
		}
	}
}

// TestExplodeFaults: schemas that cannot work.
func TestExplodeFaults(t *testing.T) {
	sku := decode.Field{Column: "sku", Type: fencepost.Text, From: "lines[].sku"}
	for _, c := range []struct {
		config decode.Config
		want   string
	}{
		{decode.Config{Explode: "lines[]", Fields: []decode.Field{sku}}, "is no path of an array in the record's value: items, order.items"},
		{decode.Config{Explode: "_key", Fields: []decode.Field{sku}}, "is no path of an array in the record's value: items, order.items"},
		{decode.Config{Explode: "a..b", Fields: []decode.Field{sku}}, "a name is empty: the path of an array: items, order.items"},
		{decode.Config{Explode: "items", Fields: []decode.Field{sku}}, "sku: [] is each element of the array that explode names, and that is items: explode: lines"},
		{decode.Config{Explode: "lines", Fields: []decode.Field{{Column: "sku", Type: fencepost.Text}}}, "no column is of an element: COLUMN: {type: text, from: lines[].NAME}"},
		{decode.Config{Explode: "lines", Fields: []decode.Field{{Column: "sku", Type: fencepost.Text, From: "lines[].a[]"}}}, `sku: a path has [] once: records are exploded by one array`},
		{decode.Config{Explode: "lines", Fields: []decode.Field{sku, {Column: "line", Type: fencepost.Int, From: "_index"}}}, "line: the place of an element is the column _index, which is there already: drop the column, or expr: _index"},
		{decode.Config{Explode: "lines", Fields: []decode.Field{sku}, Tombstone: decode.DeleteTombstone}, "a record without a value has no array, so that it cannot be one row of nulls, nor say which rows to delete: park or skip"},
	} {
		if _, err := lines(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("explode %s: got %v, want %s", c.config.Explode, err, c.want)
		}
	}
	if _, err := decode.JSON(decode.Config{Fields: []decode.Field{sku}}); err == nil || !strings.Contains(err.Error(), "that is none: explode: lines") {
		t.Errorf("without explode: got %v", err)
	}
}

// TestRepeatedValuesAreBounded: a record whose rows would take more than MaxExploded is bad before they do.
func TestRepeatedValuesAreBounded(t *testing.T) {
	d, err := lines(decode.Config{Fields: []decode.Field{{Column: "note", Type: fencepost.Text}, {Column: "n", Type: fencepost.Int, From: "lines[]"}}})
	if err != nil {
		t.Fatal(err)
	}
	note, many := strings.Repeat("x", 1<<20), strings.Repeat("1,", 1<<8)
	got := exploded(d, fmt.Sprintf(`{"note":%q,"lines":[%s1]}`, note, many))
	if want := "bad: its rows take more than 256 MiB, with 257 elements"; got != want {
		t.Errorf("a text of 1 MiB in 257 rows: got %.100s, want %s", got, want)
	}
}

// TestExplodeAllocatesNothing: neither for a record nor for a row, once columns have their memory.
func TestExplodeAllocatesNothing(t *testing.T) {
	d, err := lines(decode.Config{})
	if err != nil {
		t.Fatal(err)
	}
	columns := columnsOf(d)
	r := &fencepost.Record{Value: []byte(`{"id":1,"lines":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]}`)}
	if n := testing.AllocsPerRun(100, func() {
		if err := d.Decode(r, columns); err != nil {
			t.Fatal(err)
		}
		for k := range columns {
			columns[k].Truncate(0)
		}
	}); n > 0 {
		t.Errorf("a record of three lines costs %.0f allocations, want 0", n)
	}
}
