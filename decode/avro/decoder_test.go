package avro

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// some answers ids 1 and 2, has 3 not yet, and a schema of Protobuf as 4.
type some struct{ asked map[uint64]int }

func (s some) Schema(_ context.Context, id registry.ID) (*registry.Schema, error) {
	s.asked[id.Number]++
	switch id.Number {
	case 1:
		return schema(id, `{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`), nil
	case 2:
		return schema(id, `{"type":"record","name":"r","fields":[{"name":"b","type":"string"},{"name":"a","type":"long"}]}`), nil
	case 4:
		return &registry.Schema{ID: id, Type: registry.Protobuf, Text: "message M {}"}, nil
	}
	return nil, &fencepost.Unready{Code: registry.Silent, Reason: "it is down"}
}

// Records of several schemas come in any order, with their ids in front or in a header, and each schema is asked for once.
func TestSchemasChangeFromRecordToRecord(t *testing.T) {
	var unknown []string
	schemas := some{map[uint64]int{}}
	make, err := New(Config{Schemas: schemas, Config: decode.Config{Fields: []decode.Field{{Column: "a", Type: fencepost.Int}}, Tombstone: decode.NullsTombstone,
		Unknown: func(name string, _ fencepost.TopicPartition, _ fencepost.Offset) { unknown = append(unknown, name) }}})
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	columns := columnsOf(d)
	header := []fencepost.Header{{Key: "__value_schema_id", Value: unhex(t, "00 00000002")}}
	for i, c := range []struct {
		value   string
		headers []fencepost.Header
		want    string
	}{
		{"00 00000001 02", nil, "1"}, {"00 00000001 04", nil, "2"}, {"00 00000002 0261 06", nil, "3"}, {"00 00000001 08", nil, "4"},
		{"0261 0a", header, "5"}, {"00 00000001 0c", nil, "6"}, {"00 00000001 02", header, "bad: bytes stand behind the record"}, {"0261 0e", header, "7"},
		{"-", nil, "null"}, {"-", header, "null"}, {"00 00000001 10", nil, "8"}, {"00 00000003 10", nil, "unready"}, {"00 00000001 12", nil, "9"},
		{"00 00000004 10", nil, "bad: it is a schema of type PROTOBUF, not AVRO"}, {"00 00000004 10", nil, "bad: it is a schema of type PROTOBUF, not AVRO"}, {"00 00000001 14", nil, "10"},
	} {
		r := &fencepost.Record{Headers: c.headers}
		if c.value != "-" {
			r.Value = unhex(t, c.value)
		}
		got, err := decodeRow(d, columns, r)
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
			_, reason, _ := strings.Cut(c.want, ": ")
			if got = "bad: " + b.Reason; strings.HasSuffix(b.Reason, reason) {
				got = c.want
			}
		} else if _, ok := errors.AsType[*fencepost.Unready](err); ok {
			got = "unready"
		}
		if got != c.want {
			t.Errorf("record %d, %s: got %s, want %s", i, c.value, got, c.want)
		}
	}
	for _, id := range []uint64{1, 2, 4} {
		if n := schemas.asked[id]; n != 1 {
			t.Errorf("schema %d was asked for %d times, want 1", id, n)
		}
	}
	if len(unknown) != 1 || unknown[0] != "b" {
		t.Errorf("got unknown fields %v, want b once", unknown)
	}
}

// Apicurio's headers, of a body and of text in Avro's JSON encoding.
func TestApicurioHeaders(t *testing.T) {
	make, err := New(Config{Schemas: some{map[uint64]int{}}, Framing: registry.Framing{Form: registry.Apicurio}, Config: decode.Config{Key: true,
		Fields: []decode.Field{{Column: "a", Type: fencepost.Int}}}})
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	columns := columnsOf(d)
	for encoding, want := range map[string]string{"BINARY": "1", "JSON": "key is no text of its schema (globalId 1): it is no JSON"} {
		got, err := decodeRow(d, columns, &fencepost.Record{Key: unhex(t, "02"), Headers: []fencepost.Header{
			{Key: "apicurio.key.globalId", Value: unhex(t, "0000000000000001")}, {Key: "apicurio.key.encoding", Value: []byte(encoding)}}})
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", encoding, got, want)
		}
	}
}
