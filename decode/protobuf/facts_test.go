package protobuf_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/protobuf"
)

const factsText = `syntax = "proto3"; package f;
import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
import "google/protobuf/any.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/field_mask.proto";
enum Color { NONE = 0; RED = 1; }
message In { int32 a = 1; optional string b = 2; In in = 3; repeated In list = 4; }
message M {
  int32 n = 1;
  optional int32 o = 2;
  bool yes = 3;
  string s = 4;
  Color color = 5;
  repeated int32 many = 6;
  map<string, int32> map = 7;
  In in = 8;
  google.protobuf.Int32Value w = 9;
  oneof one { int32 x = 10; string y = 11; In z = 12; }
  google.protobuf.Timestamp ts = 13;
  uint64 u = 14;
  sint64 zig = 15;
  bytes raw = 16;
  google.protobuf.Struct free = 17;
  google.protobuf.Any any = 18;
  google.protobuf.Duration took = 19;
  google.protobuf.FieldMask mask = 20;
  float small = 21;
  repeated In list = 22;
  map<int32, In> byid = 23;
}`

const factsProto2 = `syntax = "proto2"; package f;
enum Color { NONE = 0; RED = 1; }
message M {
  optional int32 n = 1;
  optional string s = 4;
  optional Color color = 5;
  optional group Grp = 6 { optional int32 a = 1; optional string b = 2; }
  required int32 must = 7;
  repeated Color colors = 8;
  extensions 100 to 199;
}
extend M { optional int32 ext = 100; }`

const factsEdition = `edition = "2023"; package f;
message In { int32 a = 1; }
message M {
  int32 n = 1;
  int32 implicit = 2 [features.field_presence = IMPLICIT];
  In in = 3 [features.message_encoding = DELIMITED];
  repeated int32 many = 6 [features.repeated_field_encoding = EXPANDED];
}`

