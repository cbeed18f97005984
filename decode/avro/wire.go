package avro

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/fencepost/fencepost/decode"
)

// wire reads values off a body. Each of its verbs takes the index of a value and returns the index behind it, or, for bytes that are no value,
// ^i of the byte i, with what is wrong in flaw.
type wire struct {
	flaw flaw
	// empty is how many more values of no bytes the record may have. Counts of others are bound by its bytes.
	empty int
}

// maxEmpty is how many values without bytes a record may have: of array<null>, ten bytes can ask for 2^63.
const maxEmpty = 1 << 16

// maxDepth is how deep values may be nested.
const maxDepth = decode.MaxDepth

// flaw is why bytes are no value.
type flaw uint8

const (
	flawEnd flaw = iota
	flawVarint
	flawInt
	flawBoolean
	flawUTF8
	flawBranch
	flawSymbol
	flawLength
	flawCount
	flawBlock
	flawEmpty
	flawDepth
	flawRest
)

var flaws = [...]string{"it ends there", "a number is longer than 64 bits", "an int is longer than 32 bits", "a boolean is neither 0 nor 1",
	"a string is not UTF-8", "a union has no such branch", "an enum has no such symbol", "a length is beyond the end", "a block has more items than bytes",
	"a block has another size than it says", "there are too many items of no bytes", "it is nested too deep", "bytes stand behind the record"}

// stop notes a flaw at byte i.
func (w *wire) stop(f flaw, i int) int {
	w.flaw = f
	return ^i
}

// long reads a zigzag varint of 64 bits. Where eight bytes are left it looks at all of them at once, and closes the gaps between their
// sevens of bits by pairs.
func (w *wire) long(v []byte, i int) (int64, int) {
	if i+8 <= len(v) {
		x := binary.LittleEndian.Uint64(v[i:])
		if ends := ^x & highs; ends != 0 {
			x &= ends ^ (ends - 1) // up to the first byte without the high bit
			x = x&0x007f007f007f007f | x&0x7f007f007f007f00>>1
			x = x&0x00003fff00003fff | x&0x3fff00003fff0000>>2
			x = x&0x000000000fffffff | x&0x0fffffff00000000>>4
			return int64(x>>1) ^ -int64(x&1), i + bits.TrailingZeros64(ends)>>3 + 1
		}
	}
	return w.byBytes(v, i)
}

// byBytes is long, byte by byte.
func (w *wire) byBytes(v []byte, i int) (int64, int) {
	u, shift := uint64(0), 0
	for k := i; k < len(v); k++ {
		b := v[k]
		if b < 0x80 {
			if shift == 63 && b > 1 {
				break
			}
			u |= uint64(b) << shift
			return int64(u>>1) ^ -int64(u&1), k + 1
		}
		if shift == 63 {
			break
		}
		u |= uint64(b&0x7f) << shift
		shift += 7
	}
	if shift == 63 && i+9 < len(v) {
		return 0, w.stop(flawVarint, i)
	}
	return 0, w.stop(flawEnd, len(v))
}

// int reads a zigzag varint of 32 bits.
func (w *wire) int(v []byte, i int) (int64, int) {
	if i < len(v) && v[i] < 0x80 {
		u := int64(v[i])
		return u>>1 ^ -(u & 1), i + 1
	}
	n, k := w.long(v, i)
	if k >= 0 && (int64(int32(n)) != n || k-i > 5) {
		return 0, w.stop(flawInt, i)
	}
	return n, k
}

// sized reads a length and so many bytes.
func (w *wire) sized(v []byte, i int) ([]byte, int) {
	var n int64
	k := i
	if i < len(v) && v[i] < 0x80 && v[i]&1 == 0 {
		n, k = int64(v[i]>>1), i+1
	} else if n, k = w.long(v, i); k < 0 {
		return nil, k
	}
	if n < 0 || n > int64(len(v)-k) {
		return nil, w.stop(flawLength, i)
	}
	return v[k : k+int(n)], k + int(n)
}

