package decode

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// testCase is one block of a file of cases.
type testCase struct {
	name   string
	config Config
	value  string
	want   string // the row, cells parted by " | ", or "bad: " and the reason
}

// readCases reads blocks parted by empty lines:
//
//	# the last of equal names wins
//	delay int missing=null          a field a line: column, type, then from= unit= missing= mismatch=
//	unknown=error                   the rule for unknown fields, if it is not ignore
//	< {"delay":1,"delay":2}         the value; <" quoted as in Go, for bytes that no editor shows
//	> 2                             the row: text as in Go, bytes in hex, times in UTC; or: bad: REASON
func readCases(t testing.TB, path string) []testCase {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		var c testCase
		for line := range strings.SplitSeq(block, "\n") {
			head, rest, _ := strings.Cut(line, " ")
			switch head {
			case "#":
				c.name = strings.TrimSpace(c.name + " " + rest)
			case "<":
				c.value = rest
			case `<"`:
				if c.value, err = strconv.Unquote(rest); err != nil {
					t.Fatalf("%s: %s: %v", path, line, err)
				}
			case ">":
				c.want = rest
			case "unknown=error":
				c.config.UnknownFields = RefuseUnknown
			default:
				c.config.Fields = append(c.config.Fields, readField(t, line))
			}
		}
		if c.want != "" {
			cases = append(cases, c)
		}
	}
	return cases
}

func readField(t testing.TB, line string) Field {
	words := strings.Fields(line)
	if len(words) < 2 {
		t.Fatalf("field %q: want a column and a type", line)
	}
	typ, ok := fencepost.ParseType(words[1])
	if !ok {
		t.Fatalf("field %q: no type %s", line, words[1])
	}
	f := Field{Column: words[0], Type: typ}
	for _, w := range words[2:] {
		key, v, _ := strings.Cut(w, "=")
		switch key {
		case "from":
			f.From = v
		case "unit":
			if f.Unit, ok = ParseUnit(v); !ok {
				t.Fatalf("field %q: no unit %s", line, v)
			}
		case "missing":
			f.Missing = readRule(v)
		case "mismatch":
			f.Mismatch = readRule(v)
		default:
			t.Fatalf("field %q: no key %s", line, key)
		}
	}
	return f
}

func readRule(v string) Rule {
	switch v {
	case "error":
		return Rule{}
	case "null":
		return Null()
	}
	return Default(v)
}

// TestJSONCases reads testdata/json.txt: the rules of decoding, one by one. The twin must agree with each.
func TestJSONCases(t *testing.T) {
	for _, c := range readCases(t, "testdata/json.txt") {
		t.Run(c.name, func(t *testing.T) {
			make, err := JSON(c.config)
			if err != nil {
				t.Fatal(err)
			}
			d := make()
			columns := columnsOf(d)
			for range 2 { // the second time with what the first has taught
				row, err := decodeRow(d, columns, &fencepost.Record{Value: []byte(c.value)})
				got := strings.Join(row, " | ")
				var b *fencepost.BadRecord
				if errors.As(err, &b) {
					got = "bad: " + b.Reason
				} else if err != nil {
					t.Fatal(err)
				}
				if got != c.want {
					t.Errorf("value %s\n got %s\nwant %s", c.value, got, c.want)
				}
				compare(t, c.config, d, columns, []byte(c.value))
			}
		})
	}
}
