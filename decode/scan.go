package decode

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may be nested, the outermost counted. SQLite stops there too.
const MaxDepth = 1000

// kind says what JSON value a token is.
type kind uint8

const (
	absent  kind = iota
	null         //
	yes          // true
	no           // false
	short        // an integer of at most 18 digits: its value is in token.num
	integer      // a longer integer
	number       // a number with a fraction or an exponent
	plain        // a string without escapes
	escaped      // a string with escapes
	object       //
	array        //
	astray       // none of a record: the path goes on where there is no such part. lo is the part, num the kind that is there
)

// kinds are the words for people.
var kinds = [...]string{"absent", "null", "true", "false", "an integer", "an integer", "a number", "a string",
	"a string", "an object", "an array"}

// token is the place of a value in the record.
type token struct {
	kind   kind
	lo, hi int   // [lo, hi): the value; of a string without its quotes
	num    int64 // short only
}

// scanner validates JSON and finds tokens. Its functions take the text and an index, and return the index behind
// what they read, or ^index of the first byte that cannot be: the index stays in a register, and the sign is the
// only check on the way. Why it cannot be is left in flaw.
type scanner struct {
	flaw  flaw
	stack [(MaxDepth + 63) / 64]uint64 // a bit per level: set for an object
}

// flaw is why a text is not JSON.
type flaw uint8

const (
	flawSyntax flaw = iota
	flawUTF8
	flawSurrogate
	flawDepth
)

// stop leaves a flaw and returns the text for it.
func (s *scanner) stop(f flaw, i int) int {
	s.flaw = f
	return ^i
}

// space skips white space.
func space(v []byte, i int) int {
	for i < len(v) && v[i] <= ' ' && (v[i] == ' ' || v[i] == '\n' || v[i] == '\t' || v[i] == '\r') {
		i++
	}
	return i
}

// whole reads a text that is one value and nothing else.
func (s *scanner) whole(v []byte, t *token) int {
	i := s.value(v, space(v, 0), 0, t)
	if i < 0 {
		return i
	}
	if i = space(v, i); i < len(v) {
		return s.stop(flawSyntax, i)
	}
	return i
}

// value reads the value that begins at i, inside of depth objects and arrays.
func (s *scanner) value(v []byte, i, depth int, t *token) int {
	if i >= len(v) {
		return s.stop(flawSyntax, len(v))
	}
	switch v[i] {
	case '"':
		end, k := s.text(v, i+1)
		if end < 0 {
			return end
		}
		t.kind, t.lo, t.hi = k, i+1, end
		return end + 1
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(v, i, t)
	case 't':
		return s.literal(v, i, "true", yes, t)
	case 'f':
		return s.literal(v, i, "false", no, t)
	case 'n':
		return s.literal(v, i, "null", null, t)
	case '{', '[':
		return s.nested(v, i, depth, t)
	}
	return s.stop(flawSyntax, i)
}

// literal reads one of the three words.
func (s *scanner) literal(v []byte, i int, word string, k kind, t *token) int {
	end := i + len(word)
	if end <= len(v) && string(v[i:end]) == word {
		t.kind, t.lo, t.hi = k, i, end
		return end
	}
	for j := range len(word) {
		if i+j >= len(v) || v[i+j] != word[j] {
			return s.stop(flawSyntax, i+j)
		}
	}
	return end
}

// number reads a number and, of an integer that surely fits, its value on the way.
func (s *scanner) number(v []byte, i int, t *token) int {
	lo := i
	if v[i] == '-' {
		i++
	}
	first, n := i, int64(0)
	for i < len(v) {
		c := v[i] - '0'
		if c > 9 {
			break
		}
		n = n*10 + int64(c)
		i++
	}
	digits := i - first
	switch {
	case digits == 0:
		return s.stop(flawSyntax, i)
	case digits > 1 && v[first] == '0':
		return s.stop(flawSyntax, first+1)
	}
	if i < len(v) && (v[i] == '.' || v[i]|0x20 == 'e') {
		t.kind, t.lo = number, lo
		i = s.fraction(v, i)
		t.hi = i
		return i
	}
	if first > lo {
		n = -n
	}
	t.kind, t.lo, t.hi, t.num = short, lo, i, n
	if digits > 18 {
		t.kind = integer
	}
	return i
}

// fraction reads what may follow the integer part of a number.
func (s *scanner) fraction(v []byte, i int) int {
	if v[i] == '.' {
		if i = s.digits(v, i+1); i < 0 {
			return i
		}
	}
	if i < len(v) && v[i]|0x20 == 'e' {
		i++
		if i < len(v) && (v[i] == '+' || v[i] == '-') {
			i++
		}
		return s.digits(v, i)
	}
	return i
}

// digits reads one digit or more.
func (s *scanner) digits(v []byte, i int) int {
	first := i
	for i < len(v) && v[i]-'0' <= 9 {
		i++
	}
	if i == first {
		return s.stop(flawSyntax, i)
	}
	return i
}

// Eight bytes at once: a byte of mask(x) is 0x80 where the byte of x ends the plain part of a string. The bytes
// after the first such byte may be wrong (a borrow), the first itself never is.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

func mask(x uint64) uint64 {
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return ((x-ones*' ')&^x | (quote-ones)&^quote | (slash-ones)&^slash | x) & highs
}

