package protobuf_test

import (
	"math"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/protobuf"
)

func bitsOf(x float64) uint64 { return math.Float64bits(x) }

// schema is that of a .proto text.
func schema(t testing.TB, text string) *protobuf.Schema {
	t.Helper()
	s, err := protobuf.Compile("test.proto", map[string]protobuf.Source{"test.proto": {Text: text}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bare(t testing.TB, text, name string, c decode.Config) decode.Factory {
	t.Helper()
	f, err := protobuf.New(protobuf.Config{Config: c, Schema: schema(t, text), Message: name})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func columnsOf(d fencepost.Decoder) []fencepost.Column {
	columns := make([]fencepost.Column, len(d.Columns()))
	for i, c := range d.Columns() {
		columns[i] = fencepost.Column{Name: c.Name, Type: c.Type, Default: c.Default}
	}
	return columns
}
