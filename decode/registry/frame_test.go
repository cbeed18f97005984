package registry_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

const guid = "6ba7b8109dad11d180b400c04fd430c8"

// unhex reads bytes with spaces between them, and texts in double quotes.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// id is an ID of a number.
func id(kind registry.Kind, n uint64) registry.ID { return registry.ID{Kind: kind, Number: n} }

func guidID(t testing.TB) registry.ID {
	return registry.ID{Kind: registry.GUID, GUID: [16]byte(unhex(t, guid))}
}

// frames are bytes that other programs wrote, and what they mean. Headers are NAME=HEX, separated by commas.
var frames = []struct {
	name    string
	framing registry.Framing
	headers string
	value   string // hex; "null": no value
	want    string // the ID
	body    string
	message string // a name in quotes, or indexes: 4,0
	json    bool   // Avro's JSON
}{
	{"Confluent's prefix", registry.Framing{Type: registry.Avro}, "", "00 00000001 02047879", "id 1", "02047879", "", false},
	{"Confluent's prefix before nothing", registry.Framing{Type: registry.Avro}, "", "00 00000001", "id 1", "", "", false},
	{"a string, whose length is inside", registry.Framing{Type: registry.Avro}, "", "00 00000004 04 6869", "id 4", "046869", "", false},
	{"bytes, which have no length", registry.Framing{Type: registry.Avro}, "", "00 00000002 0102", "id 2", "0102", "", false},
	{"bytes of Apicurio, which have one", registry.Framing{Form: registry.ApicurioFour, Type: registry.Avro}, "", "00 00000002 04 0102", "globalId 2", "040102", "", false},
	{"Confluent's header", registry.Framing{Type: registry.Avro}, "__value_schema_id=01" + guid, "02047879", "GUID", "02047879", "", false},
	{"Confluent's header before an empty body", registry.Framing{Type: registry.Protobuf}, "__value_schema_id=01" + guid + "00", "", "GUID", "", "0", false},
	{"an id in the header", registry.Framing{Type: registry.Avro}, "__value_schema_id=00 00000007", "02", "id 7", "02", "", false},
	{"a GUID in front", registry.Framing{Type: registry.Avro}, "", "01" + guid + "02", "GUID", "02", "", false},
	{"a key's header", registry.Framing{Part: registry.Key, Type: registry.Avro}, "__value_schema_id=00 00000007,__key_schema_id=00 00000008", "02", "id 8", "02", "", false},
	{"the header of the other part", registry.Framing{Type: registry.Avro}, "__key_schema_id=00 00000008", "00 00000001 02", "id 1", "02", "", false},
	{"two headers: the last counts", registry.Framing{Type: registry.Avro}, "__value_schema_id=00 00000007,x=00,__value_schema_id=00 00000008", "02", "id 8", "02", "", false},
	{"first message", registry.Framing{Type: registry.Protobuf}, "", "00 0000000c 00 0801", "id 12", "0801", "0", false},
	{"second message", registry.Framing{Type: registry.Protobuf}, "", "00 0000000c 02 02 0801", "id 12", "0801", "1", false},
	{"nested message", registry.Framing{Type: registry.Protobuf}, "", "00 0000000c 04 00 02 0801", "id 12", "0801", "0,1", false},
	{"first message, long form", registry.Framing{Type: registry.Protobuf}, "", "00 0000000c 02 00 0801", "id 12", "0801", "0", false},
	{"message in the header", registry.Framing{Type: registry.Protobuf}, "__value_schema_id=01" + guid + "02 02", "0801", "GUID", "0801", "1", false},
	{"first message in the header", registry.Framing{Type: registry.Protobuf}, "__value_schema_id=01" + guid + "00", "0801", "GUID", "0801", "0", false},
	{"JSON Schema", registry.Framing{Type: registry.JSON}, "", `00 00000003 "{}"`, "id 3", `"{}"`, "", false},
	{"JSON Schema with a header", registry.Framing{Type: registry.JSON}, "__value_schema_id=01" + guid, `"{}"`, "GUID", `"{}"`, "", false},
	{"Apicurio's headers", registry.Framing{Form: registry.Apicurio, Type: registry.Avro}, "apicurio.value.globalId=0000000000000048,apicurio.value.encoding=" + `"BINARY"`, "02", "globalId 72", "02", "", false},
	{"Apicurio's contentId", registry.Framing{Form: registry.Apicurio, Type: registry.Avro}, "apicurio.value.contentId=0000000000000048", "02", "contentId 72", "02", "", false},
	{"Apicurio's JSON", registry.Framing{Form: registry.Apicurio, Type: registry.Avro}, "apicurio.value.globalId=0000000000000048,apicurio.value.encoding=" + `"JSON"`, `"{}"`, "globalId 72", `"{}"`, "", true},
	{"Apicurio's key", registry.Framing{Form: registry.Apicurio, Part: registry.Key, Type: registry.Avro}, "apicurio.key.globalId=0000000000000049,apicurio.value.globalId=0000000000000048", "02", "globalId 73", "02", "", false},
	{"Apicurio's headers, copied: the last id counts", registry.Framing{Form: registry.Apicurio, Type: registry.Avro}, "apicurio.value.globalId=0000000000000048,apicurio.value.contentId=0000000000000049", "02", "contentId 73", "02", "", false},
	{"Apicurio's headers with an empty body", registry.Framing{Form: registry.Apicurio, Type: registry.Avro}, "apicurio.value.globalId=0000000000000048", "", "globalId 72", "", "", false},
	{"Apicurio's 8 bytes", registry.Framing{Form: registry.Apicurio, Type: registry.Avro}, "", "00 0000000000000048 02", "globalId 72", "02", "", false},
	{"Apicurio's 8 bytes of a contentId", registry.Framing{Form: registry.Apicurio, Type: registry.Avro, IDs: registry.ContentID}, "", "00 0000000000000048 02", "contentId 72", "02", "", false},
	{"Apicurio as Confluent", registry.Framing{Form: registry.ApicurioFour, Type: registry.Avro}, "", "00 00000048 02", "globalId 72", "02", "", false},
	{"Apicurio as Confluent, by contentId, read as Confluent", registry.Framing{Type: registry.Avro, IDs: registry.ContentID}, "", "00 00000048 02", "contentId 72", "02", "", false},
	{"Apicurio as Confluent has no effect on headers", registry.Framing{Form: registry.ApicurioFour, Type: registry.Avro}, "apicurio.value.globalId=0000000000000048", "02", "globalId 72", "02", "", false},
	{"Apicurio's message in a header", registry.Framing{Form: registry.Apicurio, Type: registry.Protobuf}, `apicurio.value.globalId=000000000000004c,apicurio.value.msgType="com.google.protobuf.Timestamp",apicurio.protobuf.type="Timestamp"`, "0805", "globalId 76", "0805", `"Timestamp"`, false},
	{"Apicurio's message of a key", registry.Framing{Form: registry.Apicurio, Part: registry.Key, Type: registry.Protobuf}, `apicurio.key.globalId=000000000000004c,apicurio.key.msgType="J",apicurio.protobuf.type="K"`, "0805", "globalId 76", "0805", `"K"`, false},
	{"Apicurio's message of a key beside a value's", registry.Framing{Form: registry.Apicurio, Part: registry.Key, Type: registry.Protobuf}, `apicurio.key.globalId=000000000000004c,apicurio.key.msgType="J",apicurio.protobuf.type="K",apicurio.value.globalId=000000000000004d,apicurio.value.msgType="J",apicurio.protobuf.type="V"`, "0805", "globalId 76", "0805", `"K"`, false},
	{"Apicurio's message of a value beside a key's", registry.Framing{Form: registry.Apicurio, Type: registry.Protobuf}, `apicurio.key.globalId=000000000000004c,apicurio.key.msgType="J",apicurio.protobuf.type="K",apicurio.value.globalId=000000000000004d,apicurio.value.msgType="J",apicurio.protobuf.type="V"`, "0805", "globalId 77", "0805", `"V"`, false},
	{"Apicurio's Ref", registry.Framing{Form: registry.ApicurioFour, Type: registry.Protobuf}, "", `00 0000004c 0b 0a09"Timestamp" 0805`, "globalId 76", "0805", `"Timestamp"`, false},
	{"Apicurio's Ref behind 8 bytes", registry.Framing{Form: registry.Apicurio, Type: registry.Protobuf}, "", `00 000000000000004c 0b 0a09"Timestamp" 0805`, "globalId 76", "0805", `"Timestamp"`, false},
	{"single object", registry.Framing{Form: registry.SingleObject, Type: registry.Avro}, "", "c301 8364988d4af459f8 02", "fingerprint f859f44a8d986483", "02", "", false},
	{"bare", registry.Framing{Form: registry.Bare, Type: registry.Avro}, "__value_schema_id=00 00000007", "00 00000007", "no id", "0000000007", "", false},
	{"bare and empty", registry.Framing{Form: registry.Bare, Type: registry.Protobuf}, "", "", "no id", "", "", false},
	{"tombstone", registry.Framing{Type: registry.Avro}, "", "null", "no id", "null", "", false},
	{"tombstone with a header", registry.Framing{Type: registry.Avro}, "__value_schema_id=", "null", "no id", "null", "", false},
	{"tombstone of Apicurio's", registry.Framing{Form: registry.Apicurio, Type: registry.Protobuf}, "", "null", "no id", "null", "", false},
	{"tombstone, single object", registry.Framing{Form: registry.SingleObject, Type: registry.Avro}, "", "null", "no id", "null", "", false},
	{"tombstone, bare", registry.Framing{Form: registry.Bare, Type: registry.Avro}, "", "null", "no id", "null", "", false},
}