// text reads a string. Most are short and ASCII, which needs no call of sized.
func (w *wire) text(v []byte, i int) (text []byte, next int) {
	if i < len(v) && v[i]&0x81 == 0 {
		if lo, hi := i+1, i+1+int(v[i]>>1); hi <= len(v) && isASCII(v, lo, hi) {
			return v[lo:hi], hi
		}
	}
	if text, next = w.sized(v, i); next >= 0 && !utf8.Valid(text) {
		return nil, w.stop(flawUTF8, next-len(text))
	}
	return text, next
}

const (
	highs = 0x8080808080808080
	ones  = 0x0101010101010101
)

// isASCII reports whether v[lo:hi] is of the bytes 1 to 127: a text without NUL, and UTF-8. It looks at eight bytes at once, behind the
// text too.
func isASCII(v []byte, lo, hi int) bool {
	found := uint64(0) // a high bit for each byte that is 0 or above 127
	for ; lo+8 <= hi; lo += 8 {
		x := binary.LittleEndian.Uint64(v[lo:])
		found |= x | (x - ones)
	}
	if lo < hi && lo+8 <= len(v) {
		x := binary.LittleEndian.Uint64(v[lo:])
		beyond := uint64(math.MaxUint64) << (8 * (hi - lo))
		x = x&^beyond | ones&beyond
		found |= x | (x - ones)
		lo = hi
	}
	for ; lo < hi; lo++ {
		if v[lo]-1 >= 127 {
			return false
		}
	}
	return found&highs == 0
}

// fixed reads n bytes.
func (w *wire) fixed(v []byte, i, n int) ([]byte, int) {
	if n > len(v)-i {
		return nil, w.stop(flawEnd, len(v))
	}
	return v[i : i+n], i + n
}

// binary reads bytes, or a fixed.
func (w *wire) binary(n *node, v []byte, i int) ([]byte, int) {
	switch n.kind {
	case fixedKind:
		return w.fixed(v, i, n.size)
	case restKind:
		return v[i:], len(v)
	}
	return w.sized(v, i)
}

// scaled appends the digits of a decimal with a scale of its own. ok: they are no more than decode.MaxDigits.
func (w *wire) scaled(dst []byte, n *node, v []byte, i int) (digits []byte, next int, ok bool) {
	scale, next := w.int(v, i)
	if next < 0 {
		return dst, next, false
	}
	b, next := w.binary(n.fields[1].node, v, next)
	if next < 0 {
		return dst, next, false
	}
	digits, ok = decode.AppendTwosComplement(dst, b, int(scale))
	return digits, next, ok
}

// boolean reads a byte of 0 or 1.
func (w *wire) boolean(v []byte, i int) (bool, int) {
	switch {
	case i >= len(v):
		return false, w.stop(flawEnd, i)
	case v[i] > 1:
		return false, w.stop(flawBoolean, i)
	}
	return v[i] == 1, i + 1
}

// choice reads the number of one of n.
func (w *wire) choice(f flaw, n int, v []byte, i int) (int, int) {
	x, k := w.int(v, i)
	if k >= 0 && (x < 0 || x >= int64(n)) {
		return 0, w.stop(f, i)
	}
	return int(x), k
}

// branch reads which branch of a union follows.
func (w *wire) branch(n *node, v []byte, i int) (*node, int) {
	x, k := w.choice(flawBranch, len(n.branches), v, i)
	if k < 0 {
		return nil, k
	}
	return n.branches[x], k
}

// symbol reads a value of an enum.
func (w *wire) symbol(n *node, v []byte, i int) ([]byte, int) {
	x, k := w.choice(flawSymbol, len(n.symbols), v, i)
	if k < 0 {
		return nil, k
	}
	return n.symbols[x], k
}

// block is where a reader of an array or a map is.
type block struct {
	left int // items of the block
	end  int // where a block that says its size has to end, +1; 0: it does not say it
}

