package registry

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Message says which message of a Protobuf schema a body is: by Name or by Indexes. Both are empty with the forms that do not say it.
type Message struct {
	// Name is the message's name as Apicurio writes it: without the package and without the messages that it is inside of, so that it has to be
	// looked for in the schema, and may be there more than once.
	Name []byte
	// Indexes lead to the message: the index among the messages of the file, then among those inside of it. Writers count in two ways where
	// a message has map fields: see the package's documentation.
	Indexes []int
}

// deepest is how many indexes a message may have. Python's and Java's readers have no limit; a count beyond the bytes that are there is refused in
// any case.
const deepest = 64

// readIndexes takes message indexes off the front of b: zigzag varints, their count first; the single byte 00 is the list [0].
func (f *Framer) readIndexes(b []byte) (indexes []int, rest []byte, reason string) {
	count, rest, ok := zigzag(b)
	switch {
	case len(b) == 0:
		return nil, nil, "it ends where the message indexes of Protobuf should be"
	case !ok || count < 0 || count > deepest:
		return nil, nil, fmt.Sprintf("%s are no message indexes of Protobuf%s", shown(b), looksLikeRef(b))
	case count == 0:
		return append(f.indexes[:0], 0), rest, ""
	}
	f.indexes = f.indexes[:0]
	for range count {
		var i int64
		if i, rest, ok = zigzag(rest); !ok || i < 0 || i > math.MaxInt32 {
			return nil, nil, fmt.Sprintf("%s are no message indexes of Protobuf%s", shown(b), looksLikeRef(b))
		}
		f.indexes = append(f.indexes, int(i))
	}
	return f.indexes, rest, ""
}

// looksLikeRef is a hint where b is what Apicurio writes in the place of indexes.
func looksLikeRef(b []byte) string {
	if name, _, reason := readRef(b); reason == "" && len(name) > 0 {
		return fmt.Sprintf(": they look like Apicurio's reference to the message %q (registry.form: apicurio_4_bytes)", name)
	}
	return ""
}

// zigzag reads a signed varint.
func zigzag(b []byte) (n int64, rest []byte, ok bool) {
	n, size := binary.Varint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}

// readRef takes Apicurio's Ref off the front of b: a message of its own, behind its length, whose field 1 is the name of the message.
//
//	0b 0a 09 "Timestamp" 08 05
//	|  |                 body
//	|  field 1, 9 bytes
//	11 bytes of Ref
func readRef(b []byte) (name, rest []byte, reason string) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return nil, nil, refless(b)
	}
	ref, rest := b[n:n+int(length)], b[n+int(length):]
	for len(ref) > 0 {
		tag, n := binary.Uvarint(ref)
		if n <= 0 || tag&7 != 2 || tag>>3 == 0 {
			return nil, nil, refless(b)
		}
		size, m := binary.Uvarint(ref[n:])
		if m <= 0 || size > uint64(len(ref)-n-m) {
			return nil, nil, refless(b)
		}
		if tag>>3 == 1 {
			name = ref[n+m : n+m+int(size)] // the last one wins, as in any message
		}
		ref = ref[n+m+int(size):]
	}
	if len(name) == 0 {
		return nil, nil, refless(b)
	}
	return name, rest, ""
}

func refless(b []byte) string {
	return fmt.Sprintf("%s is no reference to a message, as Apicurio's serializer writes it behind the id; message indexes are read with registry.form: confluent", shown(b))
}
