package protobuf_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/internal/carts"
	"github.com/fencepost/fencepost/decode/protobuf"
)

// orderProto is the schema of an carts.Order.
const orderProto = `syntax = "proto3";
message Order { int64 id = 1; optional string note = 2; Cart cart = 3; }
message Cart { string city = 1; repeated Item items = 2; repeated string tags = 3; repeated sint64 sizes = 300; }
message Item { string sku = 1; optional int64 n = 2; repeated string labels = 3; Geo geo = 4; }
message Geo { string country = 1; }`

// TestExplodedRowsHaveATwin: rows of random orders are those of encoding/json, also behind rows of other records.
func TestExplodedRowsHaveATwin(t *testing.T) {
	m, err := schema(t, orderProto).Message("Order")
	if err != nil {
		t.Fatal(err)
	}
	for _, array := range []string{"items", "tags", "sizes"} {
		config := carts.Config(array)
		d := bare(t, orderProto, "Order", config)()
		columns := columnsOf(d)
		rapid.Check(t, func(t *rapid.T) {
			if columns[0].Len() > 100 {
				for k := range columns {
					columns[k].Truncate(0)
				}
			}
			o := carts.Draw(t)
			text, _ := json.Marshal(o) // an order always marshals
			message := dynamicpb.NewMessage(m)
			if err := protojson.Unmarshal(text, message); err != nil {
				t.Fatal(err)
			}
			body, err := proto.Marshal(message)
			if err != nil {
				t.Fatal(err)
			}
			n := columns[0].Len()
			err = d.Decode(&fencepost.Record{Value: body}, columns)
			want := o.Rows(config)
			if len(want) == 0 && errors.Is(err, fencepost.ErrNoRow) {
				err = nil
				for k := range columns {
					columns[k].Truncate(n)
				}
			}
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if diff := cmp.Diff(want, carts.Shown(columns, n)); diff != "" {
				t.Fatalf("%s: got +, want -\n%s", text, diff)
			}
		})
	}
}

// TestExplodedMessages: lists packed and not, in maps and in other lists, and what is no list.
func TestExplodedMessages(t *testing.T) {
	const text = `syntax = "proto3"; import "google/protobuf/timestamp.proto";
message M { int32 id = 1; repeated int32 n = 2; repeated L l = 3; map<string, L> by = 4; L one = 5; repeated google.protobuf.Timestamp at = 6; }
message L { repeated string s = 1; }`
	for _, c := range []struct{ explode, from, typ, value, want string }{
		{"n", "n[]", "int", "0801 12020506 1007", "1 | 5 | 0; 1 | 6 | 1; 1 | 7 | 2"},
		{"n", "n[]", "int", "0801", "none"}, {"n", "n[]", "int", "", "none"},
		{"n", "n[].x", "int", "1007", "bad: n[0]: field n[].x: n[] is an int32, where the path goes on"},
		{"n", "n[]", "bool", "1007", "bad: n[0]: field n[]: 7 does not fit bool"},
		{"l[1].s", "l[1].s[]", "text", "1a030a0161 1a060a01620a0163", `0 | "b" | 0; 0 | "c" | 1`},
		{"l[1].s", "l[1].s[]", "text", "1a030a0161", "none"},
		{"by.k.s", "by.k.s[]", "text", "2208 0a016b 1203 0a0161", `0 | "a" | 0`},
		{"by.x.s", "by.x.s[]", "text", "2208 0a016b 1203 0a0161", "none"},
		{"one.s", "one.s[]", "text", "2a030a0161 2a030a0162", `0 | "a" | 0; 0 | "b" | 1`},
		{"at", "at[].nanos", "int", "3200 32021007", "0 | 0 | 0; 0 | 7 | 1"},
		{"at", "at[]", "timestamp", "3200 32020801", "0 | 0 | 0; 0 | 1000000 | 1"},
		{"by", "by[]", "text", "", "bad: explode: by is a map, not a list"},
		{"one", "one[]", "text", "", "bad: explode: one is message L, not a list"},
		{"l[0]", "l[0][]", "text", "", "bad: explode: l[0] is message L, not a list"},
		{"id.x", "id.x[]", "text", "", "bad: explode: id is an int32, where the path goes on"},
		{"none", "none[]", "text", "", "none"},
	} {
		typ, _ := fencepost.ParseType(c.typ)
		d := bare(t, text, "M", decode.Config{Explode: c.explode, Fields: []decode.Field{{Column: "id", Type: fencepost.Int}, {Column: "c", Type: typ, From: c.from}}})()
		columns := columnsOf(d)
		err := d.Decode(&fencepost.Record{Value: unhex(t, c.value)}, columns)
		got := fmt.Sprint(err)
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
			got = "bad: " + b.Reason
		} else if errors.Is(err, fencepost.ErrNoRow) {
			got = "none"
		} else if err == nil {
			if typ == fencepost.Timestamp {
				columns[1].Type = fencepost.Int // to show it as a number
			}
			got = strings.Join(carts.Shown(columns, 0), "; ")
		}
		if got != c.want {
			t.Errorf("explode %s of %s: got %s, want %s", c.explode, c.value, got, c.want)
		}
	}
}

// TestCompareExplodes: a message without the list, or with something else in its place, is found before a record is.
func TestCompareExplodes(t *testing.T) {
	m, err := schema(t, orderProto).Message("Order")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ explode, from, want string }{
		{"cart.items", "cart.items[].sku", "[]"}, {"cart.items", "cart.items[].x", "[c: message Order has no field for it"},
		{"cart.tags", "cart.tags[]", "[]"}, {"cart.sizes", "cart.sizes[]", "[c: a sint64 does not fit text"},
		{"cart", "cart[]", "[cart is message Cart, not a list"}, {"lines", "lines[]", "[message Order has no field lines"},
	} {
		faults := protobuf.Compare(m, decode.Config{Explode: c.explode, Fields: []decode.Field{{Column: "c", Type: fencepost.Text, From: c.from}}})
		if got := fmt.Sprint(faults); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.from, got, c.want)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
