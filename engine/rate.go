package engine

import (
	"sync"
	"time"

	"github.com/fencepost/fencepost/engine/internal/batching"
)

// rate is the bucket that the lanes of a worker share; nil: no limit.
type rate struct {
	mu     sync.Mutex
	bucket *batching.Bucket // guarded by mu
}

func newRate(perSecond int) *rate {
	if perSecond == 0 {
		return nil
	}
	return &rate{bucket: batching.NewBucket(perSecond)}
}

// take returns how many of want records a lane may take now, at most; when none, it says when to ask again.
func (r *rate) take(lane, want int, now time.Time) (int, time.Time) {
	if r == nil {
		return want, time.Time{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bucket.Take(lane, want, now)
}

// back returns records that were taken and not used.
func (r *rate) back(n int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bucket.Return(n)
}
