package engine

import (
	"testing"
	"testing/synctest"

	"github.com/fencepost/fencepost/connector/memory"
)

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
