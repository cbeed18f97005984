package allowance_test

import (
	"testing"
	"time"

	"github.com/fencepost/fencepost/engine/internal/allowance"
	"pgregory.net/rapid"
)

// A list of all moments says the same: one more is passed if fewer than Max were within the time before it.
func TestTakeAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := allowance.Limit{Max: rapid.IntRange(-1, 5).Draw(t, "max"), Per: time.Duration(rapid.IntRange(1, 10).Draw(t, "per"))}
		var s allowance.Spent
		var passed []time.Time
		now := time.Unix(0, 0)
		for range rapid.IntRange(1, 100).Draw(t, "records") {
			now = now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "later")))
			lately := 0
			for _, at := range passed {
				if now.Sub(at) < l.Per {
					lately++
				}
			}
			want := l.Max < 0 || lately < l.Max
			if got := s.Take(l, now); got != want {
				t.Fatalf("%d of %d were passed in the last %s: one more is passed: %t, want %t", lately, l.Max, l.Per, got, want)
			}
			if want {
				passed = append(passed, now)
			}
		}
	})
}
