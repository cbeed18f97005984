package protobuf_test

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/protobuf"
	"github.com/fencepost/fencepost/decode/registry"
)

// schemas is a registry of a few schemas, by the number of their ids.
type schemas map[uint64]*registry.Schema

func (s schemas) Schema(_ context.Context, id registry.ID) (*registry.Schema, error) {
	if found := s[id.Number]; found != nil {
		return found, nil
	}
	return nil, &fencepost.Unready{Code: "silent", Reason: "the registry is silent"}
}

func text(s string) *registry.Schema { return &registry.Schema{Type: registry.Protobuf, Text: s} }

// serialized is what the Python serializer registers.
func serialized(t *testing.T, s *protobuf.Schema) *registry.Schema {
	t.Helper()
	b, err := proto.Marshal(protodesc.ToFileDescriptorProto(s.Files[0]))
	if err != nil {
		t.Fatal(err)
	}
	return &registry.Schema{Type: registry.Protobuf, Text: "base64", Descriptor: b}
}

const (
	firstText = `syntax = "proto3"; package p; message A { int32 n = 1; } message B { int32 n = 1; string s = 2; message C { int32 n = 3; } }`
	// In Trap, Python counts the hidden message of the map, so that D is [0, 1] and E [0, 2]; over text D is [0, 0] and E [0, 1].
	trapText = `syntax = "proto3"; package p; message Trap { map<string, int32> m = 1; message D { int32 n = 1; } message E { int32 n = 2; } D d = 2; E e = 3; }
message Behind { message F { int32 n = 4; } map<string, int32> m = 1; }`
	importText = `syntax = "proto3"; package p; import "dir/other.proto"; import "google/protobuf/timestamp.proto";
message Uses { q.Other other = 1; google.protobuf.Timestamp ts = 2; }`
	otherText = `syntax = "proto3"; package q; message Other { int32 n = 1; }`
)

