package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost/connector/memory"
)

// A pause is not followed by a burst: what gathers meanwhile is a tenth of a second's worth.
func TestRateHoldsBehindAPause(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, func(c *Config) { c.Rate = 100 })
		synctest.Wait()
		wk.source.assign(tp(0))
		w.produce(tp(0), 1)
		time.Sleep(time.Minute)
		w.produce(tp(0), 1000)
		time.Sleep(time.Second)
		if n := len(s.Rows()) - 1; n < 90 || n > 115 {
			t.Errorf("%d records in the second behind a minute's pause, at 100 a second; want 100 and a tenth of it", n)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
