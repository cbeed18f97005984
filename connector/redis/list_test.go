package redis

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// E8: an item has exactly the length that its header says, on both sides of what two bytes count. The reader is MessagePack's rule,
// written down again.
func TestE8ItemsOfEveryLength(t *testing.T) {
	lengths := []int{0, 1, 1<<16 - 1, 1 << 16, 200_000, 3}
	var l list
	l.reset()
	for _, n := range lengths {
		l.text(string(bytes.Repeat([]byte{'t'}, n)))
		l.open()
		l.buf = append(l.buf, bytes.Repeat([]byte{'o'}, n)...)
		l.end()
	}
	rest := l.bytes()
	if items := binary.BigEndian.Uint32(rest[1:]); rest[0] != 0xdd || int(items) != 2*len(lengths) {
		t.Fatalf("the list begins with %x for %d items, want dd for %d", rest[0], items, 2*len(lengths))
	}
	rest = rest[5:]
	for i, want := range lengths {
		for _, letter := range []byte{'t', 'o'} {
			n, head := int(binary.BigEndian.Uint16(rest[1:])), 3
			if rest[0] == 0xdb {
				n, head = int(binary.BigEndian.Uint32(rest[1:])), 5
			}
			if n != want || !bytes.Equal(rest[head:head+n], bytes.Repeat([]byte{letter}, n)) {
				t.Fatalf("item %d, %c: got %d bytes, want %d of its own", i, letter, n, want)
			}
			rest = rest[head+n:]
		}
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes behind the last item", len(rest))
	}
}
