package csv

import (
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// twinField is a field as the twin found it.
type twinField struct {
	text   string
	quoted bool
}

// twinSplit is the slow and obvious splitter: character by character, in states.
func twinSplit(c Config, record string) (fields []twinField, ok bool) {
	delimiter, quote := rune(c.delimiter()), rune(c.quote())
	if c.Unquoted {
		quote = -1
	}
	if !utf8.ValidString(record) {
		return nil, false
	}
	if rest, is := strings.CutPrefix(record, "\ufeff"); is {
		if !c.SkipBOM {
			return nil, false
		}
		record = rest
	}
	isBlank := func(r rune) bool { return c.Trim && (r == ' ' || r == '\t') && r != delimiter }
	const (
		start = iota
		bare
		inside
		quoteInside
		behind
		ended // behind a line break
		afterCR
	)
	state, text, quoted := start, "", false
	end := func() {
		if !quoted && c.Trim {
			cut := " \t"
			if delimiter == '\t' {
				cut = " "
			}
			text = strings.TrimRight(text, cut)
		}
		fields = append(fields, twinField{text, quoted})
		text, quoted = "", false
	}
	for _, r := range record {
		if state == quoteInside {
			if r == quote {
				text += string(r)
				state = inside
				continue
			}
			state = behind
		}
		switch {
		case state == ended || state == afterCR && r != '\n':
			return nil, false
		case state == afterCR:
			state = ended
		case state == inside && r == quote:
			state = quoteInside
		case state == inside:
			text += string(r)
		case r == delimiter:
			end()
			state = start
		case r == '\r':
			end()
			state = afterCR
		case r == '\n':
			end()
			state = ended
		case state == behind && isBlank(r), state == start && isBlank(r):
		case state == behind:
			return nil, false
		case r == quote && state == start:
			state, quoted = inside, true
		case r == quote:
			return nil, false
		default:
			text += string(r)
			state = bare
		}
	}
	switch state {
	case inside:
		return nil, false
	case ended, afterCR:
	default:
		end()
	}
	return fields, true
}

// twin makes the row of a record, as words.
func twin(c Config, record string) (row []string, ok bool) {
	fields, ok := twinSplit(c, record)
	if !ok {
		return nil, false
	}
	header, places := c.Header, map[string]int{}
	exact := true
	for _, f := range c.Fields {
		if strings.HasPrefix(f.From, "[") && len(c.Header) == 0 {
			exact = false
		}
	}
	if len(header) == 0 {
		for _, f := range c.Fields {
			if f.From == "" {
				header = append(header, f.Column)
			}
		}
	}
	for i, name := range header {
		places[name] = i
	}
	if exact && len(fields) > len(header) {
		return nil, false
	}
	for _, f := range c.Fields {
		if strings.HasPrefix(f.From, "_") {
			row = append(row, "the key")
			continue
		}
		name := f.From
		if name == "" {
			name = f.Column
		}
		at, named := places[strings.Trim(name, `"`)]
		if !named {
			at, _ = strconv.Atoi(strings.Trim(name, "[]"))
		}
		if c.UnknownFields == decode.RefuseUnknown && !exact && len(fields) > at+1 && len(c.Fields) == 1 {
			return nil, false
		}
		cell, fits, rule := "", false, f.Missing
		if at < len(fields) {
			rule = f.Mismatch
			if !fields[at].quoted && fields[at].text == c.Null {
				cell, fits = "null", true
			} else {
				cell, fits = twinValue(f, fields[at].text)
			}
		}
		if !fits {
			switch rule.String() {
			case "error":
				return nil, false
			default:
				cell = rule.String()
			}
		}
		row = append(row, cell)
	}
	return row, true
}

var (
	twinNumber  = regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
	twinInteger = regexp.MustCompile(`^[-+]?[0-9]+$`)
)

// twinValue is a field as its column has it. Types whose rules are those of package decode are compared by what that one makes of a
// string of JSON.
func twinValue(f decode.Field, text string) (cell string, ok bool) {
	show := func(s string) string {
		quoted := strconv.Quote(s)
		return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	}
	switch f.Type {
	case fencepost.Text:
		return show(text), !strings.ContainsRune(text, 0)
	case fencepost.Int:
		n, is := new(big.Int).SetString(strings.TrimPrefix(text, "+"), 10)
		if !twinInteger.MatchString(text) || !is || !n.IsInt64() {
			return "", false
		}
		return n.String(), true
	case fencepost.Float:
		x, err := strconv.ParseFloat(text, 64)
		return strconv.FormatFloat(x, 'g', -1, 64), twinNumber.MatchString(text) && err == nil && !math.IsInf(x, 0)
	case fencepost.Bool:
		switch text {
		case "true", "True", "TRUE", "t", "1":
			return "true", true
		case "false", "False", "FALSE", "f", "0":
			return "false", true
		}
		return "", false
	}
	return twinByJSON(f, text)
}

// twinByJSON puts a field into a JSON record as a string, and as it is where a number or any JSON fits.
func twinByJSON(f decode.Field, text string) (string, bool) {
	number := twinNumber.MatchString(text) && (f.Type == fencepost.Decimal || f.Unit != decode.NoUnit)
	value := fmt.Sprintf("%q", text)
	switch {
	case number:
		sign := ""
		if text[0] == '-' {
			sign = "-"
		}
		digits := strings.TrimLeft(strings.TrimLeft(text, "+-"), "0")
		if digits == "" || digits[0] < '0' || digits[0] > '9' {
			digits = "0" + digits
		}
		value = sign + digits
	case f.Type == fencepost.Decimal:
		return "", false
	case f.Type == fencepost.JSON:
		value = text
	default:
		value = string(decode.AppendQuoted(nil, []byte(text)))
	}
	factory, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "a", Type: f.Type, Unit: f.Unit}}})
	if err != nil {
		panic(err)
	}
	d := factory()
	row, err := decodeRow(d, columnsOf(d), &fencepost.Record{Value: []byte(`{"a":` + value + `}`)})
	if err != nil {
		return "", false
	}
	return row[0], true
}

