package avro

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	twmb "github.com/twmb/avro"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// The twin is slow and obvious: twmb/avro decodes the whole body into maps and slices, and each column takes its part of them by a Cell.
// What it shares with the decoder is the reading of a schema, which the cases hold to the specification, and the digits of a decimal with a
// scale of its own, which package decode holds to math/big.

// twin is the row of a body, as show has it, or why there is none.
func twin(s *twmb.Schema, root *node, fields []decode.Field, body []byte) (row []string, err error) {
	var value any
	rest, err := s.Decode(body, &value, twmb.TaggedUnions())
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0:
		return nil, errors.New("bytes stand behind the record")
	case !validText(value):
		return nil, errors.New("a string is not UTF-8")
	}
	layout, err := decode.NewLayout(decode.Config{Fields: fields})
	if err != nil {
		return nil, err
	}
	cells := layout.Row().Cells
	for k := range cells {
		c := &cells[k]
		col := fencepost.Column{Name: c.Column, Type: c.Type}
		n, v, what := walk(root, value, c.From().Steps)
		switch {
		case what == pathMissing:
			err = c.Missing(&col)
		case what == pathAstray, what == pathValue && !twinPut(c, &col, n, v):
			err = c.Mismatch(&col, "")
		case what == pathNull:
			col.AppendNull()
		}
		if err != nil {
			return nil, err
		}
		row = append(row, show(&col, 0))
	}
	return row, nil
}

// validText reports whether all texts in a value are UTF-8.
func validText(v any) bool {
	switch v := v.(type) {
	case string:
		return utf8.ValidString(v)
	case []any:
		for _, item := range v {
			if !validText(item) {
				return false
			}
		}
	case map[string]any:
		for k, item := range v {
			if !utf8.ValidString(k) || !validText(item) {
				return false
			}
		}
	}
	return true
}

const (
	pathValue = iota
	pathNull
	pathMissing
	pathAstray
)

// branch takes the tag of a union off.
func branch(n *node, v any) (*node, any) {
	for n.kind == unionKind {
		if v == nil {
			return &node{kind: nullKind}, nil
		}
		for tag, inner := range v.(map[string]any) {
			for _, b := range n.branches {
				if b.name == tag || b.name == "" && strings.TrimPrefix(strings.TrimPrefix(kindNames[b.kind], "a "), "an ") == tag {
					n, v = b, inner
					break
				}
			}
		}
	}
	return n, v
}

// walk goes along a path.
func walk(n *node, v any, steps []decode.Step) (*node, any, int) {
	n, v = branch(n, v)
	switch {
	case n.kind == nullKind:
		return n, nil, pathNull
	case len(steps) == 0:
		return n, v, pathValue
	}
	s := steps[0]
	switch {
	case n.kind == recordKind && s.Index < 0:
		for _, f := range n.fields {
			if f.name == s.Name {
				return walk(f.node, v.(map[string]any)[s.Name], steps[1:])
			}
		}
		return n, nil, pathMissing
	case n.kind == mapKind && s.Index < 0:
		if inner, ok := v.(map[string]any)[s.Name]; ok {
			return walk(n.of, inner, steps[1:])
		}
		return n, nil, pathMissing
	case n.kind == arrayKind && s.Index >= 0:
		if items := v.([]any); s.Index < len(items) {
			return walk(n.of, items[s.Index], steps[1:])
		}
		return n, nil, pathMissing
	}
	return n, nil, pathAstray
}

// twinPut puts a value into a column by a Cell.
func twinPut(c *decode.Cell, col *fencepost.Column, n *node, v any) bool {
	if c.Type == fencepost.JSON {
		plain, ok := twinJSON(n, v)
		if !ok {
			return false
		}
		text, _ := json.Marshal(plain) // of maps, slices and texts: it always marshals
		col.AppendBytes(text)
		return true
	}
	switch v := v.(type) {
	case bool:
		return c.Bool(col, v)
	case int32:
		return (n.meaning != year || v != 1900) && c.Int(col, int64(v))
	case int64:
		if digits := bare(n, v); v < 0 && digits.Sign() > 0 {
			return c.Type != fencepost.Int && c.Decimal(col, []byte(digits.String()))
		}
		return c.Int(col, v)
	case float32:
		return c.Float(col, float64(v), 32)
	case float64:
		return c.Float(col, v, 64)
	case string:
		switch {
		case n.kind == enumKind && c.Type != fencepost.Text:
			return false
		case c.Type == fencepost.Bytes:
			return c.Raw(col, []byte(v))
		}
		return c.Text(col, []byte(v))
	case []byte:
		if c.Type == fencepost.Text {
			return utf8.Valid(v) && c.Text(col, v)
		}
		return c.Raw(col, v)
	case [16]byte:
		return c.UUID(col, v)
	case *big.Rat:
		return c.Decimal(col, []byte(v.FloatString(n.scale)))
	case time.Duration:
		if n.unit == decode.Millis {
			return c.Clock(col, v.Milliseconds(), decode.Millis)
		}
		return c.Clock(col, v.Microseconds(), decode.Micros)
	case time.Time:
		switch {
		case n.meaning == day:
			return c.Day(col, v.Unix()/86_400)
		case n.unit == decode.Millis:
			return c.Instant(col, v.UnixMilli(), decode.Millis)
		case n.unit == decode.Nanos:
			return c.Instant(col, v.UnixNano(), decode.Nanos)
		}
		return c.Instant(col, v.UnixMicro(), decode.Micros)
	case map[string]any:
		digits, ok := twinScaled(n, v)
		return ok && c.Decimal(col, digits)
	case twmb.Duration:
		return c.Text(col, fmt.Appendf(nil, "P%dM%dDT%d.%03dS", v.Months, v.Days, v.Milliseconds/1000, v.Milliseconds%1000))
	}
	return false
}

