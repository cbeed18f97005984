package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
)

// twin is the slow and obvious decoder that the scanner is held to: encoding/json makes a map[string]json.RawMessage
// of the value, and each column takes its value from there. It returns the row as words, null for a null.
func twin(c Config, value []byte) ([]string, error) {
	m, err := twinObject(value)
	if err != nil {
		return nil, err
	}
	if c.UnknownFields == RefuseUnknown {
		wanted := map[string]bool{}
		for _, f := range c.Fields {
			wanted[twinPath(f)[0]] = true
		}
		for n := range m {
			if !wanted[n] {
				return nil, fmt.Errorf("unknown field %s", n)
			}
		}
	}
	var row []string
	for _, f := range c.Fields {
		raw, there, ok := twinAt(m, twinPath(f))
		cell := ""
		rule := f.Missing
		if !ok {
			there, rule = true, f.Mismatch
		} else if there {
			cell, ok = twinValue(f, raw)
			rule = f.Mismatch
		}
		if !there || !ok {
			switch rule.kind {
			case ruleError:
				return nil, fmt.Errorf("field %s: missing or misfit", f.Column)
			case ruleNull:
				cell = "null"
			case ruleValue:
				cell, _ = twinValue(f, []byte(rule.json))
			}
		}
		row = append(row, cell)
	}
	return row, nil
}

// twinPath is the steps of a path: a name, or the place of an element in brackets.
func twinPath(f Field) (steps []string) {
	if f.From == "" {
		return []string{f.Column}
	}
	for _, m := range regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\[\d+\]|[^.\[]+`).FindAllString(f.From, -1) {
		if m[0] == '"' {
			_ = json.Unmarshal([]byte(m), &m)
		}
		steps = append(steps, m)
	}
	return steps
}

// twinAt follows steps through maps and slices. ok is false where a step leads into a value that has no such parts.
func twinAt(m map[string]json.RawMessage, steps []string) (raw json.RawMessage, there, ok bool) {
	if raw, there = m[steps[0]]; !there {
		return nil, false, true
	}
	for _, step := range steps[1:] {
		if string(raw) == "null" {
			return raw, true, true
		}
		if index, is := strings.CutPrefix(step, "["); is {
			var list []json.RawMessage
			n, _ := strconv.Atoi(strings.TrimSuffix(index, "]"))
			if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
				return nil, false, false
			}
			if n >= len(list) {
				return nil, false, true
			}
			raw = list[n]
			continue
		}
		var m map[string]json.RawMessage
		if raw[0] != '{' || json.Unmarshal(raw, &m) != nil {
			return nil, false, false
		}
		if raw, there = m[step]; !there {
			return nil, false, true
		}
	}
	return raw, true, true
}

var escapes = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)

// errStricter marks what encoding/json takes and we do not.
var errStricter = errors.New("stricter than encoding/json")

func twinObject(value []byte) (map[string]json.RawMessage, error) {
	if err := twinValid(value); err != nil {
		return nil, err
	}
	if bytes.TrimLeft(value, " \t\r\n")[0] != '{' {
		return nil, fmt.Errorf("not an object: %w", errStricter)
	}
	var m map[string]json.RawMessage
	return m, json.Unmarshal(value, &m)
}

// twinValid says why a value is not what this package calls JSON.
func twinValid(value []byte) error {
	if !json.Valid(value) {
		var m any
		return json.Unmarshal(value, &m)
	}
	if !utf8.Valid(value) {
		return fmt.Errorf("invalid UTF-8: %w", errStricter)
	}
	if twinDepth(value) > MaxDepth {
		return fmt.Errorf("too deep: %w", errStricter)
	}
	high := -1 // where the low half of a pair must begin
	for _, at := range escapes.FindAllSubmatchIndex(value, -1) {
		unit := int64(0)
		if word := value[at[2]:at[3]]; word[0] == 'u' && len(word) == 5 {
			unit, _ = strconv.ParseInt(string(word[1:]), 16, 32)
		}
		low := unit >= 0xdc00 && unit <= 0xdfff
		if low != (high == at[0]) || high >= 0 && high != at[0] {
			return fmt.Errorf("lone surrogate: %w", errStricter)
		}
		high = -1
		if unit >= 0xd800 && unit <= 0xdbff {
			high = at[1]
		}
	}
	if high >= 0 {
		return fmt.Errorf("lone surrogate: %w", errStricter)
	}
	return nil
}

func twinDepth(value []byte) int {
	deepest, depth := 0, 0
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	for {
		t, err := d.Token()
		if err == io.EOF {
			return deepest
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

var (
	twinInt      = regexp.MustCompile(`^-?[0-9]+$`)
	twinOfDay    = regexp.MustCompile(`^([0-9]{2}):([0-9]{2})(:([0-9]{2})(?:\.([0-9]+))?)?$`)
	twinUUID     = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	twinBareUUID = regexp.MustCompile(`^[0-9a-f]{32}$`)
	twinNum      = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
	twinTime     = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?)([Zz]|[-+]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?$`)
)

