package avro

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

// testCase is a block of testdata/cases.txt: a schema, columns, and bodies with what becomes of them.
type testCase struct {
	name, schema string
	form         registry.Form
	config       decode.Config
	bodies       []string
	rows         []string
}

func readCases(t testing.TB, path string) (cases []testCase) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		c := testCase{form: registry.Bare}
		for line := range strings.SplitSeq(block, "\n") {
			head, rest, _ := strings.Cut(line, " ")
			switch {
			case head == "#":
				c.name = strings.TrimSpace(c.name + " " + rest)
			case head == "<":
				c.bodies = append(c.bodies, rest)
			case head == ">":
				c.rows = append(c.rows, rest)
			case head == "unknown=error":
				c.config.UnknownFields = decode.RefuseUnknown
			case head == "form":
				c.form = registry.Form(indexOf(registry.Forms(), rest))
			case line[0] == '{', line[0] == '[', line[0] == '"':
				c.schema = line
			default:
				c.config.Fields = append(c.config.Fields, readField(t, line))
			}
		}
		if c.schema != "" {
			cases = append(cases, c)
		}
	}
	return cases
}

func indexOf(words []string, word string) int {
	for i, w := range words {
		if w == word {
			return i
		}
	}
	panic(word)
}

func readField(t testing.TB, line string) decode.Field {
	words := strings.Fields(line)
	typ, ok := fencepost.ParseType(words[1])
	if !ok {
		t.Fatalf("field %q: no such type", line)
	}
	f := decode.Field{Column: words[0], Type: typ}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		rule := decode.Default(value)
		if value == "null" {
			rule = decode.Null()
		}
		switch key {
		case "from":
			f.From = value
		case "unit":
			f.Unit, _ = decode.ParseUnit(value)
		case "missing":
			f.Missing = rule
		case "mismatch":
			f.Mismatch = rule
		default:
			t.Fatalf("field %q: no key %s", line, key)
		}
	}
	return f
}

// show is a row of a column as the cases write it: text quoted, bytes in hex.
func show(c *fencepost.Column, i int) string {
	switch {
	case c.Null(i):
		return "null"
	case c.Type == fencepost.Text:
		return fmt.Sprintf("%q", c.Bytes(i))
	case c.Type == fencepost.Int:
		return fmt.Sprint(c.Int(i))
	case c.Type == fencepost.Float:
		return fmt.Sprint(c.Float(i))
	case c.Type == fencepost.Bool:
		return fmt.Sprint(c.Bool(i))
	case c.Type == fencepost.Timestamp:
		return time.UnixMicro(c.Micros(i)).UTC().Format(time.RFC3339Nano)
	case c.Type == fencepost.Bytes:
		return fmt.Sprintf("%x", c.Bytes(i))
	}
	return c.Text(i)
}

// decodeRow is the row of one record, or its error; the columns have the row then, or are as they were.
func decodeRow(d fencepost.Decoder, columns []fencepost.Column, r *fencepost.Record) (string, error) {
	n := columns[0].Len()
	if err := d.Decode(r, columns); err != nil {
		for k := range columns {
			columns[k].Truncate(n)
		}
		return "", err
	}
	var row []string
	for k := range columns {
		if got := columns[k].Len(); got != n+1 {
			return "", fmt.Errorf("column %s has %d rows, want %d", columns[k].Name, got, n+1)
		}
		row = append(row, show(&columns[k], n))
	}
	return strings.Join(row, " | "), nil
}

func unhex(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return b
}

// TestCases are the rules of what becomes of a value, in a form to read.
func TestCases(t *testing.T) { runCases(t, "testdata/cases.txt") }

// TestApacheAvrosValues are the values of Apache Avro's own tests, as its own writer encodes them: testdata/apache.py writes the file.
func TestApacheAvrosValues(t *testing.T) { runCases(t, "testdata/apache.txt") }

func runCases(t *testing.T, path string) {
	for _, c := range readCases(t, path) {
		t.Run(c.name, func(t *testing.T) {
			if len(c.bodies) != len(c.rows) || len(c.rows) == 0 {
				t.Fatalf("%d bodies and %d rows", len(c.bodies), len(c.rows))
			}
			make, err := New(Config{Config: c.config, Framing: registry.Framing{Form: c.form}, Schemas: one(c.schema)})
			if err != nil {
				t.Fatal(err)
			}
			d := make()
			columns := columnsOf(d)
			for i, text := range c.bodies {
				body := unhex(t, text)
				got, err := decodeRow(d, columns, &fencepost.Record{Value: body, Key: []byte("k")})
				if b, ok := errors.AsType[*fencepost.BadRecord](err); ok && b.Code == decode.Undecodable {
					got = "bad: " + b.Reason
				} else if err != nil {
					t.Fatal(err)
				}
				if got != c.rows[i] {
					t.Errorf("%s\ngot  %s\nwant %s", text, got, c.rows[i])
				}
			}
		})
	}
}
