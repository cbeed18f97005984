package postgres

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// worker is one process: a sink, a lane, and the positions it holds.
type worker struct {
	t    testing.TB
	sink *Sink
	lane sink.Lane
	as   ledger.Actor
	held map[fencepost.TopicPartition]ledger.Position
}

func at(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "flights", Partition: p}
}

// batch is the next n rows of a partition, in the suite's columns: value "topic:partition@offset", n = offset.
func (w *worker) batch(p int32, n fencepost.Offset) sink.Commit {
	held := w.held[at(p)]
	return sinktest.Commit(sinktest.Span{TopicPartition: at(p), Held: held, Until: held.Offset + n})
}

// commit commits a batch.
func (w *worker) commit(ctx context.Context, b sink.Commit) error {
	err := w.lane.Commit(ctx, w.as, b)
	if err == nil {
		for _, m := range b.Moves {
			w.held[m.TopicPartition] = m.Next
		}
	}
	return err
}
