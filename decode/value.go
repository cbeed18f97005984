package decode

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unsafe"

	"github.com/fencepost/fencepost"
)

// text is the text of a string, unescaped into scratch where that is needed; ok is false for other values.
func (t *token) text(raw, scratch []byte) (text, _ []byte, ok bool) {
	switch t.kind {
	case plain:
		return raw, scratch, true
	case escaped:
		scratch = unescape(scratch[:0], raw)
		return scratch, scratch, true
	}
	return nil, scratch, false
}

func (f *Field) appendString(c *fencepost.Column, raw []byte, t *token, scratch []byte) ([]byte, bool) {
	text, scratch, ok := t.text(raw, scratch)
	if !ok || t.kind == escaped && bytes.IndexByte(text, 0) >= 0 {
		return scratch, false
	}
	c.AppendBytes(text)
	return scratch, true
}

func (f *Field) appendTimestamp(c *fencepost.Column, raw []byte, t *token, scratch []byte) ([]byte, bool) {
	us, scratch, ok := f.micros(raw, t, scratch, func(text []byte) (us int64, ok bool) {
		us, _, ok = parseTimestamp(text)
		return us, ok
	})
	if ok {
		c.AppendInt(us)
	}
	return scratch, ok
}

// appendDecimal takes a number, or what the field's Encoding says besides.
func (f *Field) appendDecimal(c *fencepost.Column, raw []byte, t *token, scratch []byte) ([]byte, bool) {
	text, scratch, isString := t.text(raw, scratch)
	switch {
	case f.Encoding == Unscaled && isString:
		return appendBase64Decimal(c, text, f.Scale, scratch)
	case f.Encoding == Unscaled && t.kind == object:
		return appendVariableScale(c, raw, scratch)
	case isString && f.Encoding == NumberOnly:
		return scratch, false
	case isString:
		var inner token
		if end := new(scanner).value(text, 0, 0, &inner); end != len(text) {
			return scratch, false
		}
		// The token is the string's now. Its text may be in scratch, so the digits go behind it.
		t, raw = &inner, text
	}
	switch t.kind {
	case short, integer, number:
	default:
		return scratch, false
	}
	at := len(scratch)
	scratch, ok := appendDecimal(scratch, raw)
	if ok {
		c.AppendBytes(scratch[at:])
	}
	return scratch[:0], ok
}

// appendEmbedded takes the JSON that is a text.
func (f *Field) appendEmbedded(c *fencepost.Column, text []byte) bool {
	var t token
	switch {
	case new(scanner).whole(text, &t) >= 0:
		c.AppendBytes(text)
	case f.Placeholder != "" && string(text) == f.Placeholder:
		c.Extend(func(data []byte) []byte { return AppendQuoted(data, text) })
	default:
		return false
	}
	return true
}

// appendBase64 takes what encoding/json writes of a []byte. Line breaks, which that reader passes over, do not fit,
// nor do bits that decoding would drop.
func (f *Field) appendBase64(c *fencepost.Column, raw []byte, t *token, scratch []byte) ([]byte, bool) {
	text, scratch, ok := t.text(raw, scratch)
	if !ok || bytes.ContainsAny(text, "\r\n") {
		return scratch, false
	}
	at := len(scratch)
	scratch, err := base64.StdEncoding.Strict().AppendDecode(scratch, text)
	if err == nil {
		c.AppendBytes(scratch[at:])
	}
	return scratch[:0], err == nil
}

func parseInt(b []byte) (int64, bool) {
	n, err := strconv.ParseInt(unsafe.String(unsafe.SliceData(b), len(b)), 10, 64)
	return n, err == nil
}

func parseFloat(b []byte) (float64, bool) {
	x, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	return x, err == nil
}

// tens are the powers of ten that a short decimal is divided by; each is exact.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// fastFloat reads 12.50: at most 15 digits, without sign or exponent. Digits and power of ten are exact then, and one
// division of exact numbers is rounded once, so the result is the nearest float64 (Clinger 1990).
func fastFloat(num []byte) (float64, bool) {
	if len(num) > 16 { // the point is one of them
		return 0, false
	}
	n, point := int64(0), -1
	for i, c := range num {
		if c == '.' {
			point = i
			continue
		}
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if point < 0 {
		return 0, false
	}
	return float64(n) / tens[len(num)-1-point], true
}
