package decode

import "bytes"

// MaxDigits is how many digits a decimal may have once its exponent is written out: 1e999999999 is ten bytes on the
// wire and would be a gigabyte in the batch.
const MaxDigits = 1000

// appendDecimal appends a JSON number as decimal digits: the sign, the digits with their trailing zeros as sent, no
// exponent, no minus before a zero. ok is false if it would be longer than MaxDigits.
//
//	12.50 -> 12.50    1.25e3 -> 1250    5e-3 -> 0.005    -0.0 -> 0.0
func appendDecimal(dst, num []byte) (_ []byte, ok bool) {
	if num[0] != '-' && len(num) <= MaxDigits && bytes.IndexByte(num, 'e') < 0 && bytes.IndexByte(num, 'E') < 0 {
		return append(dst, num...), true // already so
	}
	negative := num[0] == '-'
	if negative {
		num = num[1:]
	}
	mantissa, exp := num, 0
	if e := bytes.IndexAny(num, "eE"); e >= 0 {
		mantissa, exp = num[:e], exponent(num[e+1:])
	}
	whole, part, _ := bytes.Cut(mantissa, []byte{'.'})
	point := len(whole) + exp // digits before the point, negative for zeros behind it
	digits := len(whole) + len(part)
	if max(point, 1)+max(digits-point, 0) > MaxDigits {
		return dst, false
	}
	if negative && len(bytes.Trim(mantissa, "0.")) > 0 {
		dst = append(dst, '-')
	}
	at := func(i int) byte { // digit i of whole and part, zeros beside them
		switch {
		case i < 0 || i >= digits:
			return '0'
		case i < len(whole):
			return whole[i]
		}
		return part[i-len(whole)]
	}
	first := 0
	for first < point-1 && at(first) == '0' {
		first++
	}
	if point <= 0 {
		dst = append(dst, '0')
	}
	for i := first; i < point; i++ {
		dst = append(dst, at(i))
	}
	if digits > point {
		dst = append(dst, '.')
		for i := point; i < digits; i++ {
			dst = append(dst, at(i))
		}
	}
	return dst, true
}

// exponent reads an exponent; one past any use is cut to a size that adds without overflow.
func exponent(b []byte) int {
	negative := b[0] == '-'
	if negative || b[0] == '+' {
		b = b[1:]
	}
	n := 0
	for _, c := range b {
		n = min(n*10+int(c-'0'), 1<<24)
	}
	if negative {
		return -n
	}
	return n
}
