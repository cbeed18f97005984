package decode

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
)

// What stands inside of a json column is written by these, so that one value has one form in all formats. ok: JSON, or the form, can
// say the value.

// AppendInstant appends a moment, n of a unit since 1970 UTC, as a JSON string: "2001-02-03T12:34:56.789Z". It is of the years 0000 to
// 9999, or not ok.
func AppendInstant(dst []byte, n int64, unit Unit) (_ []byte, ok bool) {
	if !InCalendar(n, unit) {
		return dst, false
	}
	us, _ := unit.micros(n)
	return append(appendInstant(append(dst, '"'), us), '"'), true
}

// InCalendar reports whether a moment, n of a unit since 1970 UTC, is of the years 0000 to 9999.
func InCalendar(n int64, unit Unit) bool {
	us, ok := unit.micros(n)
	return ok && us >= firstDay*microsPerDay && us < (lastDay+1)*microsPerDay
}

// AppendDay appends a day, n days since 1970, as a JSON string: "2001-02-03". It is of the years 0000 to 9999, or not ok.
func AppendDay(dst []byte, n int64) (_ []byte, ok bool) {
	if n < firstDay || n > lastDay {
		return dst, false
	}
	return append(appendDay(append(dst, '"'), n), '"'), true
}

// AppendClock appends a time of day, n of a unit since midnight, as a JSON string: "12:34:56". It is at most 24:00:00, or not ok.
func AppendClock(dst []byte, n int64, unit Unit) (_ []byte, ok bool) {
	us, ok := unit.micros(n)
	if !ok || us < 0 || us > microsPerDay {
		return dst, false
	}
	return append(appendClock(append(dst, '"'), us), '"'), true
}

// AppendUUID appends the 16 bytes of a UUID as a JSON string.
func AppendUUID(dst []byte, id [16]byte) []byte {
	return append(appendUUID(append(dst, '"'), id), '"')
}

// AppendFloat appends the fewest digits that give a number of 32 or 64 bits back. NaN and the infinities are not ok.
func AppendFloat(dst []byte, x float64, bits int) (_ []byte, ok bool) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return dst, false
	}
	return strconv.AppendFloat(dst, x, 'g', -1, bits), true
}

// AppendRaw appends bytes as a JSON string of standard base64.
func AppendRaw(dst, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

// AppendQuoted appends a text as a JSON string. REQUIRES: it is valid UTF-8.
func AppendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, b := range text {
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = hex.AppendEncode(append(dst, `\u00`...), []byte{b})
		}
		from = i + 1
	}
	return append(append(dst, text[from:]...), '"')
}
