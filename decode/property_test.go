package decode

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
)

// Generated records are nearly valid and nearly fit: a fuzzer finds broken bytes, these find wrong values.

// drawSpace draws the white space between tokens, mostly none.
func drawSpace(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", " ", "\n\t", "  \r\n"}).Draw(t, "space")
}

// drawString draws a JSON string, by characters that are spelled in one of the ways JSON has.
func drawString(t *rapid.T, s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r < ' ' || r == '"' || r == '\\' || r < 0x10000 && rapid.IntRange(0, 9).Draw(t, "escape") == 0:
			fmt.Fprintf(&b, `\u%04x`, r)
		case r >= 0x10000 && rapid.Bool().Draw(t, "pair"):
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04X\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func drawNumber(t *rapid.T) string {
	return rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,4})`),
		rapid.StringMatching(`-?(0|[1-9][0-9]{15,20})`),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})\.[0-9]{1,20}`),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?[eE][-+]?[0-9]{1,4}`),
	).Draw(t, "number")
}

func drawTime(t *rapid.T) string {
	s := rapid.StringMatching(`(19|20|00|99)[0-9]{2}-(0[1-9]|1[0-3])-(0[0-9]|[12][0-9]|3[01])[T ][012][0-9]:[0-6][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[-+][012][0-9](:?[0-6]0)?)?|(19|20|99)[0-9]{2}-(06-30|12-31)T(23:59:60|24:00:0[01]|04:29:60)(\.[05]0?)?(Z|-1930|\+05)?`)
	return s.Draw(t, "time")
}

func drawValue(t *rapid.T, depth int) string {
	most := 8
	if depth == 0 {
		most = 6
	}
	switch rapid.IntRange(0, most).Draw(t, "value") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word")
	case 1, 2:
		return drawNumber(t)
	case 3:
		return drawString(t, rapid.String().Draw(t, "text"))
	case 4:
		return drawString(t, drawTime(t))
	case 5:
		return drawString(t, rapid.SampledFrom([]string{"", "AQ==", "AQI=", "AQID", "AR==", "A", "1e2", "-0.0", "x y"}).Draw(t, "odd"))
	case 6:
		return `"` + rapid.StringMatching(`[ -!#-\[\]-~]{0,40}`).Draw(t, "ascii") + `"`
	case 7:
		items := []string{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, drawSpace(t)+drawValue(t, depth-1)+drawSpace(t))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	return drawObject(t, depth-1, rapid.String(), drawAny)
}

// drawAny draws a value whatever its field's name is.
func drawAny(t *rapid.T, _ string, depth int) string { return drawValue(t, depth) }

// drawFitting draws a value that mostly fits the column of that name in the schema everything.
func drawFitting(t *rapid.T, name string, depth int) string {
	if rapid.IntRange(0, 3).Draw(t, "misfit") == 0 {
		return drawValue(t, depth)
	}
	switch name {
	case "i", "f":
		return drawNumber(t)
	case "s":
		return drawString(t, rapid.String().Draw(t, "text"))
	case "b":
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool")
	case "t":
		if rapid.Bool().Draw(t, "integer") {
			return rapid.StringMatching(`-?[1-9][0-9]{0,18}`).Draw(t, "epoch")
		}
		return drawString(t, drawTime(t))
	case "d":
		if rapid.Bool().Draw(t, "quoted") {
			return drawString(t, drawNumber(t))
		}
		return drawNumber(t)
	case "x":
		return drawString(t, rapid.StringMatching(`([A-Za-z0-9+/]{4}){0,3}([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIM]=)?`).Draw(t, "base64"))
	}
	return drawValue(t, depth)
}

func drawObject(t *rapid.T, depth int, names *rapid.Generator[string], value func(*rapid.T, string, int) string) string {
	var items []string
	for range rapid.IntRange(0, 8).Draw(t, "fields") {
		name := names.Draw(t, "name")
		items = append(items, drawSpace(t)+drawString(t, name)+drawSpace(t)+":"+
			drawSpace(t)+value(t, name, depth)+drawSpace(t))
	}
	return "{" + strings.Join(items, ",") + "}"
}

// wantedNames draws the names of the schema everything, and some that it does not know.
var wantedNames = rapid.SampledFrom([]string{"i", "f", "s", "b", "t", "d", `é"`, "x", "I", "other", "", "é"})

func TestJSONAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := everything(uint8(rapid.IntRange(0, 255).Draw(rt, "rules")))
		make, err := JSON(c)
		if err != nil {
			t.Fatal(err)
		}
		d := make()
		columns := columnsOf(d)
		for range rapid.IntRange(1, 4).Draw(rt, "records") {
			value := drawSpace(rt) + drawObject(rt, 2, wantedNames, drawFitting) + drawSpace(rt)
			if !json.Valid([]byte(value)) {
				rt.Fatalf("the generator made %q, which is not JSON", value)
			}
			compare(t, c, d, columns, []byte(value))
		}
	})
}

// H3: paths lead where maps and slices of encoding/json lead, whatever is on the way.
func TestH3PathsAgreeWithTwin(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c", `"a.b"`, "é"})
	rapid.Check(t, func(rt *rapid.T) {
		c := Config{}
		for i := range rapid.IntRange(1, 6).Draw(rt, "columns") {
			from := name.Draw(rt, "first")
			for range rapid.IntRange(0, 3).Draw(rt, "steps") {
				if rapid.IntRange(0, 3).Draw(rt, "element") == 0 {
					from += fmt.Sprintf("[%d]", rapid.IntRange(0, 2).Draw(rt, "index"))
				} else {
					from += "." + name.Draw(rt, "name")
				}
			}
			rules := []Rule{{}, Null(), Default("7"), Null()}
			c.Fields = append(c.Fields, Field{Column: fmt.Sprint("c", i), Type: rapid.SampledFrom([]fencepost.Type{fencepost.Int, fencepost.JSON}).Draw(rt, "type"), From: from,
				Missing: rapid.SampledFrom(rules).Draw(rt, "missing"), Mismatch: rapid.SampledFrom(rules).Draw(rt, "mismatch")})
		}
		make, err := JSON(c)
		if err != nil {
			t.Fatal(err)
		}
		d := make()
		columns := columnsOf(d)
		names := rapid.SampledFrom([]string{"a", "b", "c", "a.b", "é", "x"})
		var value func(t *rapid.T, _ string, depth int) string
		value = func(t *rapid.T, _ string, depth int) string {
			switch n := rapid.IntRange(0, 9).Draw(t, "kind"); {
			case depth > 0 && n < 6:
				return drawObject(t, depth-1, names, value)
			case depth > 0 && n < 8:
				return "[" + value(t, "", depth-1) + drawSpace(t) + "," + drawSpace(t) + value(t, "", depth-1) + "]"
			case n == 8:
				return "null"
			}
			return drawNumber(t)
		}
		for range rapid.IntRange(1, 4).Draw(rt, "records") {
			compare(t, c, d, columns, []byte(drawObject(rt, 3, names, value)))
		}
	})
}

// What Infer says of samples takes those samples.
func TestInferredSchemaTakesItsSamples(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var samples [][]byte
		for range rapid.IntRange(1, 5).Draw(rt, "records") {
			samples = append(samples, []byte(drawObject(rt, 1, rapid.SampledFrom([]string{"a", "b", "_a", "_", "é", "a_2"}), drawAny)))
		}
		in := Infer(sliceOf(samples...))
		if !in.IsJSON() || in.Objects != len(samples) {
			rt.Fatalf("%d of %d samples are objects: %s", in.Objects, len(samples), in.NotObject)
		}
		if len(in.Columns) == 0 {
			return
		}
		c := Config{UnknownFields: RefuseUnknown}
		for _, f := range in.Columns {
			c.Fields = append(c.Fields, f.Field)
		}
		make, err := JSON(c)
		if err != nil {
			rt.Fatalf("the inferred schema is refused: %v", err)
		}
		d := make()
		columns := columnsOf(d)
		for _, v := range samples {
			compare(t, c, d, columns, v)
			if _, err := decodeRow(d, columns, &fencepost.Record{Value: v}); err != nil {
				rt.Fatalf("sample %s: %v", v, err)
			}
		}
	})
}
