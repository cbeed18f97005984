package watch

import (
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/view"
)

// TestPaces: a rewind is no negative work, and a rate of one look is not known.
func TestPaces(t *testing.T) {
	var p paces
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	tp := fencepost.TopicPartition{Topic: "trips"}
	look := func(after time.Duration, position, end fencepost.Offset) {
		p.add(view.Positions{Time: view.Instant{Time: now.Add(after)}, Positions: []view.Standing{{Topic: "trips", Position: &view.Position{Offset: position}, Bounds: &view.Bounds{End: end, Stable: end}}}})
	}
	if got := p.of(tp); got != (Pace{-1, -1}) {
		t.Errorf("without a look: %v", got)
	}
	look(0, 1000, 2000)
	if got := p.of(tp); got != (Pace{-1, -1}) {
		t.Errorf("of one look: %v, want unknown", got)
	}
	look(10*time.Second, 2000, 4000)
	look(12*time.Second, 9999, 9999) // too soon
	look(20*time.Second, 500, 6000)  // a rewind
	look(30*time.Second, 1500, 8000)
	if got, want := p.of(tp), (Pace{2000.0 / 30, 6000.0 / 30}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	look(200*time.Second, 1500, 8000)
	if got := p.of(tp); got != (Pace{-1, -1}) {
		t.Errorf("after a long silence: %v, want unknown: what was a minute ago says nothing", got)
	}
}
