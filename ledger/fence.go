package ledger

import "fmt"

// Fence is a random 63-bit stamp in a Position. Every move except a commit or claim replaces it by a fresh one, so
// that none is given twice, not even after the store was restored from a backup (a counter would be: the exhaustive
// model in model_test.go shows the zombie that gets past it). Compared for equality only. Zero: no fence.
type Fence int64

// NewFence makes a Fence of 64 random bits; it is never zero or negative. The caller brings the randomness: nothing
// in this package has a source of its own.
func NewFence(random uint64) Fence {
	f := Fence(random >> 1)
	if f == 0 {
		return 1
	}
	return f
}

// String is 16 hexadecimal digits: JSON readers round 63-bit numbers.
func (f Fence) String() string { return fmt.Sprintf("%016x", int64(f)) }
