package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// schemas are the schemas of numbers; what is not there is not known yet.
type schemas map[registry.ID]*registry.Schema

func (s schemas) Schema(_ context.Context, id registry.ID) (*registry.Schema, error) {
	if got := s[id]; got != nil {
		return got, nil
	}
	return nil, &fencepost.Unready{Code: registry.Silent, Reason: "it is down"}
}

func TestJSONSchema(t *testing.T) {
	inner, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "a", Type: fencepost.Int}}, Tombstone: decode.NullsTombstone})
	if err != nil {
		t.Fatal(err)
	}
	d := registry.JSONSchema(registry.Framing{}, schemas{id(registry.SchemaID, 1): {Type: registry.JSON}, id(registry.SchemaID, 2): {Type: registry.Avro}, id(registry.SchemaID, 3): {}}, inner)()
	if c := d.Columns(); len(c) != 1 || c[0].Name != "a" {
		t.Fatalf("got the columns %v, want a", c)
	}
	for _, c := range []struct {
		name, headers, value string
		want                 int64
		bad                  string // a reason
		waits                bool
	}{
		{name: "an id in front", value: `00 00000001 "{|a|:7}"`, want: 7},
		{name: "an id in the header", headers: "__value_schema_id=00 00000001", value: `"{|a|:8}"`, want: 8},
		{name: "a schema whose type is not known", value: `00 00000003 "{|a|:9}"`, want: 9},
		{name: "a tombstone", value: "null", want: -1},
		{name: "an Avro schema", value: `00 00000002 "{|a|:7}"`, bad: "id 2 is a schema of avro, and decode: json_schema reads JSON"},
		{name: "no id", value: `"{|a|:7}"`, bad: "which look like plain JSON (decode: json)"},
		{name: "another body", value: `00 00000001 02`, bad: `value is not JSON at byte 0`},
		{name: "no body", value: `00 00000001`, bad: "it is empty"},
		{name: "a registry that is down", value: `00 00000009 "{|a|:7}"`, waits: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			columns := []fencepost.Column{{Name: "a", Type: fencepost.Int}}
			r := record(t, registry.Value, c.headers, c.value)
			r.Value = []byte(strings.ReplaceAll(string(r.Value), "|", `"`))
			if c.value == "null" {
				r.Value = nil
			}
			before := string(r.Value)
			err := d.Decode(r, columns)
			if string(r.Value) != before {
				t.Errorf("the record was changed: %q", r.Value)
			}
			_, waits := errors.AsType[*fencepost.Unready](err)
			bad, isBad := errors.AsType[*fencepost.BadRecord](err)
			switch {
			case waits != c.waits || isBad != (c.bad != "") || isBad && !strings.Contains(bad.Reason, c.bad):
				t.Errorf("got %v, want %q", err, c.bad)
			case err != nil:
			case c.want < 0 && !columns[0].Null(0), c.want >= 0 && columns[0].Int(0) != c.want:
				t.Errorf("got %v, want %d", columns[0], c.want)
			}
		})
	}
}

// Taking the id off costs no allocation.
func TestJSONSchemaAllocatesNothing(t *testing.T) {
	inner, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "a", Type: fencepost.Int}}})
	if err != nil {
		t.Fatal(err)
	}
	d := registry.JSONSchema(registry.Framing{}, schemas{id(registry.SchemaID, 1): {Type: registry.JSON}}, inner)()
	r := &fencepost.Record{Value: []byte("\x00\x00\x00\x00\x01{\"a\":7}")}
	columns := []fencepost.Column{{Name: "a", Type: fencepost.Int}}
	if n := testing.AllocsPerRun(1000, func() {
		if err := d.Decode(r, columns); err != nil {
			t.Fatal(err)
		}
		columns[0].Truncate(0)
	}); n > 0.05 {
		t.Errorf("%.2f allocations a record, want none", n)
	}
}