// record makes a record whose framed part has these bytes.
func record(t testing.TB, part registry.Part, headers, value string) *fencepost.Record {
	t.Helper()
	r := &fencepost.Record{Key: []byte{0xff}, Value: []byte{0xff}}
	v := []byte{}
	if value == "null" {
		v = nil
	} else {
		v = append(v, unhex(t, value)...)
	}
	if part == registry.Key {
		r.Key = v
	} else {
		r.Value = v
	}
	for pair := range strings.SplitSeq(headers, ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			r.Headers = append(r.Headers, fencepost.Header{Key: name, Value: unhex(t, value)})
		}
	}
	return r
}

func TestFrames(t *testing.T) {
	for _, c := range frames {
		t.Run(c.name, func(t *testing.T) {
			got, err := registry.NewFramer(c.framing).Frame(record(t, c.framing.Part, c.headers, c.value))
			if err != nil {
				t.Fatal(err)
			}
			want := registry.Frame{Null: c.value == "null"}
			if c.body != "null" {
				want.Body = append([]byte{}, unhex(t, c.body)...)
			}
			if c.json {
				want.Encoding = registry.AvroJSON
			}
			if name, quoted := strings.CutPrefix(c.message, `"`); quoted {
				want.Message.Name = []byte(strings.TrimSuffix(name, `"`))
			} else if c.message != "" {
				for n := range strings.SplitSeq(c.message, ",") {
					want.Message.Indexes = append(want.Message.Indexes, int(n[0]-'0'))
				}
			}
			wantID := c.want
			if c.want == "GUID" {
				wantID = guidID(t).String()
			}
			if got.ID.String() != wantID {
				t.Errorf("got %s, want %s", got.ID, wantID)
			}
			got.ID = registry.ID{}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A record in another form is bad, and its reason names the form that its bytes look like.
func TestForeignFrames(t *testing.T) {
	avro, protobuf := registry.Framing{Type: registry.Avro}, registry.Framing{Type: registry.Protobuf}
	apicurio := registry.Framing{Form: registry.Apicurio, Type: registry.Avro}
	apicurioProtobuf := registry.Framing{Form: registry.Apicurio, Type: registry.Protobuf}
	four := registry.Framing{Form: registry.ApicurioFour, Type: registry.Protobuf}
	for _, c := range []struct {
		name           string
		framing        registry.Framing
		headers, value string
		want           string
	}{
		{"8 bytes as Confluent", avro, "", "00 0000000000000048 02", "schema id 0, which no registry gives: the bytes look like Apicurio's 8 bytes of an id (registry.form: apicurio)"},
		{"id 0", avro, "", "00 00000000 02", "schema id 0, which no registry gives: 00 00 00 00 00 02"},
		{"id of 32 bits", avro, "", "00 80000000 02", "schema id 2147483648, which no registry gives"},
		{"an empty value", avro, "", "", "value: it is empty, want 00 and 4 bytes of a schema id"},
		{"an empty key", registry.Framing{Part: registry.Key, Type: registry.Avro}, "", "", "key: it is empty"},
		{"4 bytes", avro, "", "00 000001", "value: it begins with 00 00 00 01, want 00 and 4 bytes"},
		{"half a GUID", avro, "", "01 6ba7b810", "want 00 and 4 bytes of a schema id, or 01 and 16 bytes of a GUID"},
		{"JSON", avro, "", `"{}"`, "which look like plain JSON (decode: json)"},
		{"single object", avro, "", "c301 8364988d4af459f8 02", "registry.form: single_object"},
		{"AWS Glue", avro, "", "03 00" + guid + "02", "which look like the form of AWS Glue, which is not read"},
		{"an empty header", avro, "__value_schema_id=", "00 00000001 02", "header __value_schema_id: it is empty"},
		{"a long header", avro, "__value_schema_id=00 00000001 02", "02", "header __value_schema_id: 1 bytes too many"},
		{"the last header is the bad one", avro, "__value_schema_id=00 00000001,__value_schema_id=02", "02", "header __value_schema_id: it begins with 02"},
		{"no indexes", protobuf, "", "00 0000000c", "value: it ends where the message indexes of Protobuf should be"},
		{"no indexes in the header", protobuf, "__value_schema_id=01" + guid, "0801", "header __value_schema_id: it ends where the message indexes"},
		{"a Ref instead of indexes", protobuf, "", `00 0000004c 0b 0a09"Timestamp" 0805`, `0b 0a 09 54 69 6d 65 73 74 61 6d 70 ... are no message indexes of Protobuf: they look like Apicurio's reference to the message "Timestamp" (registry.form: apicurio_4_bytes)`},
		{"a negative count", protobuf, "", "00 0000000c 01", "are no message indexes"},
		{"a negative index", protobuf, "", "00 0000000c 02 01", "are no message indexes"},
		{"a count beyond the bytes", protobuf, "", "00 0000000c 08 00 00", "are no message indexes"},
		{"a count without end", protobuf, "", "00 0000000c ffffffffffffffffff01", "are no message indexes"},
		{"a varint without end", protobuf, "", "00 0000000c 02 ffffffffffffffffffffff", "are no message indexes"},
		{"Confluent as 8 bytes", apicurio, "", "00 00000001 02047879", "the bytes look like an id of 4 bytes (registry.form: confluent or apicurio_4_bytes)"},
		{"Confluent's header as Apicurio", apicurio, "__value_schema_id=01" + guid, "02", "want 00 and 8 bytes of an id, and no header apicurio.value.globalId or apicurio.value.contentId"},
		{"a short id in a header", apicurio, "apicurio.value.globalId=00000048", "02", "header apicurio.value: 00 00 00 48 has 4 bytes, want 8 of a globalId"},
		{"id 0 in a header", apicurio, "apicurio.value.contentId=0000000000000000", "02", "header apicurio.value: contentId 0, which no registry gives"},
		{"another encoding", apicurio, `apicurio.value.globalId=0000000000000048,apicurio.value.encoding="XML"`, "02", `header apicurio.value.encoding: "XML" is no encoding`},
		{"an empty value of Apicurio's", apicurio, "", "", "value: it is empty"},
		{"no message in the headers", apicurioProtobuf, "apicurio.value.globalId=000000000000004c", "0805", "no header apicurio.protobuf.type"},
		{"no message of the key", registry.Framing{Form: registry.Apicurio, Part: registry.Key, Type: registry.Protobuf}, `apicurio.key.globalId=000000000000004c,apicurio.value.msgType="J",apicurio.protobuf.type="V"`, "0805", "no header apicurio.protobuf.type"},
		{"indexes instead of a Ref", four, "", "00 0000004c 00 0805", "message indexes are read with registry.form: confluent"},
		{"a Ref beyond the bytes", four, "", `00 0000004c 0f 0a09"Timestamp"`, "is no reference to a message"},
		{"a Ref without a name", four, "", `00 0000004c 02 1200 0805`, "is no reference to a message"},
		{"8 bytes as 4", four, "", "00 0000000000000048 02", "which no registry gives: the bytes look like Apicurio's 8 bytes of an id"},
		{"no fingerprint", registry.Framing{Form: registry.SingleObject, Type: registry.Avro}, "", "00 00000001 02", "want c3 01 and 8 bytes of a fingerprint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := registry.NewFramer(c.framing).Frame(record(t, c.framing.Part, c.headers, c.value))
			bad, ok := errors.AsType[*fencepost.BadRecord](err)
			if !ok {
				t.Fatalf("got %+v, %v, want a bad record", got, err)
			}
			if bad.Code != decode.Undecodable || !strings.Contains(bad.Reason, c.want) {
				t.Errorf("got %s: %q, want %s: ...%s...", bad.Code, bad.Reason, decode.Undecodable, c.want)
			}
		})
	}
}

// A Framer is run for each record: it must not allocate.
func TestFramingAllocatesNothing(t *testing.T) {
	for _, c := range frames {
		f, r := registry.NewFramer(c.framing), record(t, c.framing.Part, c.headers, c.value)
		seen := map[registry.ID]int{}
		if n := testing.AllocsPerRun(100, func() {
			frame, err := f.Frame(r)
			if err != nil {
				t.Fatal(err)
			}
			seen[frame.ID] = len(frame.Body)
		}); n > 0.1 {
			t.Errorf("%s: %.1f allocations a record, want none", c.name, n)
		}
	}
}

// FuzzFrame: no bytes make the Framer panic; what it takes apart are the record's own bytes; and what it takes as indexes is what a writer
// of indexes makes of them again, in the shortest form or a longer one.
func FuzzFrame(f *testing.F) {
	for _, c := range frames {
		r := record(f, c.framing.Part, c.headers, c.value)
		v := r.Value
		if c.framing.Part == registry.Key {
			v = r.Key
		}
		header := []byte(nil)
		if len(r.Headers) > 0 {
			header = r.Headers[0].Value
		}
		f.Add(byte(c.framing.Form), byte(c.framing.Type), header, v)
	}
	names := []string{"__value_schema_id", "apicurio.value.globalId", "apicurio.value.contentId", "apicurio.protobuf.type"}
	f.Fuzz(func(t *testing.T, form, language byte, header, value []byte) {
		framing := registry.Framing{Form: registry.Form(int(form) % len(registry.Forms())), Type: registry.Type(language % 4)}
		r := &fencepost.Record{Value: value}
		if len(header) > 0 {
			r.Headers = append(r.Headers, fencepost.Header{Key: names[int(header[0])%len(names)], Value: header[1:]})
		}
		got, err := registry.NewFramer(framing).Frame(r)
		if err != nil {
			if _, ok := errors.AsType[*fencepost.BadRecord](err); !ok {
				t.Fatalf("got %v, want a bad record", err)
			}
			return
		}
		if got.Null != (value == nil) || !got.Null && (got.Body == nil || !strings.HasSuffix(string(value), string(got.Body))) {
			t.Fatalf("got the body % x, which does not end % x", got.Body, value)
		}
		if framing.Form == registry.Bare || got.Null {
			return
		}
		if got.ID.Kind == registry.NoID || got.ID.Kind != registry.GUID && got.ID.Number == 0 && got.ID.Kind != registry.Fingerprint {
			t.Fatalf("got %s from % x", got.ID, value)
		}
		if got.Encoding == registry.Binary && framing.Type == registry.Protobuf && framing.Form != registry.SingleObject &&
			len(got.Message.Indexes) == 0 && len(got.Message.Name) == 0 {
			t.Fatalf("no message from % x", value)
		}
	})
}
