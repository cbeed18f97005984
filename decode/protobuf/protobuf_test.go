package protobuf_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/protobuf"
)

func bitsOf(x float64) uint64 { return math.Float64bits(x) }

// message is one of a .proto text.
func message(t testing.TB, text, name string) protoreflect.MessageDescriptor {
	t.Helper()
	s, err := protobuf.Compile("test.proto", map[string]protobuf.Source{"test.proto": {Text: text}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Message(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func bare(t testing.TB, text, name string, c decode.Config) decode.Factory {
	t.Helper()
	f, err := protobuf.Bare(c, message(t, text, name))
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
