package engine

import (
	"crypto/rand"
	"encoding/binary"
)

// cryptoRandom is the default source of fences: none is given twice, not even by two workers or after a restore.
func cryptoRandom() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand since Go 1.24)
	return binary.LittleEndian.Uint64(b[:])
}