func twinValue(f Field, raw json.RawMessage) (string, bool) {
	if string(raw) == "null" {
		return "null", true
	}
	var s string
	isString := raw[0] == '"'
	if isString {
		if err := json.Unmarshal(raw, &s); err != nil {
			panic(err)
		}
	}
	switch f.Type {
	case fencepost.Text:
		return strconv.Quote(s), isString && !strings.Contains(s, "\x00")
	case fencepost.Int:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	case fencepost.Float:
		x, err := strconv.ParseFloat(string(raw), 64)
		return strconv.FormatFloat(x, 'g', -1, 64), err == nil
	case fencepost.Bool:
		return string(raw), string(raw) == "true" || string(raw) == "false"
	case fencepost.JSON:
		return string(raw), true
	case fencepost.Bytes:
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		return hex.EncodeToString(b), isString && err == nil && !strings.ContainsAny(s, "\r\n")
	case fencepost.Decimal:
		if isString {
			return twinDecimal(s)
		}
		return twinDecimal(string(raw))
	case fencepost.Timestamp:
		if isString {
			return twinTimestamp(s)
		}
		return twinEpoch(f.Unit, string(raw))
	case fencepost.Date:
		if isString {
			day, err := time.Parse(time.DateOnly, s)
			return day.Format(time.DateOnly), err == nil
		}
		us, ok := twinMicros(f.Unit, string(raw))
		day := time.UnixMicro(us).UTC()
		return day.Format(time.DateOnly), ok && day.Year() >= 0 && day.Year() <= 9999
	case fencepost.Time:
		us, ok := twinMicros(f.Unit, string(raw))
		if isString {
			us, ok = twinClock(s)
		}
		return showClock(us), ok && us >= 0 && us <= 86_400e6
	case fencepost.UUID:
		s = strings.ToLower(s)
		if twinBareUUID.MatchString(s) {
			s = s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
		}
		return s, isString && twinUUID.MatchString(s)
	}
	panic("no such type")
}

// twinClock reads a time of day by its parts.
func twinClock(s string) (us int64, ok bool) {
	m := twinOfDay.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	part := func(i int) int64 { n, _ := strconv.ParseInt("0"+m[i], 10, 64); return n }
	fraction, _ := strconv.ParseInt((m[5] + "000000")[:6], 10, 64)
	hour, minute, second := part(1), part(2), part(4)
	us = (hour*3600+minute*60+second)*1e6 + fraction
	inside := hour < 24 && second < 60
	last := hour == 24 && us == 86_400e6 && second == 0 && minute == 0
	leap := hour == 23 && minute == 59 && second == 60
	return us, minute < 60 && (inside || last || leap)
}

// showClock is microseconds since midnight as a column has them.
func showClock(us int64) string {
	s := fmt.Sprintf("%02d:%02d:%02d", us/3600e6, us/60e6%60, us/1e6%60)
	if us%1e6 != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%06d", us%1e6), "0")
	}
	return s
}

