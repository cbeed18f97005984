package protobuf_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/protobuf"
)

var scalars = []string{"double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64",
	"bool", "string", "bytes"}

var messages = []string{"Root", "Sub", "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.Int64Value", "google.protobuf.StringValue",
	"google.protobuf.FloatValue", "google.protobuf.BoolValue", "google.protobuf.BytesValue", "google.protobuf.Struct", "google.protobuf.Value",
	"google.protobuf.ListValue", "google.protobuf.Any", "google.protobuf.FieldMask", "google.protobuf.Empty"}

const imports = `import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto"; import "google/protobuf/any.proto"; import "google/protobuf/field_mask.proto"; import "google/protobuf/empty.proto";
`

// drawSchema is the text of a schema with two messages, Root and Sub.
func drawSchema(t *rapid.T) string {
	isProto2 := rapid.Bool().Draw(t, "proto2")
	text := &strings.Builder{}
	fmt.Fprintf(text, "syntax = %q;\n%s", map[bool]string{true: "proto2", false: "proto3"}[isProto2], imports)
	text.WriteString("enum Color { NONE = 0; RED = 1; BLUE = -5; }\n")
	for _, message := range []string{"Root", "Sub"} {
		fmt.Fprintf(text, "message %s {\n", message)
		number := 0
		for i := range rapid.IntRange(1, 6).Draw(t, "fields") {
			number += rapid.SampledFrom([]int{1, 1, 1, 2, 15, 300}).Draw(t, "step")
			drawField(t, text, fmt.Sprintf("f%d", i), &number, isProto2)
		}
		text.WriteString("}\n")
	}
	return text.String()
}

func drawField(t *rapid.T, text *strings.Builder, name string, number *int, isProto2 bool) {
	kind := rapid.SampledFrom(append(append([]string{"Color"}, scalars...), messages...)).Draw(t, "kind")
	label := ""
	if isProto2 {
		label = "optional "
	}
	switch rapid.SampledFrom([]string{"single", "single", "optional", "repeated", "unpacked", "map", "oneof", "group", "required"}).Draw(t, "form") {
	case "optional":
		label = "optional "
	case "required":
		if isProto2 && !strings.Contains("RootSub", kind) {
			label = "required "
		}
	case "repeated":
		label = "repeated "
	case "unpacked":
		fmt.Fprintf(text, "  repeated int32 %s = %d [packed = false];\n", name, *number)
		return
	case "map":
		key := rapid.SampledFrom([]string{"string", "int32", "uint64", "sint64", "bool", "fixed32", "sfixed64"}).Draw(t, "key")
		fmt.Fprintf(text, "  map<%s, %s> %s = %d;\n", key, kind, name, *number)
		return
	case "oneof":
		other := rapid.SampledFrom(append([]string{"Sub"}, scalars...)).Draw(t, "other")
		fmt.Fprintf(text, "  oneof o%s { %s %s = %d; %s %sx = %d; }\n", name, kind, name, *number, other, name, *number+1)
		*number++
		return
	case "group":
		if isProto2 {
			many := rapid.SampledFrom([]string{"optional", "repeated"}).Draw(t, "many")
			fmt.Fprintf(text, "  %s group %s = %d { optional int32 a = 1; optional Sub b = 2; }\n", many, strings.ToUpper(name), *number)
			return
		}
	}
	fmt.Fprintf(text, "  %s%s %s = %d;\n", label, kind, name, *number)
}

var drawVarint = rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Uint64(), rapid.SampledFrom([]uint64{1<<32 + 5, 1<<64 - 1, 1 << 63, 1<<31 - 1, 1 << 31}))

var drawText = rapid.SampledFrom([]string{"", "a", "b", "1", "true", "hé\"\n", "2001-02-03T04:05:06Z", "12.50", "AQI=", "nul\x00", "6ba7b8109dad11d180b400c04fd430c8", "a long text that is beyond sixteen bytes"})

