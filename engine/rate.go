package engine

import (
	"slices"
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
		queue  []waiter // who was told to ask again, first come first
	}
}

// waiter is a lane that found too few tokens. Without a queue a lane that wants few at a time keeps the bucket from ever
// filling for one that wants many.
type waiter struct {
	lane int
	at   time.Time // when it was told to ask again
}

// late is how long a lane that does not ask again when it was told to keeps its place: its records may be gone.
const late = 20 * time.Millisecond

func newBucket(rate int) *bucket {
	return &bucket{rate: float64(rate), burst: max(1, float64(rate)/10)}
}

// take returns how many of want records a lane may take now, at most; when none, it says when to ask again.
func (b *bucket) take(lane, want int, now time.Time) (int, time.Time) {
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
	for len(b.mu.queue) > 0 && now.After(b.mu.queue[0].at.Add(late)) {
		b.mu.queue = b.mu.queue[1:]
	}
	place := slices.IndexFunc(b.mu.queue, func(w waiter) bool { return w.lane == lane })
	first := len(b.mu.queue) == 0 || place == 0
	if !first || b.mu.tokens < need {
		due := now.Add(max(time.Microsecond, time.Duration(max(0, need-b.mu.tokens)/b.rate*float64(time.Second)))) // never now: that would spin
		if !first {
			due = later(due, later(now, b.mu.queue[0].at).Add(time.Millisecond))
		}
		if place < 0 {
			b.mu.queue = append(b.mu.queue, waiter{lane, due})
		} else {
			b.mu.queue[place].at = due
		}
		return 0, due
	}
	if place == 0 {
		b.mu.queue = b.mu.queue[1:]
	}
	n := min(want, int(b.mu.tokens))
	b.mu.tokens -= float64(n)
	return n, time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
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
