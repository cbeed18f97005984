package decode

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// notJSON says where a value stops being JSON, and shows the place.
func (s *scanner) notJSON(v []byte, at int) error {
	why := ""
	switch s.flaw {
	case flawUTF8:
		why = "invalid UTF-8: "
	case flawSurrogate:
		why = "half of a surrogate pair: "
	case flawDepth:
		return bad("value is nested deeper than %d, at byte %d", MaxDepth, at)
	case flawSyntax:
	}
	switch {
	case len(v) == 0:
		return bad("value is not JSON at byte 0: it is empty")
	case at == len(v):
		return bad("value is not JSON at byte %d: it ends there", at)
	case at == 0 && v[0] == 0 && len(v) > 5:
		return bad("value is not JSON at byte 0: it begins with a zero byte, as records of a schema registry do")
	}
	return bad("value is not JSON at byte %d: %s%s", at, why, excerpt(v, begins(v, at), ends(v, at)))
}

// begins finds where the item around byte at begins, if that is near.
func begins(v []byte, at int) int {
	for i := at - 1; i >= max(at-32, 0); i-- {
		if v[i] == ',' || v[i] == '{' || v[i] == '[' {
			return space(v, i+1)
		}
	}
	return max(at-12, 0)
}

// ends finds where the item around byte at ends, if that is near.
func ends(v []byte, at int) int {
	for i := at + 1; i < min(at+12, len(v)); i++ {
		if v[i] == ',' || v[i] == '}' || v[i] == ']' {
			return i
		}
	}
	return min(at+12, len(v))
}

// excerpt is v[lo:hi] for people: what cannot be shown is escaped.
func excerpt(v []byte, lo, hi int) string {
	var s []byte
	for i := lo; i < min(hi, len(v)); {
		r, n := utf8.DecodeRune(v[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			s = fmt.Appendf(s, `\x%02x`, v[i])
		case !unicode.IsPrint(r):
			s = append(s, strconv.Quote(string(r))[1:]...)
			s = s[:len(s)-1]
		default:
			s = append(s, v[i:i+n]...)
		}
		i += n
	}
	return string(s)
}

// notObject says what a value is that does not begin as an object.
func (p *projector) notObject(v []byte) error {
	var t token
	if i := p.scan.whole(v, &t); i < 0 {
		return p.scan.notJSON(v, ^i)
	}
	return bad("value is %s, not an object", kinds[t.kind])
}

// strangeField names the unknown field that makes a record bad.
func (p *projector) strangeField() error {
	if p.strange == begin {
		return bad("record has a field that the schema does not know, beside %d others", maxNames)
	}
	for n, id := range p.byName {
		if id == p.strange {
			return bad("field %s is not in the schema", excerpt([]byte(n), 0, len(n)))
		}
	}
	return bad("record has a field that the schema does not know")
}

// parts says what keeps a number from being an integer.
func parts(num []byte) string {
	fraction, exponent := bytes.IndexByte(num, '.') >= 0, bytes.ContainsAny(num, "eE")
	switch {
	case fraction && exponent:
		return "a fraction and an exponent"
	case fraction:
		return "a fraction"
	}
	return "an exponent"
}

// notWhole reports whether a number that decimals can hold has a fraction, its exponent counted.
func notWhole(num []byte) bool {
	digits, ok := appendDecimal(nil, num)
	_, fraction, _ := bytes.Cut(digits, []byte{'.'})
	return ok && len(bytes.Trim(fraction, "0")) > 0
}

// isDate reports whether a text is a date and nothing else.
func isDate(text []byte) bool {
	_, _, ok := parseTimestamp(append(bytes.Clone(text), "T00:00:00"...))
	return ok && len(text) == len("2001-01-01")
}

// misfit says why a value does not fit its column.
func (f *Field) misfit(v []byte, t *token) string {
	lo, hi := t.lo, t.hi
	if t.kind == plain || t.kind == escaped {
		lo, hi = lo-1, hi+1
	}
	shown := excerpt(v, lo, min(hi, lo+40))
	if hi > lo+40 {
		shown += "..."
	}
	is := func(why string) string { return fmt.Sprintf("%s does not fit %s: %s", shown, f.Type, why) }
	isString := t.kind == plain || t.kind == escaped
	isNumber := t.isNumber()
	switch {
	case f.Type == fencepost.Text && isString:
		return is(`it holds \u0000`)
	case f.Type == fencepost.Int && t.kind == integer:
		return is("it is beyond 64 bits")
	case f.Type == fencepost.Int && t.kind == number:
		return is("it has " + parts(v[lo:hi]))
	case f.Type == fencepost.Float && isNumber:
		return is("it is beyond a float64")
	case f.Type == fencepost.Timestamp && isString && isDate(v[t.lo:t.hi]):
		return is("it is a date without a time of day")
	case f.Type == fencepost.Timestamp && isString:
		return is("it is not in the form 2001-01-01T00:01:00Z (RFC 3339; without a zone it is UTC)")
	case f.Type == fencepost.Timestamp && isNumber && f.Unit == NoUnit:
		last := len(units) - 1
		return is("a number needs a unit: " + strings.Join(units[1:last], ", ") + " or " + units[last])
	case f.Type == fencepost.Timestamp && t.kind == number && f.Unit == Days && notWhole(v[lo:hi]):
		return is("it has a fraction")
	case f.Type == fencepost.Timestamp && isNumber:
		return is("it overflows as " + f.Unit.String())
	case f.Type == fencepost.Decimal && isNumber:
		return is(fmt.Sprintf("it has more than %d digits", MaxDigits))
	case f.Type == fencepost.Decimal && isString && f.Encoding == NumberOnly:
		return is("a string may be base64 or digits: scale: N, or scale: text")
	case f.Type == fencepost.Decimal && isString && f.Encoding == Unscaled:
		return is(fmt.Sprintf("it is not the base64 of an integer of at most %d digits", MaxDigits))
	case f.Type == fencepost.Decimal && isString:
		return is(fmt.Sprintf("it is not a number of at most %d digits", MaxDigits))
	case f.Type == fencepost.Date && isNumber && f.Unit == NoUnit:
		return is("a number needs unit: days")
	case f.Type == fencepost.Date && isNumber:
		return is("it is no whole day of the years 0000 to 9999")
	case f.Type == fencepost.Date && isString:
		return is("it is no day in the form 2001-02-03")
	case f.Type == fencepost.Time && isNumber && f.Unit == NoUnit:
		return is("a number needs a unit: s, ms, us or ns since midnight")
	case f.Type == fencepost.Time && isNumber:
		return is("it is not between midnight and the next")
	case f.Type == fencepost.Time && isString:
		return is("it is no time of day in the form 12:34:56 or 12:34:56.789")
	case f.Type == fencepost.UUID && isString:
		return is("it is no UUID in the form 6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	case f.Type == fencepost.JSON && isString:
		return is("its text is not JSON")
	case f.Type == fencepost.Bytes && isString:
		return is("it is not base64")
	}
	return is("it is " + kinds[t.kind])
}

// astray says why a path ends before its column's value.
func (p *projector) astray(t *token) string {
	return fmt.Sprintf("%s is %s, where the path goes on", p.parts[t.lo].path, kinds[t.num])
}
