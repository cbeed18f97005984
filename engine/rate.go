package engine

import (
	"sync"
	"time"
)

// bucket limits how many records a second a worker applies, over all its lanes. Tokens are taken when a batch is
// cut; at most a tenth of a second's worth gathers, so that a pause is not followed by a burst.
type bucket struct {
	rate  float64 // tokens a second; 0: no limit
	burst float64

	mu struct {
		sync.Mutex
		tokens float64
		at     time.Time
	}
}

func newBucket(rate int) *bucket {
	return &bucket{rate: float64(rate), burst: max(1, float64(rate)/10)}
}

// take returns how many of want records may be taken now, at most; when none, it says when to ask again.
func (b *bucket) take(want int, now time.Time) (int, time.Time) {
	if b.rate == 0 || want == 0 {
		return want, time.Time{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.at.IsZero() {
		b.mu.tokens = b.burst
	} else {
		b.mu.tokens = min(b.burst, b.mu.tokens+b.rate*now.Sub(b.mu.at).Seconds())
	}
	b.mu.at = now
	need := min(float64(want), b.burst)
	if b.mu.tokens < need {
		return 0, now.Add(time.Duration((need - b.mu.tokens) / b.rate * float64(time.Second)))
	}
	n := min(want, int(b.mu.tokens))
	b.mu.tokens -= float64(n)
	return n, time.Time{}
}

// back returns tokens that were taken and not used.
func (b *bucket) back(n int) {
	if b.rate == 0 || n <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.tokens = min(b.burst, b.mu.tokens+float64(n))
}
