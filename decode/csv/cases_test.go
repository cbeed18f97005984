package csv

import (
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// testCase is one block of a file of cases.
type testCase struct {
	name   string
	config Config
	value  []byte
	want   string // the row, cells parted by " | ", or "bad: " and the reason
}

// readCases reads blocks parted by empty lines:
//
//	# a name
//	header a b c                    and other lines of the configuration
//	a int missing=null; b text      the columns
//	< "7,x"                         the value, quoted as in Go
//	> 7 | x                         the row: text as in Go without its quotes, bytes in hex; or: bad: REASON
func readCases(t testing.TB, path string) (cases []testCase) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		var c testCase
		for line := range strings.SplitSeq(block, "\n") {
			head, rest, _ := strings.Cut(line, " ")
			switch head {
			case "#":
				c.name = rest
			case "header":
				c.config.Header = strings.Fields(rest)
			case "null":
				c.config.Null = rest
			case "delimiter":
				c.config.Delimiter = map[string]byte{"tab": '\t', ";": ';'}[rest]
			case "quote":
				c.config.Quote = rest[0]
			case "unquoted":
				c.config.Unquoted = true
			case "trim":
				c.config.Trim = true
			case "skipbom":
				c.config.SkipBOM = true
			case "unknown=error":
				c.config.UnknownFields = decode.RefuseUnknown
			case "<":
				s, err := strconv.Unquote(rest)
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				c.value = []byte(s)
			case ">":
				c.want = rest
			default:
				for text := range strings.SplitSeq(line, "; ") {
					c.config.Fields = append(c.config.Fields, readField(t, text))
				}
			}
		}
		cases = append(cases, c)
	}
	return cases
}

func readField(t testing.TB, text string) decode.Field {
	words := strings.Fields(text)
	typ, ok := fencepost.ParseType(words[1])
	if !ok {
		t.Fatalf("field %q: no type %s", text, words[1])
	}
	f := decode.Field{Column: words[0], Type: typ}
	for _, w := range words[2:] {
		key, v, _ := strings.Cut(w, "=")
		rule := decode.Default(v)
		if v == "null" {
			rule = decode.Null()
		}
		switch key {
		case "from":
			f.From = v
		case "unit":
			f.Unit, _ = decode.ParseUnit(v)
		case "missing":
			f.Missing = rule
		case "mismatch":
			f.Mismatch = rule
		default:
			t.Fatalf("field %q: no key %s", text, key)
		}
	}
	return f
}

func columnsOf(d fencepost.Decoder) []fencepost.Column {
	columns := make([]fencepost.Column, len(d.Columns()))
	for i, c := range d.Columns() {
		columns[i] = fencepost.Column{Name: c.Name, Type: c.Type}
	}
	return columns
}

// decodeRow decodes one record, and returns its cells as words.
func decodeRow(d fencepost.Decoder, columns []fencepost.Column, r *fencepost.Record) (row []string, err error) {
	for k := range columns {
		columns[k].Truncate(0)
	}
	if err := d.Decode(r, columns); err != nil {
		return nil, err
	}
	for k := range columns {
		row = append(row, cellText(&columns[k]))
	}
	return row, nil
}

