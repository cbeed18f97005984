package engine

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/source"
)

// laggard is a cluster whose first answer about ends is an old one.
type laggard struct {
	*feed
	asked int
}

func (l *laggard) Cluster() source.Cluster { return l }

func (l *laggard) Describe(ctx context.Context) (source.Description, error) {
	return l.w.Describe(ctx)
}

func (l *laggard) CommittedOffsets(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	return l.w.CommittedOffsets(ctx, g)
}

func (l *laggard) Mirror(ctx context.Context, g fencepost.Group, m map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return l.w.Mirror(ctx, g, m)
}

func (l *laggard) LogOffsets(ctx context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	out := l.w.LogOffsets(ctx, asks)
	if l.asked++; l.asked == 1 {
		for tp, b := range out {
			b.HighWatermark, b.LastStableOffset = 3, 3
			out[tp] = b
		}
	}
	return out
}

// L2, with an end: one answer with an old end is no contradiction, and does not become the run's end.
func TestUntilEndAsksTwiceAboutAnOldEnd(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		first := w.run(s, nil)
		synctest.Wait()
		first.source.assign(tp(0)) // another worker holds it, and is at its end
		synctest.Wait()
		second := w.run(s, func(c *Config) {
			c.Until.End = true
			c.Source = &laggard{feed: c.Source.(*feed)}
		})
		if err := second.ends(); err != nil {
			t.Errorf("run until end: %v", err)
		}
		if err := first.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