func twinTimestamp(s string) (string, bool) {
	m := twinTime.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	zone := strings.ToUpper(m[4])
	switch {
	case zone == "":
		zone = "Z"
	case len(zone) == len("+05"):
		zone += ":00"
	case len(zone) == len("+0530"):
		zone = zone[:3] + ":" + zone[3:]
	}
	clock, more := m[2], time.Duration(0)
	last, leap := strings.HasPrefix(clock, "24"), clock[6:8] == "60"
	if last {
		clock, more = "00"+clock[2:], 24*time.Hour
	}
	if leap {
		clock, more = clock[:6]+"59"+clock[8:], more+time.Second
	}
	t, err := time.Parse(time.RFC3339Nano, m[1]+"T"+clock+zone)
	us := t.Truncate(time.Microsecond).Add(more)
	switch {
	case err != nil, last && (clock[:8] != "00:00:00" || us.Nanosecond() != 0 || leap), leap && us.UTC().Format(time.TimeOnly) != "00:00:00":
		return "", false
	}
	return showMicros(us.UnixMicro()), true
}

func twinEpoch(u Unit, raw string) (string, bool) {
	us, ok := twinMicros(u, raw)
	return showMicros(us), ok
}

// twinMicros multiplies fractions, and takes the whole microseconds that lie below.
func twinMicros(u Unit, raw string) (int64, bool) {
	digits, ok := twinDecimal(raw)
	per := map[Unit]*big.Rat{Seconds: big.NewRat(1e6, 1), Millis: big.NewRat(1e3, 1), Micros: big.NewRat(1, 1), Nanos: big.NewRat(1, 1000), Days: big.NewRat(86_400e6, 1)}[u]
	if !ok || per == nil {
		return 0, false
	}
	x, _ := new(big.Rat).SetString(digits)
	if u == Days && !x.IsInt() {
		return 0, false
	}
	x.Mul(x, per)
	us := new(big.Int).Div(x.Num(), x.Denom()) // Euclidean: it rounds down, for the denominator is positive
	return us.Int64(), us.IsInt64()
}

// twinDecimal moves the point through the digits by hand and lets math/big say that the value stayed the same.
func twinDecimal(s string) (string, bool) {
	m := twinNum.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	exp := 0
	if m[3] != "" {
		e, err := strconv.Atoi(m[3][1:])
		if err != nil || e > 1e6 || e < -1e6 {
			return "", false
		}
		exp = e
	}
	digits, places := m[1], -exp
	if m[2] != "" {
		digits += m[2][1:]
		places += len(m[2]) - 1
	}
	if places < 0 {
		digits, places = digits+strings.Repeat("0", -places), 0
	}
	if len(digits) <= places {
		digits = strings.Repeat("0", places-len(digits)+1) + digits
	}
	written := len(digits)
	whole, part := digits[:len(digits)-places], digits[len(digits)-places:]
	// Zeros in front are dropped, but they count where the number was sent with them (0.5e3).
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	d := whole
	if part != "" {
		d += "." + part
	}
	if s[0] == '-' && strings.Trim(d, "0.") != "" {
		d = "-" + d
	}
	if written > MaxDigits {
		return "", false
	}
	was, _ := new(big.Rat).SetString(s)
	is, _ := new(big.Rat).SetString(d)
	if was.Cmp(is) != 0 {
		panic(fmt.Sprintf("twin: %s is not %s", d, s))
	}
	return d, true
}

func showMicros(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339Nano) }

// show is row i of a column in the words of the tests.
func show(c *fencepost.Column, i int) string {
	if c.Null(i) {
		return "null"
	}
	switch c.Type {
	case fencepost.Int:
		return strconv.FormatInt(c.Int(i), 10)
	case fencepost.Float:
		return strconv.FormatFloat(c.Float(i), 'g', -1, 64)
	case fencepost.Bool:
		return strconv.FormatBool(c.Bool(i))
	case fencepost.Timestamp:
		return showMicros(c.Micros(i))
	case fencepost.Text:
		return strconv.Quote(c.Text(i))
	case fencepost.Bytes:
		return hex.EncodeToString(c.Bytes(i))
	default:
		return c.Text(i)
	}
}