// next goes to the next item, in the next block if need be.
//
//	count, items, ..., 0        a count below zero is that of a block which says its size in bytes behind it
func (w *wire) next(b *block, n *node, v []byte, i int) (more bool, next int) {
	if b.left == 0 && b.end == 0 && i < len(v) && v[i] == 0 { // as below, for the end of most
		return false, i + 1
	}
	for b.left == 0 {
		if b.end > 0 && b.end != i+1 {
			return false, w.stop(flawBlock, i)
		}
		count, k := w.long(v, i)
		if k < 0 || count == 0 {
			return false, k
		}
		b.end = 0
		if count < 0 {
			size, j := w.long(v, k)
			if j < 0 {
				return false, j
			}
			if size < 0 || size > int64(len(v)-j) {
				return false, w.stop(flawBlock, k)
			}
			count, k, b.end = -count, j, j+int(size)+1
		}
		least := n.of.least
		if n.kind == mapKind {
			least++
		}
		if k = w.fits(count, least, len(v)-k, i, k); k < 0 {
			return false, k
		}
		b.left, i = int(count), k
	}
	b.left--
	return true, i
}

// fits reports whether count items of at least so many bytes can be in those that are left: k, or that they do not, at i.
func (w *wire) fits(count int64, least, left, i, k int) int {
	switch {
	case count < 0: // -2^63
		return w.stop(flawCount, i)
	case least > 0:
		if high, low := bits.Mul64(uint64(count), uint64(least)); high > 0 || low > uint64(left) {
			return w.stop(flawCount, i)
		}
	case count > int64(w.empty):
		return w.stop(flawEmpty, i)
	default:
		w.empty -= int(count)
	}
	return k
}

// enter counts a record that may be of no bytes, and looks at the depth.
func (w *wire) enter(n *node, i, depth int) int {
	if depth > maxDepth {
		return w.stop(flawDepth, i)
	}
	if n.kind == recordKind && n.least == 0 {
		if w.empty--; w.empty < 0 {
			return w.stop(flawEmpty, i)
		}
	}
	return i
}

// skip passes over a value, and finds in it what is no value.
func (w *wire) skip(n *node, v []byte, i, depth int) int {
	switch n.kind {
	case nullKind:
	case booleanKind:
		_, i = w.boolean(v, i)
	case intKind:
		_, i = w.int(v, i)
	case longKind:
		_, i = w.long(v, i)
	case floatKind, doubleKind:
		_, i = w.fixed(v, i, n.least)
	case bytesKind, restKind, fixedKind:
		_, i = w.binary(n, v, i)
	case stringKind:
		_, i = w.text(v, i)
	case enumKind:
		_, i = w.symbol(n, v, i)
	case unionKind:
		if n, i = w.branch(n, v, i); i >= 0 {
			return w.skip(n, v, i, depth)
		}
	case recordKind:
		i = w.enter(n, i, depth)
		for k := 0; k < len(n.fields) && i >= 0; k++ {
			i = w.skip(n.fields[k].node, v, i, depth+1)
		}
	case arrayKind, mapKind:
		return w.skipItems(n, v, i, depth)
	}
	return i
}

func (w *wire) skipItems(n *node, v []byte, i, depth int) int {
	if i = w.enter(n, i, depth); i < 0 {
		return i
	}
	var b block
	for more := false; ; {
		if n.kind == arrayKind && n.of.kind == stringKind {
			i = w.skipTexts(&b, v, i)
		}
		if b.left > 0 { // as next does: a call is saved
			b.left--
		} else if more, i = w.next(&b, n, v, i); !more {
			return i
		}
		if n.kind == mapKind || n.of.kind == stringKind {
			if _, i = w.text(v, i); i < 0 {
				return i
			}
			if n.kind == arrayKind {
				continue
			}
		}
		if i = w.skip(n.of, v, i, depth+1); i < 0 {
			return i
		}
	}
}

// skipTexts passes over as many items of a block of strings as are short and ASCII, as most are: no call is made for each.
func (w *wire) skipTexts(b *block, v []byte, i int) int {
	for ; b.left > 0 && i+8 <= len(v) && v[i]&0x81 == 0 && v[i] <= 14; b.left-- {
		n := int(v[i] >> 1) // of the seven bytes behind it
		x := binary.LittleEndian.Uint64(v[i:]) >> 8
		beyond := uint64(math.MaxUint64) << (8 * n)
		x = x&^beyond | ones&beyond
		if (x|(x-ones))&highs != 0 {
			break
		}
		i += n + 1
	}
	return i
}