// cellText is the only row of a column.
func cellText(c *fencepost.Column) string {
	switch {
	case c.Null(0):
		return "null"
	case c.Type == fencepost.Int:
		return strconv.FormatInt(c.Int(0), 10)
	case c.Type == fencepost.Float:
		return strconv.FormatFloat(c.Float(0), 'g', -1, 64)
	case c.Type == fencepost.Bool:
		return strconv.FormatBool(c.Bool(0))
	case c.Type == fencepost.Timestamp:
		return time.UnixMicro(c.Micros(0)).UTC().Format(time.RFC3339Nano)
	case c.Type == fencepost.Bytes:
		return hex.EncodeToString(c.Bytes(0))
	}
	quoted := strconv.Quote(c.Text(0))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// TestCases reads testdata/cases.txt: the rules, one by one. The twin must agree with each.
func TestCases(t *testing.T) {
	for _, c := range readCases(t, "testdata/cases.txt") {
		t.Run(c.name, func(t *testing.T) {
			factory, err := New(c.config)
			if err != nil {
				t.Fatal(err)
			}
			d := factory()
			row, err := decodeRow(d, columnsOf(d), &fencepost.Record{Key: []byte("the key"), Value: c.value})
			got := strings.Join(row, " | ")
			if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
				got = "bad: " + b.Reason
				if b.Code != decode.Undecodable {
					t.Errorf("code %s, want %s", b.Code, decode.Undecodable)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("value %q\n got %s\nwant %s", c.value, got, c.want)
			}
			agree(t, c.config, d, c.value)
		})
	}
}

// TestRefused: what cannot work is refused when the decoder is made, by column and key.
func TestRefused(t *testing.T) {
	field := func(column, from string) decode.Field {
		return decode.Field{Column: column, Type: fencepost.Text, From: from}
	}
	of := func(fields ...decode.Field) decode.Config { return decode.Config{Fields: fields} }
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"no column":              {Config{}, "the schema has no columns: name at least one, or use raw"},
		"a name that is not":     {Config{Config: of(field("x", "")), Header: []string{"a"}}, "x: the header has no x: one of its names, or its place: [0]"},
		"a place behind the end": {Config{Config: of(field("x", "[2]")), Header: []string{"a", "b"}}, "x: the header has 2 names: [0] to [1]"},
		"a name among places":    {Config{Config: of(field("x", ""), field("y", "[2]"))}, `x: without a header a field has no name: header: [NAME, ...]; or from: "[0]", its place`},
		"parts":                  {Config{Config: of(field("x", "a.b")), Header: []string{"a"}}, `x: a field of CSV has no parts: its name; "a.b" in quotes for a name with a dot in it`},
		"a path":                 {Config{Config: of(field("x", "a..b"))}, "a name is empty"},
		"twice":                  {Config{Config: of(field("a", "")), Header: []string{"a", "a"}}, "a is there twice: give each field a name of its own"},
		"empty":                  {Config{Config: of(field("a", "")), Header: []string{"a", ""}}, "name 2 is empty: give each field a name, also one that no column takes"},
		"quote and delimiter":    {Config{Config: of(field("a", "")), Delimiter: '"'}, "is no ASCII character, a line break, or the delimiter"},
		"delimiter":              {Config{Config: of(field("a", "")), Delimiter: '\n'}, `is no ASCII character, or a line break: ",", ";", "|" or "\t"`},
		"trim":                   {Config{Config: of(field("a", "")), Delimiter: ' ', Trim: true}, "takes away the blanks"},
		"unknown": {Config{Config: decode.Config{Fields: []decode.Field{field("a", "")}, UnknownFields: decode.RefuseUnknown}, Header: []string{"a", "b"}},
			"no column takes b, and unknown fields are refused"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.config)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if _, ok := errors.AsType[*decode.FieldError](err); !ok {
				t.Errorf("got a %T, want a *decode.FieldError", err)
			}
		})
	}
}

// TestTombstones: a nil value is what the configuration says, and an empty one is a record.
func TestTombstones(t *testing.T) {
	for stance, want := range map[decode.Tombstone]string{decode.BadTombstone: "record has no value (a tombstone)",
		decode.SkipTombstone: fencepost.ErrNoRow.Error(), decode.NullsTombstone: "null", decode.DeleteTombstone: "null d"} {
		factory, err := New(Config{Config: decode.Config{Tombstone: stance, Fields: []decode.Field{{Column: "a", Type: fencepost.Int}}}})
		if err != nil {
			t.Fatal(err)
		}
		d := factory()
		row, err := decodeRow(d, columnsOf(d), &fencepost.Record{})
		got := strings.Join(row, " ")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("stance %d: got %s, want %s", stance, got, want)
		}
		if row, err = decodeRow(d, columnsOf(d), &fencepost.Record{Value: []byte("7")}); err != nil || row[0] != "7" {
			t.Errorf("stance %d: got %s, %v of a record with a value, want 7", stance, row, err)
		}
	}
}
