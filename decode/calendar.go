package decode

import (
	"bytes"
	"encoding/hex"
	"time"

	"github.com/fencepost/fencepost"
)

const (
	firstDay = -719_528  // 0000-01-01, in days since 1970
	lastDay  = 2_932_896 // 9999-12-31
)

// appendDate takes a day of ISO 8601, 2001-02-03, or with a unit the number of days since 1970.
func (f *Field) appendDate(c *fencepost.Column, raw []byte, t *token, scratch []byte) ([]byte, bool) {
	if t.isNumber() {
		us, scratch, ok := f.count(raw, t, scratch)
		day := us / microsPerDay
		if !ok || day < firstDay || day > lastDay {
			return scratch, false
		}
		c.Extend(func(data []byte) []byte { return appendDay(data, day) })
		return scratch, true
	}
	text, scratch, ok := t.text(raw, scratch)
	if !ok || !isDate(text) {
		return scratch, false
	}
	c.AppendBytes(text)
	return scratch, true
}

// appendTime takes a time of day of ISO 8601, 12:34 or 12:34:56.789, or with a unit the time since midnight.
func (f *Field) appendTime(c *fencepost.Column, raw []byte, t *token, scratch []byte) ([]byte, bool) {
	us, scratch, ok := f.micros(raw, t, scratch, parseTime)
	if !ok || us < 0 || us > microsPerDay {
		return scratch, false
	}
	c.Extend(func(data []byte) []byte { return appendClock(data, us) })
	return scratch, true
}

// micros is a number of the field's unit, or a text that parse reads, in microseconds.
func (f *Field) micros(raw []byte, t *token, scratch []byte, parse func([]byte) (int64, bool)) (us int64, _ []byte, ok bool) {
	if t.isNumber() {
		return f.count(raw, t, scratch)
	}
	text, scratch, ok := t.text(raw, scratch)
	if ok {
		us, ok = parse(text)
	}
	return us, scratch, ok
}

// count is a number of the field's unit in microseconds.
func (f *Field) count(raw []byte, t *token, scratch []byte) (us int64, _ []byte, ok bool) {
	if n, ok := t.int64(raw); ok {
		us, ok = f.Unit.micros(n)
		return us, scratch, ok
	}
	scratch, ok = appendDecimal(scratch[:0], raw)
	if !ok {
		return 0, scratch[:0], false
	}
	us, ok = f.Unit.decimalMicros(scratch)
	return us, scratch, ok
}

// parseTime reads a time of day as microseconds since midnight. It has no zone: what one would mean depends on the day.
func parseTime(text []byte) (us int64, ok bool) {
	if len(text) == len("12:34") {
		text = append(bytes.Clone(text), ":00"...)
	}
	us, zone, ok := parseTimestamp(append([]byte("1970-01-01T"), text...))
	return us, ok && !zone
}

// appendClock appends microseconds since midnight as 12:34:56, with the digits of a fraction that it needs.
func appendClock(dst []byte, us int64) []byte {
	digits := func(n, width int64) {
		for width /= 10; width > 0; width /= 10 {
			dst = append(dst, byte('0'+n/width%10))
		}
	}
	s := us / 1_000_000
	digits(s/3600, 100)
	dst = append(dst, ':')
	digits(s/60%60, 100)
	dst = append(dst, ':')
	digits(s%60, 100)
	if us%1_000_000 == 0 {
		return dst
	}
	dst = append(dst, '.')
	digits(us%1_000_000, 1_000_000)
	return bytes.TrimRight(dst, "0")
}

// appendUUID takes 32 hexadecimal digits, in five groups or in one, of either case (RFC 9562, section 4).
func (f *Field) appendUUID(c *fencepost.Column, raw []byte, t *token, scratch []byte) ([]byte, bool) {
	text, scratch, ok := t.text(raw, scratch)
	if !ok {
		return scratch, false
	}
	var id [16]byte
	if digits := ungrouped(text); len(digits) != 2*len(id) {
		return scratch, false
	} else if _, err := hex.Decode(id[:], digits); err != nil {
		return scratch, false
	}
	c.Extend(func(data []byte) []byte { return appendUUID(data, id) })
	return scratch, true
}

// appendUUID appends the 36 characters of a UUID.
func appendUUID(dst []byte, id [16]byte) []byte {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, []byte{b})
	}
	return dst
}

// appendDay appends a day since 1970 as 2001-02-03. REQUIRES: it is of the years 0000 to 9999.
func appendDay(dst []byte, day int64) []byte {
	return time.Unix(day*86_400, 0).UTC().AppendFormat(dst, time.DateOnly)
}

// appendInstant appends microseconds since 1970 as 2001-02-03T12:34:56.789Z. REQUIRES: they are of the years 0000 to 9999.
func appendInstant(dst []byte, us int64) []byte {
	return time.UnixMicro(us).UTC().AppendFormat(dst, time.RFC3339Nano)
}

// ungrouped is the digits of a UUID in groups without its hyphens, and any other text as it is.
func ungrouped(text []byte) []byte {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return text
	}
	return bytes.Join([][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]}, nil)
}
