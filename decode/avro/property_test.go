package avro

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// drawSchema is any type, as encoding/json holds it. Names are numbered, since a schema has each once.
func drawSchema(t *rapid.T, names *int, depth int) any {
	object := func(typ string, more ...any) map[string]any {
		m := map[string]any{"type": typ}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	name := func() string { *names++; return fmt.Sprintf("t%d", *names) }
	most := 17
	if depth == 0 {
		most = 13
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}).Draw(t, "primitive")
	case 1, 2:
		return "string"
	case 3:
		return object("fixed", "name", name(), "size", rapid.IntRange(0, 20).Draw(t, "size"))
	case 4:
		return object("enum", "name", name(), "symbols", []string{"A", "Bcd", "E_1"})
	case 5:
		return object("int", "logicalType", rapid.SampledFrom([]string{"date", "time-millis", "none"}).Draw(t, "logical"))
	case 6, 7:
		return object("long", "logicalType", rapid.SampledFrom([]string{"time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
			"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos", "date"}).Draw(t, "logical"))
	case 8:
		return object("bytes", "logicalType", "decimal", "precision", rapid.IntRange(1, 40).Draw(t, "precision"), "scale", rapid.IntRange(0, 20).Draw(t, "scale"))
	case 9:
		return object("fixed", "name", name(), "size", rapid.IntRange(1, 20).Draw(t, "size"), "logicalType", "decimal",
			"precision", rapid.IntRange(1, 50).Draw(t, "precision"), "scale", rapid.IntRange(0, 9).Draw(t, "scale"))
	case 10:
		return object("fixed", "name", name(), "size", rapid.SampledFrom([]int{12, 16}).Draw(t, "size"), "logicalType", rapid.SampledFrom([]string{"uuid", "duration"}).Draw(t, "logical"))
	case 11:
		return object("string", "logicalType", "uuid")
	case 12:
		return "long"
	case 13:
		return []any{"null", rapid.SampledFrom([]string{"int", "long", "string", "double", "bytes", "boolean"}).Draw(t, "nullable")}
	case 14:
		return object("array", "items", drawSchema(t, names, depth-1))
	case 15:
		return object("map", "values", drawSchema(t, names, depth-1))
	case 16:
		branches := rapid.Permutation([]any{"null", "int", "string", "double", object("map", "values", "int"), object("enum", "name", name(), "symbols", []string{"X", "Y"}),
			drawRecord(t, names, depth-1)}).Draw(t, "union")
		return branches[:rapid.IntRange(1, len(branches)).Draw(t, "branches")]
	}
	return drawRecord(t, names, depth-1)
}

func drawRecord(t *rapid.T, names *int, depth int) map[string]any {
	*names++
	name := fmt.Sprintf("t%d", *names)
	fields := []any{}
	for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
		fields = append(fields, map[string]any{"name": fmt.Sprintf("f%d", i), "type": drawSchema(t, names, depth)})
	}
	if rapid.IntRange(0, 5).Draw(t, "recursive") == 0 {
		fields = append(fields, map[string]any{"name": "more", "type": []any{"null", name}})
	}
	return map[string]any{"type": "record", "name": name, "fields": fields}
}