// text reads a string whose opening quote is before i, and returns the index of its closing quote.
func (s *scanner) text(v []byte, i int) (int, kind) {
	k := plain
	for {
		for i+8 <= len(v) {
			m := mask(binary.LittleEndian.Uint64(v[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(v) && v[i] >= ' ' && v[i] < utf8.RuneSelf && v[i] != '"' && v[i] != '\\' {
			i++
		}
		switch {
		case i >= len(v):
			return s.stop(flawSyntax, len(v)), k
		case v[i] == '"':
			return i, k
		case v[i] == '\\':
			k = escaped
			i = s.escape(v, i)
		case v[i] >= utf8.RuneSelf:
			i = s.runes(v, i)
		default: // a control character
			i = s.stop(flawSyntax, i)
		}
		if i < 0 {
			return i, k
		}
	}
}

// runes reads characters beyond ASCII.
func (s *scanner) runes(v []byte, i int) int {
	for i < len(v) && v[i] >= utf8.RuneSelf {
		_, n := utf8.DecodeRune(v[i:])
		if n == 1 {
			return s.stop(flawUTF8, i)
		}
		i += n
	}
	return i
}

// escape reads an escape, both halves of a surrogate pair at once.
func (s *scanner) escape(v []byte, i int) int {
	if i+1 >= len(v) {
		return s.stop(flawSyntax, len(v))
	}
	switch v[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return s.stop(flawSyntax, i+1)
	}
	r, end := s.hex(v, i+2)
	switch {
	case end < 0 || r&0xf800 != 0xd800:
		return end
	case r >= 0xdc00:
		return s.stop(flawSurrogate, i)
	}
	if end+1 < len(v) && v[end] == '\\' && v[end+1] == 'u' {
		low, after := s.hex(v, end+2)
		if after < 0 || low&0xfc00 == 0xdc00 {
			return after
		}
	}
	return s.stop(flawSurrogate, i)
}

// hex reads four hexadecimal digits.
func (s *scanner) hex(v []byte, i int) (rune, int) {
	r := rune(0)
	for range 4 {
		if i >= len(v) {
			return 0, s.stop(flawSyntax, len(v))
		}
		d := unhex(v[i])
		if d < 0 {
			return 0, s.stop(flawSyntax, i)
		}
		r = r<<4 | d
		i++
	}
	return r, i
}

// unhex is the value of a hexadecimal digit, -1 for any other byte.
func unhex(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return -1
}

// nested reads an object or an array without recursion: how deep a record is must not decide how big a stack gets.
func (s *scanner) nested(v []byte, i, outer int, t *token) int {
	lo, k := i, array
	if v[i] == '{' {
		k = object
	}
	depth := outer
	for {
		// A value is due at i.
		if i < len(v) && (v[i] == '{' || v[i] == '[') {
			if depth == MaxDepth {
				return s.stop(flawDepth, i)
			}
			s.push(depth, v[i] == '{')
			depth++
			open := v[i]
			i = space(v, i+1)
			if i >= len(v) || v[i] != open+2 { // '{'+2 is '}', '['+2 is ']'
				if i = s.item(v, i, depth); i < 0 {
					return i
				}
				continue
			}
			depth--
			i++
		} else if i = s.value(v, i, depth, t); i < 0 {
			return i
		}
		// A value ends at i: close what ends with it, or go on to the next.
		if i, depth = s.close(v, i, depth, outer); i < 0 {
			return i
		}
		if depth == outer {
			t.kind, t.lo, t.hi = k, lo, i
			return i
		}
		if i = s.item(v, space(v, i+1), depth); i < 0 {
			return i
		}
	}
}

// close reads the closing brackets behind a value, up to the comma before the next one (whose index it returns) or
// the end of level outer.
func (s *scanner) close(v []byte, i, depth, outer int) (int, int) {
	for depth > outer {
		i = space(v, i)
		end := byte(']')
		if s.isObject(depth - 1) {
			end = '}'
		}
		switch {
		case i >= len(v):
			return s.stop(flawSyntax, len(v)), depth
		case v[i] == ',':
			return i, depth
		case v[i] != end:
			return s.stop(flawSyntax, i), depth
		}
		depth--
		i++
	}
	return i, depth
}

// item reads what comes before a value inside level depth-1: in an object its name and colon, in an array nothing.
func (s *scanner) item(v []byte, i, depth int) int {
	if !s.isObject(depth - 1) {
		return i
	}
	i, _ = s.name(v, i)
	return i
}

// name reads a quoted name, its colon and the space around it. What it returns also says how the name is written.
func (s *scanner) name(v []byte, i int) (int, token) {
	if i >= len(v) || v[i] != '"' {
		return s.stop(flawSyntax, i), token{}
	}
	end, k := s.text(v, i+1)
	if end < 0 {
		return end, token{}
	}
	t := token{kind: k, lo: i + 1, hi: end}
	i = space(v, end+1)
	if i >= len(v) || v[i] != ':' {
		return s.stop(flawSyntax, i), token{}
	}
	return space(v, i+1), t
}

func (s *scanner) push(depth int, isObject bool) {
	if isObject {
		s.stack[depth>>6] |= 1 << (depth & 63)
	} else {
		s.stack[depth>>6] &^= 1 << (depth & 63)
	}
}

func (s *scanner) isObject(depth int) bool { return s.stack[depth>>6]&(1<<(depth&63)) != 0 }