// decodeRow decodes one value as an engine would: of a bad record the begun row is dropped.
func decodeRow(d fencepost.Decoder, columns []fencepost.Column, r *fencepost.Record) ([]string, error) {
	n := columns[0].Len()
	if err := d.Decode(r, columns); err != nil {
		for k := range columns {
			columns[k].Truncate(n)
		}
		return nil, err
	}
	var row []string
	for k := range columns {
		if got := columns[k].Len(); got != n+1 {
			return nil, fmt.Errorf("column %s has %d rows, want %d", columns[k].Name, got, n+1)
		}
		row = append(row, show(&columns[k], n))
	}
	return row, nil
}

var position = regexp.MustCompile(`at byte ([0-9]+)`)

// compare holds one value's decoding to the twin's.
func compare(t *testing.T, c Config, d fencepost.Decoder, columns []fencepost.Column, value []byte) {
	t.Helper()
	if value == nil {
		value = []byte{}
	}
	want, wantErr := twin(c, value)
	got, err := decodeRow(d, columns, &fencepost.Record{Value: value})
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("value %q: got error %v, the twin says %v", value, err, wantErr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("value %q: row differs (-twin +got):\n%s", value, diff)
	}
	var b *fencepost.BadRecord
	if err != nil && (!errors.As(err, &b) || b.Code != Undecodable) {
		t.Fatalf("value %q: error %v is not a bad record", value, err)
	}
	// Where encoding/json finds bad syntax, we find it at the same byte, unless something stricter is before it.
	var syntax *json.SyntaxError
	if errors.As(wantErr, &syntax) && len(value) > 0 {
		at := int(syntax.Offset) - 1
		if strings.HasPrefix(syntax.Error(), "unexpected end") ||
			strings.HasPrefix(syntax.Error(), "invalid character ' '") && value[at] != ' ' {
			at = len(value) // encoding/json tries a space there before it reports an end
		}
		m := position.FindStringSubmatch(err.Error())
		if m == nil {
			t.Fatalf("value %q: error %q names no byte", value, err)
		}
		ours, _ := strconv.Atoi(m[1])
		stricter := strings.Contains(err.Error(), "UTF-8") || strings.Contains(err.Error(), "surrogate") ||
			strings.Contains(err.Error(), "deeper")
		if ours > at || ours < at && !stricter {
			t.Fatalf("value %q: error %q, encoding/json finds it at byte %d", value, err, at)
		}
	}
}

// everything is a schema with a column of each type, and rules by the bits of n.
func everything(n uint8) Config {
	fields := []Field{
		{Column: "i", Type: fencepost.Int},
		{Column: "f", Type: fencepost.Float},
		{Column: "s", Type: fencepost.Text},
		{Column: "b", Type: fencepost.Bool},
		{Column: "t", Type: fencepost.Timestamp, Unit: Unit(int(n) % len(units))},
		{Column: "d", Type: fencepost.Decimal},
		{Column: "j", Type: fencepost.JSON, From: "é\""},
		{Column: "x", Type: fencepost.Bytes},
		{Column: "i_as_text", Type: fencepost.Text, From: "i"},
		{Column: "date", Type: fencepost.Date, Unit: []Unit{NoUnit, Days}[n&1]},
		{Column: "time", Type: fencepost.Time, Unit: Unit(int(n) % int(Days))},
		{Column: "uuid", Type: fencepost.UUID},
	}
	defaults := []string{"7", "-1.5", `"none"`, "true", `"1999-12-31T23:59:59Z"`, `"1e3"`, `{"a":[1]}`, `"AQI="`, `"x"`, `"2024-02-29"`, `"24:00"`, `"6ba7b8109dad11d180b400c04fd430c8"`}
	rule := func(bits uint8, i int) Rule {
		switch bits & 3 {
		case 1:
			return Null()
		case 2:
			return Default(defaults[i])
		}
		return Rule{}
	}
	for i := range fields {
		fields[i].Missing, fields[i].Mismatch = rule(n, i), rule(n>>2, i)
	}
	return Config{Fields: fields, UnknownFields: UnknownFields(n >> 6 & 1)}
}