// Each fact about the wire format that was seen in the libraries, with the bytes. A column's name, type and path: n:int, or c:text=color.
func TestFacts(t *testing.T) {
	for _, c := range []struct{ what, text, columns, value, want string }{
		{"packed and unpacked are taken for each other", factsText, "many:json", "3201 05 3006 3202 0708", "[5,6,7,8]"},
		{"a scalar twice: the last wins", factsText, "n:int", "0801 0802", "2"},
		{"a message twice is merged", factsText, "in.a:int in.b:text in:json", "42020805 4203120178", `5 "x" {"a":5,"b":"x","list":[]}`},
		{"a message in a message twice is merged", factsText, "in.in.a:int in:json", "4204 1a020801 4205 1a03120162", `1 {"a":0,"in":{"a":1,"b":"b","list":[]},"list":[]}`},
		{"oneof: the last wins", factsText, "x:int y:text", "5001 5a0178", `null "x"`},
		{"oneof: what was merged before is gone", factsText, "z:json z.a:int x:int", "62020801 5007 6203120178", `{"a":0,"b":"x","list":[]} 0 null`},
		{"oneof: a member that no column takes clears too", factsText, "x:int", "5001 5a0178", "null"},
		{"a map's key twice, whole", factsText, "map:json map.a:int", "3a050a01611001 3a050a01611002", `{"a":2} 2`},
		{"a map's entry without key or value", factsText, "map:json", "3a00", `{"":0}`},
		{"a map is sorted", factsText, "map:json", "3a050a01621001 3a050a01611002", `{"a":2,"b":1}`},
		{"a varint beyond 32 bits: the lowest 32", factsText, "n:int", "088580808010", "5"},
		{"a negative int32 is ten bytes", factsText, "n:int", "08ffffffffffffffffff01", "-1"},
		{"bool 2 is true", factsText, "yes:bool", "1802", "true"},
		{"a wrong wire type is an unknown field", factsText, "n:int s:text", "0a0178 2001", `0 ""`},
		{"no presence: zero, never null", factsText, "n:int yes:bool s:text color:text many:json map:json", "", `0 false "" "NONE" [] {}`},
		{"presence: null", factsText, "o:int in:json w:int x:int ts:timestamp in.a:int", "", "null null null null null null"},
		{"presence and zero", factsText, "o:int in:json w:int x:int ts:timestamp in.a:int", "1000 4200 4a00 5000 6a00", `0 {"a":0,"list":[]} 0 0 0 0`},
		{"an empty wrapper is 0", factsText, "w:int w:json", "4a00", "0 0"},
		{"an unknown enum number in proto3", factsText, "color:int", "2807", "7"},
		{"... as text", factsText, "color:text", "2807", "bad field color: 7 is no value of enum f.Color that the schema has"},
		{"... as json", factsText, "color:json", "2807", "7"},
		{"an unknown enum number in proto2", factsProto2, "color:int colors:json", "2807 3801 4007", "7 [7]"},
		{"... as text", factsProto2, "color:text", "2807", "bad field color: 7 is no value of enum f.Color that the schema has"},
		{"invalid UTF-8 in proto3", factsText, "n:int", "2201ff", "bad value is no f.M at byte 2: field s: invalid UTF-8"},
		{"invalid UTF-8 in proto2", factsProto2, "n:int", "2201ff", "bad value is no f.M at byte 2: field s: invalid UTF-8"},
		{"invalid UTF-8 inside", factsText, "n:int", "42051a031201ff", "bad value is no f.M at byte 6: field in.in.b: invalid UTF-8"},
		{"a required field that is missing", factsProto2, "must:int", "0801", "bad field must is missing"},
		{"... and that no column takes", factsProto2, "n:int", "0801", "1"},
		{"a group", factsProto2, "grp.a:int grp:json", "330802120178 34", `2 {"a":2,"b":"x"}`},
		{"a group twice is merged", factsProto2, "grp:json", "33080234 3312017834", `{"a":2,"b":"x"}`},
		{"an extension is an unknown field", factsProto2, "n:int", "0801 a00605", "1"},
		{"DELIMITED of edition 2023", factsEdition, "in.a:int n:int implicit:int many:json", "1b080334 3207", "bad value is no f.M at byte 3: field in.6: a group ends that did not begin"},
		{"DELIMITED of edition 2023, whole", factsEdition, "in.a:int n:int implicit:int many:json", "1b08031c 30073008", "3 null 0 [7,8]"},
		{"nanos below a microsecond", factsText, "ts:timestamp ts:json", "6a05080110cf0f", `1000001 "1970-01-01T00:00:01.000001999Z"`},
		{"before 1970 nanos count upwards", factsText, "ts:timestamp", "6a0e08ffffffffffffffffff0110e707", "-1000000"},
		{"nanos of a billion are none", factsText, "ts:timestamp", "6a0610 8094ebdc03", "bad field ts: a Timestamp of 0 seconds and 1000000000 nanoseconds is no time that fits"},
		{"negative nanos are none", factsText, "ts:timestamp", "6a0b10ffffffffffffffffff01", "bad field ts: a Timestamp of 0 seconds and -1 nanoseconds is no time that fits"},
		{"seconds beyond all years", factsText, "ts:timestamp", "6a0a08ffffffffffffffff7f", "bad field ts: a Timestamp of 9223372036854775807 seconds and 0 nanoseconds is no time that fits"},
		{"a year that JSON cannot have", factsText, "ts:json", "6a07 088083d1ffaf07", "bad field ts: a Timestamp of 253402300800 seconds and 0 nanoseconds is no time that fits"},
		{"uint64 beyond int", factsText, "u:decimal u:float", "70ffffffffffffffffff01", `"18446744073709551615" 18446744073709551616`},
		{"... in an int", factsText, "u:int", "70ffffffffffffffffff01", "bad field u: 18446744073709551615 does not fit int"},
		{"zigzag", factsText, "zig:int", "7801", "-1"},
		{"bytes", factsText, "raw:bytes raw:json", "82010201ff", `"\x01\xff" "Af8="`},
		{"bytes in a text", factsText, "raw:text", "82010201ff", "bad field raw: bytes, 2 of them, does not fit text"},
		{"16 bytes are a uuid", factsText, "raw:uuid", "820110 6ba7b8109dad11d180b400c04fd430c8", `"6ba7b810-9dad-11d1-80b4-00c04fd430c8"`},
		{"a Struct of null and true", factsText, "free:json free.fields.b:json free.fields.a:json", "8a0112 0a070a016112020800 0a070a016212022001", `{"a":null,"b":true} true null`},
		{"a Value without a value", factsText, "free:json", "8a0107 0a050a01611200", "bad field free: a google.protobuf.Value has no value"},
		{"an Any", factsText, "any:json", "920106 0a01741201ff", `{"@type":"t","value":"/w=="}`},
		{"a Duration, negative", factsText, "took:text took:decimal took:json", "9a0116 08ffffffffffffffffff01 1080b6ca91feffffffff01", `"-1.500s" "-1.500" "-1.500s"`},
		{"a FieldMask", factsText, "mask:text mask:json", "a20108 0a01610a03622e63", `"a,b.c" "a,b.c"`},
		{"a float has the digits of 32 bits", factsText, "small:float small:decimal small:json", "ad01cdcccc3d", `0.10000000149011612 "0.1" 0.1`},
		{"NaN fits nowhere", factsText, "small:json", "ad010000c07f", "bad field small: NaN does not fit json"},
		{"an element, and what is in one", factsText, "many[1]:int list[1].b:text list[0].a:int", "32020506 b201020801 b20103120178", `6 "x" 1`},
		{"no such element", factsText, "many[2]:int", "32020506", "bad field many[2] is missing"},
		{"a key that is a number", factsText, "byid.-1.a:int byid:json", "ba010f 08ffffffffffffffffff01 12020807", `7 {"-1":{"a":7,"list":[]}}`},
		{"no such key", factsText, "byid.5.a:int", "", "bad field byid.5.a is missing"},
		{"a path through a list", factsText, "many.x:int", "3201 05", "bad field many.x: many is a list, where the path goes on"},
		{"a path through a number", factsText, "n.x:int", "0801", "bad field n.x: n is an int32, where the path goes on"},
		{"a list in a text", factsText, "many:text", "", "bad field many: a list does not fit text"},
		{"a field that the schema does not have", factsText, "nowhere:int", "", "bad field nowhere is missing"},

		{"a record that ends in a varint", factsText, "n:int", "0880", "bad value is no f.M at byte 1: field n: the bytes end inside of it"},
		{"a varint of eleven bytes", factsText, "n:int", "08ffffffffffffffffffff01", "bad value is no f.M at byte 1: field n: its varint is longer than 64 bits"},
		{"a varint of 65 bits", factsText, "n:int", "08ffffffffffffffffff02", "bad value is no f.M at byte 1: field n: its varint is longer than 64 bits"},
		{"a length beyond the end", factsText, "n:int", "2205 61", "bad value is no f.M at byte 1: field s: its length is beyond the end"},
		{"a length beyond everything", factsText, "n:int", "22ffffffffffffffffff01", "bad value is no f.M at byte 1: field s: its length is beyond the end"},
		{"field number 0", factsText, "n:int", "0001", "bad value is no f.M at byte 0: a field's number: it is no field number"},
		{"field number of 2^29", factsText, "n:int", "808080801001", "bad value is no f.M at byte 0: field 536870912: it is no field number"},
		{"wire type 6", factsText, "n:int", "0e", "bad value is no f.M at byte 0: field n: it has a wire type that does not exist"},
		{"an unknown group that does not end", factsText, "n:int", "a306 0801", "bad value is no f.M at byte 4: field 100: the bytes end inside of it"},
		{"packed values that end inside of one", factsText, "n:int", "3202 0580", "bad value is no f.M at byte 3: field many: its packed values end inside of one"},
		{"JSON text", factsText, "n:int", hex.EncodeToString([]byte(`{"n":1}`)), "bad value is no f.M at byte 2: field s: its length is beyond the end"},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := decodeText(t, c.text, "f.M", c.columns, c.value)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// decodeText is the row of a record, or "bad" and the reason.
func decodeText(t *testing.T, text, name, columns, value string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(value, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	d := bare(t, text, name, decode.Config{Fields: fieldsOf(t, columns)})()
	cols := columnsOf(d)
	if err := d.Decode(&fencepost.Record{Value: append([]byte{}, b...)}, cols); err != nil {
		bad, ok := errors.AsType[*fencepost.BadRecord](err)
		if !ok || bad.Code != decode.Undecodable {
			t.Fatalf("another error: %v", err)
		}
		return "bad " + bad.Reason
	}
	var row []string
	for i := range cols {
		cell := cellText(&cols[i])
		if !cols[i].Null(0) {
			switch cols[i].Type {
			case fencepost.JSON:
				cell = string(cols[i].Bytes(0)) // as it is written
			case fencepost.Float:
				cell = fmt.Sprintf("%.17v", cols[i].Float(0))
				if cols[i].Float(0) > 1e18 {
					cell = fmt.Sprintf("%.0f", cols[i].Float(0))
				}
			}
		}
		row = append(row, cell)
	}
	return strings.Join(row, " ")
}

// fieldsOf reads PATH:TYPE between blanks.
func fieldsOf(t testing.TB, columns string) (fields []decode.Field) {
	t.Helper()
	for i, c := range strings.Fields(columns) {
		path, word, _ := strings.Cut(c, ":")
		typ, ok := fencepost.ParseType(word)
		if !ok {
			t.Fatalf("no type %s", word)
		}
		fields = append(fields, decode.Field{Column: fmt.Sprintf("c%d", i), From: path, Type: typ})
	}
	return fields
}

// A message nested as deep as it may be is read, one deeper is bad: in fields that are taken, that are not, and in groups that nobody knows.
func TestDepth(t *testing.T) {
	nested := func(levels int) (b []byte) {
		for range levels - 1 {
			b = append(appendLength([]byte{0x1a}, len(b)), b...)
		}
		return append(appendLength([]byte{0x42}, len(b)), b...)
	}
	groups := func(levels int) []byte {
		return append(slices.Repeat([]byte{0xa3, 0x06}, levels), slices.Repeat([]byte{0xa4, 0x06}, levels)...)
	}
	for _, column := range []string{"in:json", "n:int", "in.a:int"} {
		d := bare(t, factsText, "f.M", decode.Config{Fields: fieldsOf(t, column)})()
		for what, value := range map[string]func(int) []byte{"messages": nested, "groups": groups} {
			columns := columnsOf(d)
			if err := d.Decode(&fencepost.Record{Value: value(protobuf.MaxDepth - 1)}, columns); err != nil {
				t.Errorf("%s, %s as deep as may be: %v", column, what, err)
			}
			err := d.Decode(&fencepost.Record{Value: value(protobuf.MaxDepth)}, columns)
			if err == nil || !strings.Contains(err.Error(), "nested too deep") {
				t.Errorf("%s, %s deeper than may be: %v", column, what, err)
			}
		}
	}
}

func appendLength(b []byte, n int) []byte {
	for n >= 0x80 {
		b, n = append(b, byte(n)|0x80), n>>7
	}
	return append(b, byte(n))
}

// Two bytes may become a lot of JSON. There is an end to that.
func TestMuchJSON(t *testing.T) {
	text := &strings.Builder{}
	text.WriteString("syntax = \"proto3\"; message M { repeated W w = 1; } message W {\n")
	for i := range 1000 {
		fmt.Fprintf(text, "int32 a_long_name_that_is_written_for_each_of_them_%d = %d;\n", i, i+1)
	}
	text.WriteString("}")
	d := bare(t, text.String(), "M", decode.Config{Fields: fieldsOf(t, "w:json")})()
	columns := columnsOf(d)
	if err := d.Decode(&fencepost.Record{Value: slices.Repeat([]byte{0x0a, 0}, 100)}, columns); err != nil {
		t.Fatal(err)
	}
	err := d.Decode(&fencepost.Record{Value: slices.Repeat([]byte{0x0a, 0}, 10_000)}, columns)
	if err == nil || !strings.Contains(err.Error(), "its JSON is longer than") {
		t.Errorf("got %v, want an end", err)
	}
}

// Each field that no column takes is reported once: by its name, or by the number that the schema does not have, or not of that wire type.
func TestUnknownFields(t *testing.T) {
	var got []string
	c := decode.Config{Fields: fieldsOf(t, "n:int in.a:int"), Unknown: func(name string, _ fencepost.TopicPartition, at fencepost.Offset) {
		got = append(got, fmt.Sprintf("%s at %d", name, at))
	}}
	factory := bare(t, factsText, "f.M", c)
	value, _ := hex.DecodeString("080142028801" + "220178" + "a00605" + "320101" + "3001" + "1001" + "0a0178")
	value = append([]byte{0x08, 1, 0x42, 2, 0x08, 1}, value[6:]...)
	for range 2 {
		d := factory()
		columns := columnsOf(d)
		for offset := range 2 {
			if err := d.Decode(&fencepost.Record{Value: value, Offset: fencepost.Offset(offset)}, columns); err != nil {
				t.Fatal(err)
			}
		}
	}
	if d := cmp.Diff([]string{"s at 0", "100 at 0", "many at 0", "o at 0", "1 at 0"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	c.UnknownFields, c.Unknown = decode.RefuseUnknown, nil
	d := bare(t, factsText, "f.M", c)()
	columns := columnsOf(d)
	for _, want := range []string{"s", "s"} {
		err := d.Decode(&fencepost.Record{Value: value}, columns)
		if err == nil || err.Error() != "field "+want+" is not in the schema" {
			t.Errorf("got %v, want field %s refused", err, want)
		}
	}
	if err := d.Decode(&fencepost.Record{Value: []byte{0xa0, 6, 5}}, columns); err == nil || err.Error() != "field 100 is not in the schema" {
		t.Errorf("got %v, want field 100 refused", err)
	}
}

// The rules of a column for what is missing.
func TestMissing(t *testing.T) {
	fields := fieldsOf(t, "o:int in.b:text nowhere:int many[0]:int n:int")
	for i := range fields {
		fields[i].Missing = decode.Default(`7`)
	}
	fields[1].Missing = decode.Default(`"x"`)
	d := bare(t, factsText, "f.M", decode.Config{Fields: fields})()
	columns := columnsOf(d)
	if err := d.Decode(&fencepost.Record{Value: []byte{}}, columns); err != nil {
		t.Fatal(err)
	}
	var row []string
	for i := range columns {
		row = append(row, cellText(&columns[i]))
	}
	if d := cmp.Diff([]string{"7", `"x"`, "7", "7", "0"}, row); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A record without a value is a tombstone, one of no bytes an empty message.
func TestEmpty(t *testing.T) {
	d := bare(t, factsText, "f.M", decode.Config{Fields: fieldsOf(t, "n:int _offset:int")})()
	columns := columnsOf(d)
	if err := d.Decode(&fencepost.Record{}, columns); err == nil || err.Error() != "record has no value (a tombstone)" {
		t.Errorf("got %v, want a tombstone", err)
	}
	if err := d.Decode(&fencepost.Record{Value: []byte{}, Offset: 9}, columns); err != nil || columns[0].Int(0) != 0 || columns[1].Int(0) != 9 {
		t.Errorf("got %v, want an empty message", err)
	}
}

// Steady state means that memory has grown: not one allocation per record, in no kind of column.
func TestDecodeAllocatesNothing(t *testing.T) {
	d := bare(t, factsText, "f.M", decode.Config{Fields: fieldsOf(t,
		"n:int s:text ts:timestamp in:json in.a:int many:json map:json many[1]:int map.b:int list[0].b:text list:json free:json took:text took:decimal mask:text raw:json color:text color:json any:json w:int x:int _offset:int u:decimal")})()
	value, _ := hex.DecodeString("0801" + "220178" + "6a0408011005" + "42050805120178" + "32020506" + "3a050a01621001" + "3a050a01611002" + "b20103120178" + "8a0112" +
		"0a070a0161120208000a070a016212022001" + "9a01020803" + "a201030a0161" + "820102ffff" + "2801" + "9201060a01741201ff" + "4a020801" + "5005" + "7005")
	columns := columnsOf(d)
	r := fencepost.Record{Value: value}
	if err := d.Decode(&r, columns); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(200, func() {
		for k := range columns {
			columns[k].Truncate(0)
		}
		for range 10 {
			if err := d.Decode(&r, columns); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("decoding allocated %v times, want 0", allocs)
	}
}
