package engine

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/memory"
)

// A share of a batch goes by what the log still has of a partition, and not by what happens to be queued; what one can not
// fill the others get.
func TestSharesGoByLag(t *testing.T) {
	for name, tt := range map[string]struct {
		claims []claim
		want   []int
	}{
		"by lag":                {[]claim{{100, 1000}, {100, 100}, {10, 10}}, []int{45, 4, 1}},
		"few are queued":        {[]claim{{5, 1000}, {100, 100}}, []int{5, 45}},
		"none is queued":        {[]claim{{0, 1000}, {100, 100}}, []int{0, 50}},
		"a lag that is too old": {[]claim{{100, 0}, {100, 100}}, []int{25, 25}},
	} {
		if got := shares(tt.claims, 50, 0, nil); !slices.Equal(got, tt.want) {
			t.Errorf("%s: 50 records are shared as %v, want %v", name, got, tt.want)
		}
	}
}

// The lag goes up to the log's end or the run's, and is never below zero; it is counted where the position is a place in
// the log as it is now.
func TestLag(t *testing.T) {
	for _, tt := range []struct{ done, high, end, want fencepost.Offset }{
		{10, 20, -1, 10}, {10, 20, 15, 5}, {10, 12, 15, 2}, {18, 20, 15, 0}, {25, 20, -1, 0},
	} {
		p := &partition{high: tt.high, end: tt.end, done: ledger.Position{Offset: tt.done}}
		if got := p.lag(); got != int64(tt.want) {
			t.Errorf("at %d of %d in a run to %d the lag is %d, want %d", tt.done, tt.high, tt.end, got, tt.want)
		}
	}
	for code, want := range map[string]bool{"record-refused": true, "aged-out": true, "recreated": false, "truncated": false, "topic-missing": false} {
		p := &partition{}
		p.park(code, "")
		if got := p.inLog(); got != want {
			t.Errorf("parked as %s, the position is a place in the log: %t, want %t", code, got, want)
		}
	}
}

// What is left is known from the assignment on, before anything is fetched.
func TestLagIsKnownAtOnce(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 100)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.fetchAtMost(0)
		wk.source.assign(tp(0))
		if got := wk.engine().Status().Lag; got != 100 {
			t.Errorf("the lag is %d, want 100", got)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// Waits grow while nothing is achieved: a commit has the next one begin small again.
func TestACommitEndsTheBackOff(t *testing.T) {
	p := &partition{TopicPartition: tp(0), base: -1, end: -1}
	now := time.Unix(0, 0)
	wait := func(want time.Duration) {
		t.Helper()
		if p.await("no answer", now, 5*time.Second); p.retryAt.Sub(now) != want {
			t.Errorf("the partition waits for %s, want %s", p.retryAt.Sub(now), want)
		}
		p.resume(ledger.Position{Offset: 10, Fence: 1}, 1)
	}
	for _, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		wait(want * time.Millisecond)
	}
	p.cut.Offset = 20
	p.reach(ledger.Position{Offset: 20, Fence: 1})
	wait(100 * time.Millisecond)
}
