package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/memory"
)

// What stands in front of a bad record is in before the run says that it has done what it could.
func TestUntilEndCommitsWhatStandsInFrontOfABadRecord(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply && commits(s) > 0 {
				time.Sleep(3 * time.Second)
			}
			return nil
		})
		dec := &numbers{}
		dec.bad.Store(13)
		wk := w.run(s, func(c *Config) {
			c.Until.End, c.Batch.Records = true, 10
			c.Decoder = func() fencepost.Decoder { return dec }
		})
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		<-wk.done
		wantFault(t, wk.err, "parked-left", 3)
		wantRows(t, s, tp(0), upTo(0, 13))
	})
}

// A recreated topic is shorter than the stored offset: the partition is parked, and not at its end.
func TestUntilEndDoesNotTakeAParkedPositionForTheEnd(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		wk := w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		wk.source.assign(tp(0))
		<-wk.done
		w.create("t", 1)
		w.produce(tp(0), 5)
		wk = w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		wk.source.assign(tp(0))
		<-wk.done
		wantFault(t, wk.err, "parked-left", 3)
	})
}