// Each frame with its schema: the bytes that serializers were seen to write.
func TestFramed(t *testing.T) {
	other := text(otherText)
	uses := text(importText)
	uses.References = []registry.Reference{{Name: "dir/other.proto", Schema: other}}
	mixed := text(importText)
	mixed.References = []registry.Reference{{Name: "dir/other.proto", Schema: serialized(t, schema(t, otherText))}}
	edition := `edition = "2024"; package p; export message A { int32 n = 1; }`
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("x.proto"), Syntax: proto.String("editions"), Edition: descriptorpb.Edition_EDITION_2024.Enum(),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("A"), Field: []*descriptorpb.FieldDescriptorProto{{Name: proto.String("n"), Number: proto.Int32(1),
			Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}}}}}
	of2024, err := proto.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	all := schemas{12: text(firstText), 13: serialized(t, schema(t, firstText)), 14: text(trapText), 15: serialized(t, schema(t, trapText)), 16: uses, 17: mixed,
		18: text(importText), 19: text(edition), 20: {Type: registry.Protobuf, Descriptor: of2024}, 21: {Type: registry.Avro, Text: `"string"`}, 22: {Type: registry.AnyType, Text: firstText},
		23: text(`syntax = "proto3"; message A { message X { int32 n = 1; } } message B { message X { int32 n = 2; } }`)}
	apicurio := registry.Framing{Form: registry.ApicurioFour}
	for _, c := range []struct {
		what    string
		framing registry.Framing
		message string
		columns string
		value   string
		want    string
	}{
		{"the first message in one byte", registry.Framing{}, "", "n:int", "00 0000000c 00 0801", "1"},
		{"the second message", registry.Framing{}, "", "n:int s:text", "00 0000000c 02 02 0801 120178", `1 "x"`},
		{"of a descriptor", registry.Framing{}, "", "n:int s:text", "00 0000000d 02 02 0801 120178", `1 "x"`},
		{"a message in a message", registry.Framing{}, "", "n:int", "00 0000000c 04 02 00 1807", "7"},
		{"an empty body is an empty message", registry.Framing{}, "", "n:int", "00 0000000c 00", "0"},
		{"no such message", registry.Framing{}, "", "n:int", "00 0000000c 02 08", "bad the record's schema is id 12: its message indexes [4] lead to no message of registered.proto"},
		{"without indexes", registry.Framing{}, "", "n:int", "00 0000000c", "bad value: it ends where the message indexes of Protobuf should be"},
		{"the reason counts from the record's beginning", registry.Framing{}, "", "n:int", "00 0000000c 00 0880", "bad value is no p.A at byte 7: field n: the bytes end inside of it"},
		{"indexes with two meanings", registry.Framing{}, "", "n:int", "00 0000000e 04 00 02 0801",
			"bad the record's schema is id 14: what the record says of its message means p.Trap.D or p.Trap.E: name the one that it is, protobuf.message: p.Trap.D"},
		{"... of a descriptor", registry.Framing{}, "", "n:int", "00 0000000f 04 00 02 0801",
			"bad the record's schema is id 15: what the record says of its message means p.Trap.D or p.Trap.E: name the one that it is, protobuf.message: p.Trap.D"},
		{"... the pipeline names it", registry.Framing{}, "p.Trap.D", "n:int", "00 0000000e 04 00 02 0801", "1"},
		{"... by its short name", registry.Framing{}, "E", "n:int", "00 0000000e 04 00 02 1002", "2"},
		{"indexes beyond what text counts", registry.Framing{}, "", "n:int", "00 0000000e 04 00 04 1002", "2"},
		{"indexes that only text can mean", registry.Framing{}, "", "n:int", "00 0000000e 04 00 00 0801", "1"},
		{"a map behind the message takes no part", registry.Framing{}, "", "n:int", "00 0000000e 04 02 00 2009", "9"},
		{"the record is another message than the pipeline names", registry.Framing{}, "B", "n:int", "00 0000000c 00 0801", "bad the record's schema is id 12: the record is of message p.A, and protobuf.message takes p.B"},
		{"the schema lacks what the pipeline names", registry.Framing{}, "Z", "n:int", "00 0000000c 00 0801", "bad the record's schema is id 12: it has no message Z, it has p.A, p.B"},
		{"an import", registry.Framing{}, "", "other.n:int ts:timestamp", "00 00000010 00 0a020803 12020801", "3 1000000"},
		{"an import that is a descriptor", registry.Framing{}, "", "other.n:int ts:timestamp", "00 00000011 00 0a020803 12020801", "3 1000000"},
		{"an import that is not there", registry.Framing{}, "", "other.n:int", "00 00000012 00 0a020803", "bad the record's schema, id 18, is not read: registered.proto:1:"},
		{"text of edition 2024", registry.Framing{}, "", "n:int", "00 00000013 00 0801", "bad the record's schema, id 19, is not read: registered.proto:1:"},
		{"a descriptor of edition 2024", registry.Framing{}, "", "n:int", "00 00000014 00 0801", "1"},
		{"a schema of another language", registry.Framing{}, "", "n:int", "00 00000015 00 0801", "bad the record's schema, id 21, is not read: it is a schema of avro"},
		{"a registry that does not say the language", registry.Framing{}, "", "n:int", "00 00000016 00 0801", "1"},
		{"a registry that is silent", registry.Framing{}, "", "n:int", "00 00000063 00 0801", "unready"},
		{"Apicurio's Ref", apicurio, "", "n:int", "00 0000000c 03 0a0141 0805", "5"},
		{"Apicurio's Ref to a message inside", apicurio, "", "n:int", "00 0000000c 03 0a0143 1805", "5"},
		{"Apicurio's Ref with two meanings", apicurio, "", "n:int", "00 00000017 03 0a0158 0805",
			"bad the record's schema is globalId 23: what the record says of its message means A.X or B.X: name the one that it is, protobuf.message: A.X"},
		{"... the pipeline names it", apicurio, "A.X", "n:int", "00 00000017 03 0a0158 0805", "5"},
		{"Apicurio's Ref to nothing", apicurio, "", "n:int", "00 0000000c 03 0a015a 0805", "bad the record's schema is globalId 12: it has no message Z"},
		{"Ref read as indexes", registry.Framing{}, "", "n:int", "00 0000000c 03 0a0141 0805", "bad value: "},
	} {
		t.Run(c.what, func(t *testing.T) {
			factory, err := protobuf.New(protobuf.Config{Config: decode.Config{Fields: fieldsOf(t, c.columns)}, Framing: c.framing, Schemas: all, Message: c.message})
			if err != nil {
				t.Fatal(err)
			}
			d := factory()
			value, err := hex.DecodeString(strings.ReplaceAll(c.value, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second finds its plan
				got := rowOf(d, value)
				if got != c.want && !(strings.HasPrefix(c.want, "bad ") && strings.HasSuffix(c.want, ":") && strings.HasPrefix(got, c.want)) &&
					!(c.want == "bad value: " && strings.HasPrefix(got, c.want)) {
					t.Errorf("got %s, want %s", got, c.want)
				}
			}
		})
	}
	if got := rowOf(mustFramed(t, all, "n:int"), nil); got != "bad record has no value (a tombstone)" {
		t.Errorf("a tombstone: %s", got)
	}
	got := rowOf(mustFramed(t, all, "n:int"), []byte{0, 0, 0, 0, 19, 0})
	if !strings.Contains(got, "text of edition 2024 is not read, its descriptor is") {
		t.Errorf("edition 2024: %s, want the way out", got)
	}
}