// agree holds the decoder to the twin.
func agree(t interface {
	Helper()
	Errorf(string, ...any)
}, c Config, d fencepost.Decoder, value []byte) {
	t.Helper()
	got, err := decodeRow(d, columnsOf(d), &fencepost.Record{Key: []byte("the key"), Value: value})
	want, ok := twin(c, string(value))
	if _, bad := errors.AsType[*fencepost.BadRecord](err); err != nil && !bad {
		t.Errorf("value %q: %v, want a *BadRecord", value, err)
	}
	if ok != (err == nil) {
		t.Errorf("value %q: got %q, %v; the twin has %q, %t", value, got, err, want, ok)
		return
	}
	if diff := cmp.Diff(want, got); ok && diff != "" {
		t.Errorf("value %q: -twin +got\n%s", value, diff)
	}
}

// everyType has a column of each type, and of each unit.
func everyType() (fields []decode.Field) {
	for i, name := range fencepost.Types() {
		typ, _ := fencepost.ParseType(name)
		fields = append(fields, decode.Field{Column: name, Type: typ, From: fmt.Sprintf("[%d]", i), Mismatch: decode.Null(), Missing: decode.Null()})
	}
	fields = append(fields, decode.Field{Column: "ms", Type: fencepost.Timestamp, Unit: decode.Millis, From: "[0]", Mismatch: decode.Null(), Missing: decode.Null()})
	return fields
}