// drawBody is a body of a type.
func drawBody(t *rapid.T, n *node, depth int) []byte {
	long := func(x int64) []byte { return binary.AppendVarint(nil, x) } // zigzag, as Avro's
	sized := func(b []byte) []byte { return append(long(int64(len(b))), b...) }
	switch n.kind {
	case nullKind:
		return nil
	case booleanKind:
		return []byte{byte(rapid.IntRange(0, 1).Draw(t, "boolean"))}
	case intKind:
		return long(int64(rapid.Int32().Draw(t, "int")))
	case longKind:
		if n.meaning == clock {
			return long(rapid.Int64Range(-2, 86_400_000_002).Draw(t, "clock"))
		}
		return long(rapid.Int64().Draw(t, "long"))
	case floatKind, doubleKind, fixedKind:
		return rapid.SliceOfN(rapid.Byte(), n.least, n.least).Draw(t, "bytes")
	case bytesKind:
		return sized(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
	case stringKind:
		return sized([]byte(rapid.StringN(0, 12, -1).Draw(t, "string")))
	case enumKind:
		return long(rapid.Int64Range(0, int64(len(n.symbols)-1)).Draw(t, "symbol"))
	case recordKind:
		var b []byte
		for _, f := range n.fields {
			b = append(b, drawBody(t, f.node, depth-1)...)
		}
		return b
	case unionKind:
		k := rapid.IntRange(0, len(n.branches)-1).Draw(t, "branch")
		for i, b := range n.branches {
			if depth < 0 && b.kind == nullKind {
				k = i
			}
		}
		return append(long(int64(k)), drawBody(t, n.branches[k], depth-1)...)
	}
	var b []byte
	keys := rapid.Permutation([]string{"f0", "f1", "k", "é", "", "a\"b"}).Draw(t, "keys")
	for range rapid.IntRange(0, 2).Draw(t, "blocks") {
		count := rapid.IntRange(1, 3).Draw(t, "items")
		var items []byte
		for range count {
			if n.kind == mapKind {
				items, keys = append(items, sized([]byte(keys[0]))...), keys[1:]
			}
			items = append(items, drawBody(t, n.of, depth-1)...)
		}
		if rapid.Bool().Draw(t, "with its size") {
			b = append(append(b, long(int64(-count))...), long(int64(len(items)))...)
		} else {
			b = append(b, long(int64(count))...)
		}
		b = append(b, items...)
	}
	return append(b, 0)
}

// drawFields are columns of all fields as they are, and some of other types and of parts.
func drawFields(t *rapid.T, root *node) (fields []decode.Field) {
	add := func(from string, typ fencepost.Type) {
		unit := decode.NoUnit
		switch typ {
		case fencepost.Timestamp, fencepost.Time:
			unit = rapid.SampledFrom([]decode.Unit{decode.NoUnit, decode.Millis}).Draw(t, "unit")
		case fencepost.Date:
			unit = rapid.SampledFrom([]decode.Unit{decode.NoUnit, decode.Days}).Draw(t, "unit")
		}
		fields = append(fields, decode.Field{Column: fmt.Sprintf("c%d", len(fields)), Type: typ, From: from, Unit: unit, Missing: decode.Null(), Mismatch: decode.Null()})
	}
	anyType := rapid.Map(rapid.IntRange(0, len(fencepost.Types())-1), func(i int) fencepost.Type { return fencepost.Type(i) })
	for _, f := range root.fields {
		add(f.name, fencepost.JSON)
		add(f.name, anyType.Draw(t, "type"))
	}
	for range rapid.IntRange(1, 4).Draw(t, "paths") {
		path := rapid.SampledFrom([]string{"f0", "f1", "f2", "more", "nothing"}).Draw(t, "path")
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			path += rapid.SampledFrom([]string{".f0", ".f1", "[0]", "[1]", ".k", ".more"}).Draw(t, "step")
		}
		add(path, anyType.Draw(t, "type"))
	}
	return fields
}

// Any body of any schema, projected into any columns, is what the twin makes of it; and so is the same body with some of it changed.
func TestPlanHasATwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := 0
		text, err := json.Marshal(drawRecord(t, &names, 3))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		h := hold(t, string(text), drawFields(t, s.root))
		body := drawBody(t, s.root, 6)
		defer func() {
			if t.Failed() {
				t.Logf("%s", text)
			}
		}()
		h.compare(t, body)
		if _, err := decodeRow(h.decoder, h.columns, &fencepost.Record{Value: append([]byte{}, body...)}); err != nil {
			t.Fatalf("%x: %v", body, err) // a body that was written well is read
		}
		h.compare(t, append(bytes.Clone(body), 0))
		if len(body) > 0 {
			h.doubled = strings.Contains(string(text), `"map"`)
			h.compare(t, body[:rapid.IntRange(0, len(body)-1).Draw(t, "cut")])
			changed := bytes.Clone(body)
			changed[rapid.IntRange(0, len(body)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			h.compare(t, changed)
		}
	})
}