// drawMessage are bytes of a message as a hostile writer would make them: fields in any order and number, packed and not, of wrong wire
// types, and unknown ones.
func drawMessage(t *rapid.T, m protoreflect.MessageDescriptor, depth int) (b []byte) {
	for range rapid.IntRange(0, 7).Draw(t, "occurrences") {
		if rapid.IntRange(0, 11).Draw(t, "stranger") == 0 {
			b = append(b, drawUnknown(t, m)...)
			continue
		}
		if m.Fields().Len() == 0 {
			continue
		}
		f := m.Fields().Get(rapid.IntRange(0, m.Fields().Len()-1).Draw(t, "field"))
		if f.Message() != nil && depth > 4 {
			continue
		}
		b = drawValue(t, b, f, depth)
	}
	return b
}

func drawUnknown(t *rapid.T, m protoreflect.MessageDescriptor) (b []byte) {
	number := protowire.Number(rapid.SampledFrom([]int{1, 2, 3, 77, 5000}).Draw(t, "number"))
	switch rapid.IntRange(0, 4).Draw(t, "wire") {
	case 0:
		return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), drawVarint.Draw(t, "varint"))
	case 1:
		return protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), 1)
	case 2:
		return protowire.AppendFixed32(protowire.AppendTag(b, number, protowire.Fixed32Type), 1)
	case 3:
		b = protowire.AppendTag(b, number, protowire.StartGroupType)
		b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), "in it")
		return protowire.AppendTag(b, number, protowire.EndGroupType)
	}
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), "\x01")
}

func drawValue(t *rapid.T, b []byte, f protoreflect.FieldDescriptor, depth int) []byte {
	n := f.Number()
	fixed := func(b []byte, width int) []byte {
		if width == 4 {
			return protowire.AppendFixed32(b, rapid.OneOf(rapid.Uint32(), rapid.Just(uint32(0x7f800000)), rapid.Just(uint32(0x3f800000))).Draw(t, "fixed32"))
		}
		return protowire.AppendFixed64(b, rapid.OneOf(rapid.Uint64(), rapid.Just(uint64(0x7ff8<<48)), rapid.Just(uint64(0x3ff8<<48)), rapid.Just(uint64(7))).Draw(t, "fixed64"))
	}
	one, wire := func(b []byte) []byte { return protowire.AppendVarint(b, drawVarint.Draw(t, "varint")) }, protowire.VarintType
	switch f.Kind() {
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		one, wire = func(b []byte) []byte { return fixed(b, 4) }, protowire.Fixed32Type
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		one, wire = func(b []byte) []byte { return fixed(b, 8) }, protowire.Fixed64Type
	case protoreflect.StringKind:
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), drawText.Draw(t, "text"))
	case protoreflect.BytesKind:
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), rapid.SliceOfN(rapid.Byte(), 0, 17).Draw(t, "bytes"))
	case protoreflect.MessageKind:
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), drawMessage(t, f.Message(), depth+1))
	case protoreflect.GroupKind:
		b = append(protowire.AppendTag(b, n, protowire.StartGroupType), drawMessage(t, f.Message(), depth+1)...)
		return protowire.AppendTag(b, n, protowire.EndGroupType)
	}
	if f.IsList() && rapid.Bool().Draw(t, "packed") {
		var all []byte
		for range rapid.IntRange(0, 3).Draw(t, "many") {
			all = one(all)
		}
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), all)
	}
	return one(protowire.AppendTag(b, n, wire))
}

// drawFields are columns of paths that mostly lead somewhere.
func drawFields(t *rapid.T, m protoreflect.MessageDescriptor) (fields []decode.Field) {
	for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
		f := decode.Field{Column: fmt.Sprintf("c%d", i), From: drawPath(t, m, 0)}
		f.Type = fencepost.Type(rapid.IntRange(0, len(fencepost.Types())-1).Draw(t, "type"))
		if rapid.Bool().Draw(t, "as json") {
			f.Type = fencepost.JSON
		}
		switch f.Type {
		case fencepost.Timestamp, fencepost.Time:
			f.Unit = rapid.SampledFrom([]decode.Unit{decode.NoUnit, decode.Seconds, decode.Nanos}).Draw(t, "unit")
		case fencepost.Date:
			f.Unit = rapid.SampledFrom([]decode.Unit{decode.NoUnit, decode.Days}).Draw(t, "unit")
		}
		if rapid.IntRange(0, 3).Draw(t, "strict") > 0 { // a row with an error says nothing about its other columns
			f.Missing, f.Mismatch = decode.Null(), decode.Null()
		}
		fields = append(fields, f)
	}
	return fields
}

