package protobuf

import (
	"strings"
	"testing"
)

// written is a message as Apicurio's serializers register it: the hidden message of the map field m is written out.
const written = `syntax = "proto3";
package t;
message A { int64 x = 1; }
message B {
  int64 x = 1;
  repeated MEntry m = 2;
  In in = 3;
  message MEntry {
    option map_entry = true;
    string key = 1;
    int64 value = 2;
  }
  message In { int64 y = 1; }
}
`

// A map field whose hidden message is written out is a map field, and the messages are counted both ways.
func TestMapEntriesThatAreWrittenOut(t *testing.T) {
	s, err := Compile("t.proto", map[string]Source{"t.proto": {Text: written}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Message("t.B")
	if err != nil {
		t.Fatal(err)
	}
	if m := b.Fields().ByName("m"); !m.IsMap() || m.MapValue().Kind().String() != "int64" {
		t.Errorf("field m is no map of int64: %v", m)
	}
	counted, uncounted, err := s.At([]int{1, 0})
	if err != nil || counted.FullName() != "t.B.In" || uncounted.FullName() != "t.B.In" {
		t.Errorf("indexes 1, 0: got %v and %v, %v", counted, uncounted, err)
	}
	if counted, _, err = s.At([]int{1, 1}); err != nil || counted.FullName() != "t.B.In" {
		t.Errorf("indexes 1, 1: got %v, %v", counted, err)
	}
}

// Nothing else passes by that way: a message that is not exactly that of a map field, and what is wrong besides.
func TestMapEntriesThatAreNone(t *testing.T) {
	for what, change := range map[string][2]string{
		"another name":         {"MEntry", "Pair"},
		"a third field":        {"int64 value = 2;\n", "int64 value = 2; int64 more = 3;\n"},
		"other numbers":        {"int64 value = 2;\n", "int64 value = 3;\n"},
		"one that is not many": {"repeated MEntry m", "MEntry m"},
		"a key of bytes":       {"string key", "bytes key"},
		"a type that is not":   {"In in", "Out in"},
		"a syntax error":       {"In in = 3;", "In in 3;"},
		"a number twice":       {"In in = 3;", "In in = 1;"},
		"a name twice":         {"In in = 3;", "In x = 3;"},
	} {
		text := strings.ReplaceAll(written, change[0], change[1])
		if text == written {
			t.Fatalf("%s changes nothing", what)
		}
		if s, err := Compile("t.proto", map[string]Source{"t.proto": {Text: text}}); err == nil {
			t.Errorf("%s: got %v, want an error", what, s.Files[0].Messages())
		} else {
			t.Logf("%s: %v", what, err)
		}
	}
}
