package postgres

import "encoding/binary"

// The binary form of numeric (numeric_recv in the server's numeric.c), big-endian int16s:
//
//	ndigits  weight  sign  dscale  digit...
//
// Each digit is 0..9999. The first one counts 10000^weight. dscale is how many decimal places are shown.
//
//	-12.50   =  2  0  0x4000  2   12 5000
const (
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericPlusInf  = 0xD000
	numericMinusInf = 0xF000

	maxDisplayScale = 16383  // NUMERIC_MAX_DISPLAY_SCALE
	maxIntDigits    = 131072 // what Postgres documents before the point
)

// decimal is a decimal text taken apart: the digits of integer and fraction, the place of the point among them.
//
//	-12.50   negative, digits "12", "50", point 2, scale 2
//	1.5e3    digits "1", "5", point 4, scale 0
type decimal struct {
	negative    bool
	whole, rest []byte
	point       int
	scale       int
}

// at is digit i of whole and rest together, 0 outside.
func (d *decimal) at(i int) int {
	switch {
	case i < 0 || i >= len(d.whole)+len(d.rest):
		return 0
	case i < len(d.whole):
		return int(d.whole[i] - '0')
	}
	return int(d.rest[i-len(d.whole)] - '0')
}

// parseDecimal reads [+-]digits[.digits][e[+-]digits], with at least one digit before the exponent.
func parseDecimal(s []byte) (d decimal, ok bool) {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	d.whole, s = digits(s)
	if len(s) > 0 && s[0] == '.' {
		d.rest, s = digits(s[1:])
	}
	if len(d.whole)+len(d.rest) == 0 {
		return d, false
	}
	exponent := 0
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		if exponent, ok = parseExponent(s[1:]); !ok {
			return d, false
		}
		s = nil
	}
	d.point = len(d.whole) + exponent
	d.scale = max(0, len(d.rest)-exponent)
	return d, len(s) == 0
}

// digits splits the leading digits off.
func digits(s []byte) (head, tail []byte) {
	i := 0
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return s[:i], s[i:]
}

// parseExponent reads an exponent, held at a million: what is beyond is out of any range.
func parseExponent(s []byte) (n int, ok bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	if len(s) == 0 {
		return 0, false
	}
	for _, c := range s {
		if c-'0' > 9 {
			return 0, false
		}
		n = min(n*10+int(c-'0'), 1_000_000)
	}
	if negative {
		n = -n
	}
	return n, true
}

// appendDecimal appends the numeric of a decimal text, with its length before it. An empty reason is success.
func appendDecimal(b, text []byte) (_ []byte, reason string) {
	d, ok := parseDecimal(text)
	if !ok {
		return b, "is no decimal number"
	}
	first, last := 0, len(d.whole)+len(d.rest) // significant digits [first, last)
	for first < last && d.at(first) == 0 {
		first++
	}
	for last > first && d.at(last-1) == 0 {
		last--
	}
	if d.scale > maxDisplayScale || d.point-first > maxIntDigits && first < last {
		return b, "is out of range for numeric"
	}
	if first == last {
		return appendNumericHead(b, 0, 0, 0, d.scale), ""
	}
	// Groups of four digits are counted from the point: group g covers 10000^g.
	top := floorDiv(d.point-first-1, 4)
	bottom := floorDiv(d.point-last, 4)
	sign := 0
	if d.negative {
		sign = numericNegative
	}
	b = appendNumericHead(b, top-bottom+1, top, sign, d.scale)
	for g := top; g >= bottom; g-- {
		i := d.point - 4*g - 4
		b = binary.BigEndian.AppendUint16(b, uint16(1000*d.at(i)+100*d.at(i+1)+10*d.at(i+2)+d.at(i+3)))
	}
	return b, ""
}

// appendNumericHead appends the length of the value and the header before its digits.
func appendNumericHead(b []byte, n, weight, sign, scale int) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(8+2*n))
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = binary.BigEndian.AppendUint16(b, uint16(weight))
	b = binary.BigEndian.AppendUint16(b, uint16(sign))
	return binary.BigEndian.AppendUint16(b, uint16(scale))
}

// floorDiv divides towards minus infinity.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