func drawPath(t *rapid.T, m protoreflect.MessageDescriptor, depth int) string {
	if m.Fields().Len() == 0 || rapid.IntRange(0, 15).Draw(t, "nowhere") == 0 {
		return "nowhere"
	}
	f := m.Fields().Get(rapid.IntRange(0, m.Fields().Len()-1).Draw(t, "field"))
	path, inner := string(f.Name()), f.Message()
	ends := func() bool { return depth > 3 || rapid.Bool().Draw(t, "ends") }
	switch {
	case ends():
		return path
	case f.IsMap():
		path += "." + rapid.SampledFrom([]string{"a", "1", "true", "b", "2", "7"}).Draw(t, "key")
		inner = f.MapValue().Message()
	case f.IsList():
		path += fmt.Sprintf("[%d]", rapid.IntRange(0, 2).Draw(t, "index"))
	}
	if inner == nil || ends() {
		if rapid.IntRange(0, 15).Draw(t, "too far") == 0 {
			return path + rapid.SampledFrom([]string{".x", "[0]"}).Draw(t, "beyond")
		}
		return path
	}
	return path + "." + drawPath(t, inner, depth+1)
}

// decoded is a row as the twin has it. Which of two wrong columns is named first is nothing to compare.
func decoded(d fencepost.Decoder, columns []fencepost.Column, value []byte) (row []string, err error) {
	if err := d.Decode(&fencepost.Record{Value: value}, columns); err != nil {
		var b *fencepost.BadRecord
		switch {
		case !errors.As(err, &b) || b.Code != decode.Undecodable:
			return nil, fmt.Errorf("another error: %w", err)
		case strings.Contains(b.Reason, " is no ") && strings.Contains(b.Reason, " at byte "):
			return nil, fmt.Errorf("%w: %s", errUndecodable, b.Reason)
		case strings.HasSuffix(b.Reason, "is missing"):
			return nil, errMissing
		}
		return nil, fmt.Errorf("%w: %s", errMismatch, b.Reason)
	}
	for i := range columns {
		row = append(row, cellText(&columns[i]))
	}
	return row, nil
}

// Whatever the schema, the bytes and the columns are, the decoder says what its twin says.
func TestAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawSchema(t)
		s, err := protobuf.Compile("x.proto", map[string]protobuf.Source{"x.proto": {Text: text}})
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		m, err := s.Message("Root")
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			agrees(t, text, s, m, drawFields(t, m))
		}
	})
}

func agrees(t *rapid.T, text string, s *protobuf.Schema, m protoreflect.MessageDescriptor, fields []decode.Field) {
	factory, err := protobuf.New(protobuf.Config{Config: decode.Config{Fields: fields}, Schema: s, Message: "Root"})
	if err != nil {
		t.Fatal(err)
	}
	d := factory()
	columns := columnsOf(d)
	for range 5 { // one decoder: what a record leaves behind must not reach the next
		value := append([]byte{}, drawMessage(t, m, 0)...) // an empty value is a message, nil is none
		if len(value) > 0 && rapid.IntRange(0, 5).Draw(t, "broken") == 0 {
			i := rapid.IntRange(0, len(value)-1).Draw(t, "at")
			value[i] = rapid.Byte().Draw(t, "byte")
			value = value[:rapid.IntRange(i, len(value)).Draw(t, "cut")]
		}
		for i := range columns {
			columns[i].Truncate(0)
		}
		want, wantErr := twin(m, fields, value)
		got, gotErr := decoded(d, columns, value)
		if wantErr == errNoTwin {
			continue
		}
		if m.ParentFile().Syntax() == protoreflect.Proto2 && gotErr != nil && strings.Contains(gotErr.Error(), "invalid UTF-8") {
			continue // the twin does not see it where a later value has taken its place
		}
		if d := cmp.Diff(want, got); d != "" || !sameFault(wantErr, gotErr) {
			t.Fatalf("%s\nfields %+v\nvalue %x\nrow (-twin +decoder):\n%serror: %v, twin %v", text, fields, value, d, gotErr, wantErr)
		}
		for i := range columns {
			if wantErr == nil && columns[i].Len() != 1 {
				t.Fatalf("column %d has %d rows", i, columns[i].Len())
			}
		}
	}
}

func sameFault(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Error() == b.Error() || errors.Is(b, a)
}
