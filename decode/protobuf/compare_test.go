package protobuf_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/protobuf"
)

// everyKind is a message with a field of each kind.
func everyKind(t *testing.T) *protobuf.Schema {
	text := &strings.Builder{}
	fmt.Fprintf(text, "syntax = \"proto3\";\n%senum Color { NONE = 0; RED = 1; }\nmessage Sub { int32 a = 1; }\nmessage Root {\n", imports)
	for i, kind := range append(append([]string{"Color"}, scalars...), messages...) {
		fmt.Fprintf(text, "%s f%d = %d;\n repeated %s r%d = %d;\n", kind, i, 2*i+1, kind, i, 2*i+2)
	}
	text.WriteString("map<string, int32> m = 100; }")
	return schema(t, text.String())
}

// Compare finds exactly the pairs of kind and type that the decoder's twin knows to never fit.
func TestCompareAgreesWithTwin(t *testing.T) {
	m, err := everyKind(t).Message("Root")
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		for k, word := range fencepost.Types() {
			for _, unit := range []decode.Unit{decode.NoUnit, decode.Days, decode.Seconds} {
				typ := fencepost.Type(k)
				isTime := typ == fencepost.Timestamp || typ == fencepost.Date || typ == fencepost.Time
				if unit != decode.NoUnit && !isTime || unit == decode.Days && typ == fencepost.Time || unit == decode.Seconds && typ == fencepost.Date {
					continue
				}
				inner := fd
				if fd.Message() != nil && isWrapper(fd.Message()) {
					inner = fd.Message().Fields().Get(0)
				}
				want := slices.Contains(strings.Fields(columnsFor(inner)), word)
				if isTime && unit == decode.NoUnit && inner.Message() == nil && inner.Kind() != protoreflect.StringKind {
					want = false // a number is no time without a unit
				}
				if fd.IsList() || fd.IsMap() {
					want = typ == fencepost.JSON
				}
				faults := protobuf.Compare(m, decode.Config{Fields: []decode.Field{{Column: "c", From: string(fd.Name()), Type: typ, Unit: unit}}})
				if got := len(faults) == 0; got != want {
					t.Errorf("%s %s into %s by %q: fits is %t, want %t: %v", fd.Cardinality(), fd.Kind(), word, unit, got, want, faults)
				}
			}
		}
	}
}

// What Compare says of columns that nothing can fill.
func TestCompare(t *testing.T) {
	m, err := schema(t, factsText).Message("f.M")
	if err != nil {
		t.Fatal(err)
	}
	fields := fieldsOf(t, "n:int nowhere:text nowhere:text n.x:int in.list[0].b:int map.a:text _offset:int in.z:text in.in.list:text ts:int")
	fields[2].Missing = decode.Null()
	var got []string
	for _, f := range protobuf.Compare(m, decode.Config{Fields: fields}) {
		got = append(got, f.Key+": "+f.Error())
	}
	want := []string{
		"from: c1: message f.M has no field for it: its fields are n: int, o: int, yes: bool, s: text, color: text, many: json, map: json, in: json, w: int, x: int, ...; or missing: null",
		"from: c3: n is an int32, where the path goes on: end the path there, with type: json",
		"type: c4: a string does not fit int: one of: text timestamp decimal json bytes date time uuid",
		"type: c5: an int32 does not fit text: one of: int float timestamp with unit decimal json date with unit time with unit",
		"from: c7: message f.M has no field for it: its fields are n: int, o: int, yes: bool, s: text, color: text, many: json, map: json, in: json, w: int, x: int, ...; or missing: null",
		"type: c8: a list does not fit text: one of: json",
		"type: c9: message google.protobuf.Timestamp does not fit int: one of: timestamp json",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A draft has a column for each field, and takes what a record of them can hold.
func TestColumns(t *testing.T) {
	m, err := schema(t, `syntax = "proto3"; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
enum Color { NONE = 0; } message M { int32 _topic = 1; uint64 big = 2; Color color = 3; google.protobuf.Timestamp at = 4; google.protobuf.BoolValue yes = 5;
repeated int32 many = 6; map<string, M> by = 7; M in = 8; double x = 9; bytes raw = 10; string s = 11; int32 topic = 12; int32 __ = 13; }`).Message("M")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var fields []decode.Field
	for _, c := range protobuf.Columns(m) {
		got = append(got, fmt.Sprintf("%s %s %s: %s", c.Column, c.Type, c.From, c.Comment))
		fields = append(fields, c.Field)
	}
	want := []string{`topic int "_topic": an int32`, "big decimal : a uint64", "color text : enum Color", "at timestamp : message google.protobuf.Timestamp",
		"yes bool : message google.protobuf.BoolValue", "many json : a list, each an int32", "by json : a map", "in json : message M", "x float : a double",
		"raw bytes : bytes", "s text : a string", "field_12 int topic: an int32", "field_13 int __: an int32"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := decode.NewLayout(decode.Config{Fields: fields}); err != nil {
		t.Errorf("no decoder takes the draft: %v", err)
	}
	if faults := protobuf.Compare(m, decode.Config{Fields: fields}); len(faults) > 0 {
		t.Errorf("the draft does not fit: %v", faults)
	}
}
