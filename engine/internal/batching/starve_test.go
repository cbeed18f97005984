package batching

import (
	"testing"
	"time"
)

// TestRateStarvesNoLane: one lane has a record as often as the rate allows one, and always asks first; another wants as
// many as the bucket holds. Each asks again at its time.
func TestRateStarvesNoLane(t *testing.T) {
	b := NewBucket(100)
	now := time.Unix(0, 0)
	wants := []int{1, 1000}
	due := []time.Time{now, now}
	var took [2]int
	for range 10_000 { // 10 s
		for lane := range wants {
			if now.Before(due[lane]) {
				continue
			}
			n, again := b.Take(lane, wants[lane], now)
			took[lane] += n
			due[lane] = again
			if n > 0 {
				due[lane] = now.Add(10 * time.Millisecond) // its commit
			}
		}
		now = now.Add(time.Millisecond)
	}
	if took[0] < 50 || took[1] < 500 {
		t.Errorf("the lanes took %d and %d in 10 s at 100 a second, want some for each", took[0], took[1])
	}
	if sum := took[0] + took[1]; sum < 850 || sum > 1020 {
		t.Errorf("%d in all, want about 1,000", sum)
	}
}

// Too few tokens by less than a nanosecond's worth: the lane asks again later, and does not spin.
func TestRateNeverAsksAgainNow(t *testing.T) {
	b := NewBucket(1000)
	now := time.Now()
	if n, _ := b.Take(0, 100, now); n != 100 {
		t.Fatalf("took %d of a full bucket, want 100", n)
	}
	b.tokens = 99.9999999
	if n, due := b.Take(0, 100, now); n != 0 || !due.After(now) {
		t.Errorf("took %d, to be asked again after %s; want none, and a moment later", n, due.Sub(now))
	}
}