func mustFramed(t *testing.T, s registry.Schemas, columns string) fencepost.Decoder {
	t.Helper()
	factory, err := protobuf.New(protobuf.Config{Config: decode.Config{Fields: fieldsOf(t, columns)}, Schemas: s})
	if err != nil {
		t.Fatal(err)
	}
	return factory()
}

func rowOf(d fencepost.Decoder, value []byte) string {
	columns := columnsOf(d)
	err := d.Decode(&fencepost.Record{Value: value}, columns)
	if _, ok := errors.AsType[*fencepost.Unready](err); ok {
		return "unready"
	}
	if err != nil {
		return "bad " + err.Error()
	}
	var row []string
	for i := range columns {
		row = append(row, cellText(&columns[i]))
	}
	return strings.Join(row, " ")
}

// Records of several messages and schemas in one topic by turns: each is decoded by its own, without an allocation.
func TestFramedByTurns(t *testing.T) {
	d := mustFramed(t, schemas{12: text(firstText), 16: text(`syntax = "proto3"; message A { int32 n = 5; }`)}, "n:int")
	values := [][]byte{{0, 0, 0, 0, 12, 0, 8, 1}, {0, 0, 0, 0, 12, 2, 2, 8, 2}, {0, 0, 0, 0, 12, 4, 2, 0, 0x18, 3}, {0, 0, 0, 0, 16, 0, 0x28, 4}}
	columns := columnsOf(d)
	var r fencepost.Record
	allocs := testing.AllocsPerRun(50, func() {
		columns[0].Truncate(0)
		for i := range 100 {
			r.Value = values[i%4]
			if err := d.Decode(&r, columns); err != nil {
				t.Fatal(err)
			}
			if got := columns[0].Int(i); got != int64(i%4+1) {
				t.Fatalf("record %d: got %d", i, got)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

// A set of descriptors, as protoc writes one.
func TestFromSet(t *testing.T) {
	other, first := schema(t, otherText).Files[0], schema(t, firstText).Files[0]
	set := &descriptorpb.FileDescriptorSet{}
	for i, f := range []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(other), protodesc.ToFileDescriptorProto(first)} {
		f.Name = proto.String([]string{"dir/other.proto", "first.proto"}[i])
		set.File = append(set.File, f)
	}
	b, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	s, err := protobuf.FromSet(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"q.Other": "q.Other", "Other": "q.Other", "p.B.C": "p.B.C", "C": "p.B.C", "B.C": "p.B.C"} {
		if m, err := s.Message(name); err != nil || string(m.FullName()) != want {
			t.Errorf("%s: got %v, %v", name, m, err)
		}
	}
	if _, err := s.Message("Nothing"); err == nil || err.Error() != "it has no message Nothing, it has q.Other, p.A, p.B" {
		t.Errorf("got %v", err)
	}
	if _, err := protobuf.New(protobuf.Config{Config: decode.Config{Fields: fieldsOf(t, "n:int")}, Schema: s}); err == nil || err.Error() != "it has several messages: q.Other, p.A, p.B" {
		t.Errorf("got %v, want that there are several", err)
	}
	for what, b := range map[string][]byte{"nothing": nil, "text": []byte(firstText)} {
		if _, err := protobuf.FromSet(b); err == nil {
			t.Errorf("%s was taken for a set", what)
		}
	}
}