// bare is a long, without the sign where its bits are those of a number that has none.
func bare(n *node, v int64) *big.Int {
	x := big.NewInt(v)
	if n.meaning == unsigned && v < 0 {
		x.Add(x, new(big.Int).Lsh(big.NewInt(1), 64))
	}
	return x
}

// twinScaled is the digits of a record of a scale and a number.
func twinScaled(n *node, v map[string]any) (digits []byte, ok bool) {
	if n.meaning != scaled {
		return nil, false
	}
	return decode.AppendTwosComplement(nil, v["value"].([]byte), int(v["scale"].(int32)))
}

// twinJSON is a value as encoding/json decodes what a json column has. ok: JSON can say it.
func twinJSON(n *node, v any) (_ any, ok bool) {
	n, v = branch(n, v)
	switch v := v.(type) {
	case nil, bool, string:
		return v, true
	case int32:
		return json.Number(fmt.Sprint(v)), n.meaning != year || v != 1900
	case int64:
		return json.Number(bare(n, v).String()), true
	case float32:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 32)), !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), !math.IsNaN(v) && !math.IsInf(v, 0)
	case []byte:
		return base64.StdEncoding.EncodeToString(v), true
	case [16]byte:
		return fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:]), true
	case *big.Rat:
		return json.Number(v.FloatString(n.scale)), true
	case time.Duration:
		text := time.Unix(0, 0).UTC().Add(v).Format("15:04:05.999999")
		if v == 24*time.Hour {
			text = "24:00:00"
		}
		return text, v >= 0 && v <= 24*time.Hour
	case time.Time:
		layout := "2006-01-02T15:04:05.999999Z"
		if n.meaning == day {
			layout = time.DateOnly
		}
		return v.Format(layout), v.Year() >= 0 && v.Year() <= 9999
	case twmb.Duration:
		return map[string]any{"months": v.Months, "days": v.Days, "millis": v.Milliseconds}, true
	case []any:
		items := make([]any, len(v))
		for i := range v {
			if items[i], ok = twinJSON(n.of, v[i]); !ok {
				return nil, false
			}
		}
		return items, true
	case map[string]any:
		if n.meaning == scaled {
			digits, ok := twinScaled(n, v)
			return json.Number(digits), ok
		}
		members := map[string]any{}
		for k, item := range v {
			of := n.of
			for _, f := range n.fields {
				if f.name == k {
					of = f.node
				}
			}
			if members[k], ok = twinJSON(of, item); !ok {
				return nil, false
			}
		}
		return members, true
	}
	return nil, false
}

// canonical is a JSON text with its names in order, and without doubled ones.
func canonical(t fataler, text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("%s is no JSON: %v", text, err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

// held is a schema with its columns, decoded by both.
type held struct {
	twin    *twmb.Schema
	root    *node
	fields  []decode.Field
	decoder fencepost.Decoder
	columns []fencepost.Column
	// doubled: maps may have a key twice, of which the twin sees one.
	doubled bool
}

func hold(t fataler, schema string, fields []decode.Field) *held {
	s, err := Parse(schema)
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	mended, err := mend(schema)
	if err != nil {
		t.Fatal(err)
	}
	h := &held{twin: twmb.MustParse(mended, anyName), root: s.root, fields: fields}
	make, err := New(Config{Config: decode.Config{Fields: fields}, Framing: registry.Framing{Form: registry.Bare}, Schemas: one(schema)})
	if err != nil {
		t.Fatal(err)
	}
	h.decoder = make()
	h.columns = columnsOf(h.decoder)
	return h
}

// stricter are the flaws that we find and the twin does not: it takes a boolean of 2 for false and passes over the size of a block, and
// counts items of no bytes, and depth, by bounds of its own.
var stricter = []flaw{flawBoolean, flawBlock, flawEmpty, flawDepth}

func (h *held) isStricter(reason string) bool {
	for _, f := range stricter {
		if strings.HasSuffix(reason, flaws[f]) {
			return true
		}
	}
	return strings.HasSuffix(reason, flaws[flawUTF8]) && h.doubled
}

// compare holds one body to the twin.
func (h *held) compare(t fataler, body []byte) {
	t.Helper()
	if body == nil {
		body = []byte{}
	}
	want, wantErr := twin(h.twin, h.root, h.fields, body)
	got, err := decodeRow(h.decoder, h.columns, &fencepost.Record{Value: body})
	if err != nil && wantErr == nil {
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok && h.isStricter(b.Reason) {
			return
		}
	}
	if (err != nil) != (wantErr != nil) {
		if wantErr != nil && (strings.Contains(wantErr.Error(), "limit") || strings.Contains(wantErr.Error(), "overflows time.Duration")) {
			return // by a bound of its own
		}
		t.Fatalf("%x: got %s and error %v, the twin says %v", body, got, err, wantErr)
	}
	if err != nil {
		if b, ok := errors.AsType[*fencepost.BadRecord](err); !ok || b.Code != decode.Undecodable {
			t.Fatalf("%x: error %v is no bad record", body, err)
		}
		return
	}
	row := h.columns[0].Len() - 1
	for k := range h.columns {
		is := show(&h.columns[k], row)
		if h.columns[k].Type == fencepost.JSON && is != "null" {
			is, want[k] = canonical(t, is), canonical(t, want[k])
		}
		if is != want[k] && !(h.doubled && is == "null" && h.columns[k].Type == fencepost.JSON) {
			t.Fatalf("%x: column %s (%s %s): got %s, the twin says %s", body, h.fields[k].Column, h.fields[k].From, h.fields[k].Type, is, want[k])
		}
	}
}

// fataler is a *testing.T, or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}
