package batching

import (
	"slices"
	"time"
)

// Bucket limits how many records a second a worker applies, over all its lanes. Tokens are taken when a batch is
// formed; at most a tenth of a second's worth gathers, so that a pause is not followed by a burst.
type Bucket struct {
	rate  float64 // tokens a second
	burst float64

	tokens float64
	at     time.Time
	queue  []waiter // the lanes that were to ask again, first come first
}

// waiter is a lane that found too few tokens. Without a queue a lane that wants few at a time keeps the bucket from ever
// filling for one that wants many.
type waiter struct {
	lane int
	at   time.Time // when it was to ask again
}

// late is how long a lane that does not ask again when it was to keeps its place: its records may be gone.
const late = 20 * time.Millisecond

// NewBucket is a bucket of rate records a second. REQUIRES: rate > 0.
func NewBucket(rate int) *Bucket {
	return &Bucket{rate: float64(rate), burst: max(1, float64(rate)/10)}
}

// Take returns how many of want records a lane may take now, at most; when none, it says when to ask again.
func (b *Bucket) Take(lane, want int, now time.Time) (int, time.Time) {
	if want == 0 {
		return want, time.Time{}
	}
	if b.at.IsZero() {
		b.tokens = b.burst
	} else {
		b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
	need := min(float64(want), b.burst)
	for len(b.queue) > 0 && now.After(b.queue[0].at.Add(late)) {
		b.queue = b.queue[1:]
	}
	place := slices.IndexFunc(b.queue, func(w waiter) bool { return w.lane == lane })
	first := len(b.queue) == 0 || place == 0
	if !first || b.tokens < need {
		due := now.Add(max(time.Microsecond, time.Duration(max(0, need-b.tokens)/b.rate*float64(time.Second)))) // never now: that would spin
		if !first {
			due = later(due, later(now, b.queue[0].at).Add(time.Millisecond))
		}
		if place < 0 {
			b.queue = append(b.queue, waiter{lane, due})
		} else {
			b.queue[place].at = due
		}
		return 0, due
	}
	if place == 0 {
		b.queue = b.queue[1:]
	}
	n := min(want, int(b.tokens))
	b.tokens -= float64(n)
	return n, time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Return gives back tokens that were taken and not used.
func (b *Bucket) Return(n int) {
	if n <= 0 {
		return
	}
	b.tokens = min(b.burst, b.tokens+float64(n))
}
