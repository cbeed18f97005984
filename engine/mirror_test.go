package engine

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// slowCluster holds each request for the mirror until it is let go or given up.
type slowCluster struct {
	source.Cluster
	begun   chan struct{}
	let     chan struct{}
	written map[fencepost.TopicPartition]fencepost.CommittedOffset
}

func (c *slowCluster) Mirror(ctx context.Context, _ fencepost.Group, marks map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	c.begun <- struct{}{}
	select {
	case <-c.let:
		for tp, m := range marks {
			c.written[tp] = m
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestMirrorSurvivesAStop: a stop cuts a request for the mirror short, and the flush that follows writes its offsets
// again. Without them the Kafka group would not know of the run, and laws 10 and 12 would have nothing to compare.
func TestMirrorSurvivesAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &slowCluster{begun: make(chan struct{}, 10), let: make(chan struct{}), written: map[fencepost.TopicPartition]fencepost.CommittedOffset{}}
		e := &Engine{cfg: Config{Group: "g", Events: func(Event) {}}, cluster: c}
		m := newMirror(e)
		polling, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.run(polling)
		}()
		tp := fencepost.TopicPartition{Topic: "flights"}
		e.mu.parts = map[fencepost.TopicPartition]*partition{tp: {Partition: assignment.New(tp)}} // held: others are not mirrored
		m.committed([]ledger.Move{{TopicPartition: tp, Next: ledger.Position{Offset: 7}}})
		<-c.begun // the request is on its way
		stop()
		<-done
		close(c.let)
		m.flush(context.WithoutCancel(t.Context()), []fencepost.TopicPartition{tp})
		if got := c.written[tp].Offset; got != 7 {
			t.Errorf("after the stop the Kafka group holds %d, want 7", got)
		}
	})
}
