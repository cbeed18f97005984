package batching

import (
	"testing"
	"time"
)

// A lane that has a time to ask again and does not, for its records are gone, loses its place: the others go on.
func TestRatePassesALaneThatDoesNotAskAgain(t *testing.T) {
	b := NewBucket(100)
	now := time.Unix(0, 0)
	b.Take(0, 10, now) // the bucket is empty
	if n, again := b.Take(0, 10, now); n != 0 || !again.After(now) {
		t.Fatalf("an empty bucket gave %d, and said to ask again %s later, want none, and some time", n, again.Sub(now))
	}
	due, took := now, 0
	for range 1000 { // 1 s
		if now = now.Add(time.Millisecond); now.Before(due) {
			continue
		}
		n, again := b.Take(1, 5, now)
		if n > 5 {
			t.Fatalf("a lane that wanted 5 got %d", n)
		}
		if took == 0 && n == 0 && !again.After(now) {
			t.Fatal("a lane that waits behind another one was told to ask again at once: it would spin")
		}
		took, due = took+n, again
	}
	if took < 80 || took > 110 {
		t.Errorf("the other lane took %d in a second at 100 a second, want about 100", took)
	}
}

// What is given back is there again, and no more than the bucket holds.
func TestRateTakesBackWhatWasNotUsed(t *testing.T) {
	b := NewBucket(100)
	now := time.Unix(0, 0)
	b.Take(0, 10, now)
	b.Return(4)
	b.Return(0)
	if n, _ := b.Take(0, 4, now); n != 4 {
		t.Errorf("4 were given back, and %d are there", n)
	}
	b.Return(1000)
	if n, _ := b.Take(0, 1000, now); n != 10 {
		t.Errorf("the bucket holds %d, want 10, a tenth of a second's worth", n)
	}
}
