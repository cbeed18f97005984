package decode

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
)

// maxUnscaled is how many bytes an unscaled number may have: about twice MaxDigits, since Debezium writes 12300 of a numeric(5,-2) with
// 2,046 zeros behind the point.
const maxUnscaled = 1024

// AppendTwosComplement appends the decimal digits of a big-endian two's complement number, as Avro, Kafka Connect and Java's BigInteger
// have it, divided by 10^scale. No bytes are 0, and more bytes of sign than a number needs do not change it. A scale below zero
// multiplies. Where the number would have more than MaxDigits, zeros at the end of its fraction are dropped; ok: it fits then.
//
//	04d2, scale 2 -> 12.34    ff80, scale 2 -> -1.28    05, scale -2 -> 500
func AppendTwosComplement(dst, b []byte, scale int) (_ []byte, ok bool) {
	b = unsigned(b)
	if len(b) > maxUnscaled || scale < -MaxDigits || scale > 3*maxUnscaled {
		return dst, false
	}
	if len(b) <= 8 {
		n := int64(0)
		if len(b) > 0 {
			n = int64(int8(b[0]))
			for _, c := range b[1:] {
				n = n<<8 | int64(c)
			}
		}
		var digits [20]byte
		if n < 0 {
			return appendScaled(dst, strconv.AppendUint(digits[:0], -uint64(n), 10), true, scale)
		}
		return appendScaled(dst, strconv.AppendUint(digits[:0], uint64(n), 10), false, scale)
	}
	var digits [maxUnscaled*2 + 512]byte // a byte has at most 2.41 digits
	return appendScaled(dst, magnitude(digits[:0], b), b[0] >= 0x80, scale)
}

// unsigned is a number without the bytes that only repeat its sign.
func unsigned(b []byte) []byte {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

// magnitude appends the digits of a number without its sign.
func magnitude(dst, b []byte) []byte {
	const chunk, places = 10_000_000_000_000_000_000, 19 // the largest power of ten in 64 bits
	var store [maxUnscaled / 8]uint64
	limbs := store[:(len(b)+7)/8] // the highest first
	fill, carry := uint64(0), uint64(0)
	if b[0] >= 0x80 {
		fill, carry = ^fill, 1
	}
	for i := len(limbs) - 1; i >= 0; i-- {
		var word [8]byte
		binary.BigEndian.PutUint64(word[:], fill)
		n := min(len(b), 8)
		copy(word[8-n:], b[len(b)-n:])
		b = b[:len(b)-n]
		limbs[i], carry = bits.Add64(binary.BigEndian.Uint64(word[:])^fill, 0, carry)
	}
	var chunks [maxUnscaled*2/places + 32]uint64
	k := 0
	for len(limbs) > 0 {
		rest := uint64(0)
		for i := range limbs {
			limbs[i], rest = bits.Div64(rest, limbs[i], chunk)
		}
		chunks[k] = rest
		k++
		for len(limbs) > 0 && limbs[0] == 0 {
			limbs = limbs[1:]
		}
	}
	dst = strconv.AppendUint(dst, chunks[k-1], 10)
	for k -= 2; k >= 0; k-- {
		var word [places + 1]byte
		digits := strconv.AppendUint(word[:0], chunks[k], 10)
		dst = append(append(dst, "0000000000000000000"[len(digits):]...), digits...)
	}
	return dst
}

// appendScaled appends digits with the point before the last scale of them.
func appendScaled(dst, digits []byte, negative bool, scale int) (_ []byte, ok bool) {
	whole, fraction := digits, []byte(nil)
	lead := 0 // zeros between the point and the first digit
	if scale > 0 {
		cut := max(len(digits)-scale, 0)
		whole, fraction, lead = digits[:cut], digits[cut:], max(scale-len(digits), 0)
	}
	if max(len(whole), 1)+max(-scale, 0)+lead+len(fraction) > MaxDigits {
		if fraction = bytes.TrimRight(fraction, "0"); len(fraction) == 0 {
			lead = 0
		}
		if max(len(whole), 1)+max(-scale, 0)+lead+len(fraction) > MaxDigits {
			return dst, false
		}
	}
	if negative {
		dst = append(dst, '-')
	}
	if len(whole) == 0 {
		whole = zero
	}
	dst = append(dst, whole...)
	for range -scale {
		if whole[0] != '0' {
			dst = append(dst, '0')
		}
	}
	if lead+len(fraction) == 0 {
		return dst, true
	}
	dst = append(dst, '.')
	for range lead {
		dst = append(dst, '0')
	}
	return append(dst, fraction...), true
}

var zero = []byte{'0'}