// shapes are configurations that the properties draw from.
func shapes() []Config {
	texts := func(n int) (c decode.Config) {
		for i := range n {
			c.Fields = append(c.Fields, decode.Field{Column: string(rune('a' + i)), Type: fencepost.Text})
		}
		return c
	}
	return []Config{
		{Config: texts(1)}, {Config: texts(3)}, {Config: texts(2), Trim: true}, {Config: texts(2), Delimiter: '\t', Trim: true},
		{Config: texts(2), Delimiter: ';', Quote: '\'', Null: "x"}, {Config: texts(2), Unquoted: true}, {Config: texts(2), SkipBOM: true},
		{Config: decode.Config{Fields: everyType()}}, {Config: decode.Config{Fields: everyType()}, Trim: true, Null: "NULL"},
	}
}

// TestAgreesWithTwin: records of the characters that matter, in any order.
func TestAgreesWithTwin(t *testing.T) {
	pieces := []string{"a", "b", ",", ",", ";", "\t", `"`, `"`, `""`, "'", "\r", "\n", "\r\n", " ", "\x00", "\ufeff", "\xff", "ø", "x", "NULL", "1", "007", "+", "-", ".5", "e3",
		"true", "T", "2001-02-03", "12:34:56", "null", "{}", "9223372036854775807", "AQI="}
	all := shapes()
	made := make([]fencepost.Decoder, len(all))
	for i, c := range all {
		factory, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		made[i] = factory()
	}
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 14).Draw(t, "value"), "")
		i := rapid.IntRange(0, len(all)-1).Draw(t, "shape")
		agree(t, all[i], made[i], []byte(value))
	})
}

// TestWritersAreRead: what encoding/csv writes of any fields comes back, byte by byte.
func TestWritersAreRead(t *testing.T) {
	config := shapes()[1]
	factory, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	d := factory()
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.SliceOfN(rapid.StringMatching(`[a",\n ø;]{1,6}`), 3, 3).Draw(t, "fields")
		var b strings.Builder
		w := stdcsv.NewWriter(&b)
		w.UseCRLF = rapid.Bool().Draw(t, "crlf")
		if w.UseCRLF { // that writer changes \n inside of quotes, too
			for i := range fields {
				fields[i] = strings.ReplaceAll(fields[i], "\n", "x")
			}
		}
		if err := w.Write(fields); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		columns := columnsOf(d)
		if err := d.Decode(&fencepost.Record{Value: []byte(b.String())}, columns); err != nil {
			t.Fatalf("%q: %v", b.String(), err)
		}
		for k := range columns {
			if got := columns[k].Text(0); got != fields[k] {
				t.Errorf("%q: field %d: got %q, want %q", b.String(), k, got, fields[k])
			}
		}
	})
}

// TestReadersAgree: where encoding/csv takes a record of three fields as it is, so do we, with the same texts.
func TestReadersAgree(t *testing.T) {
	config := shapes()[1]
	config.Null = "no field is this"
	factory, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	d := factory()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a"\n ø]{0,3},[a"\n, ø]{0,5},[a"\n ]{0,4}`).Draw(t, "value")
		r := stdcsv.NewReader(strings.NewReader(value))
		want, err := r.Read()
		if err != nil || len(want) != 3 {
			return
		}
		if _, err := r.Read(); err != io.EOF || strings.HasPrefix(value, "\n") || strings.HasSuffix(value, "\n\n") {
			return // more than one record, or lines that it passes over
		}
		got, err := decodeRow(d, columnsOf(d), &fencepost.Record{Value: []byte(value)})
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "\n", `\n`)
			want[i] = strings.ReplaceAll(want[i], `\"`, `"`)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v, -encoding/csv +got\n%s", value, err, diff)
		}
	})
}

// FuzzTwin holds the decoder to the twin on any bytes.
func FuzzTwin(f *testing.F) {
	for i, c := range readCases(f, "testdata/cases.txt") {
		f.Add(c.value, byte(i))
	}
	all := shapes()
	f.Fuzz(func(t *testing.T, value []byte, shape byte) {
		c := all[int(shape)%len(all)]
		factory, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, c, factory(), value)
	})
}
