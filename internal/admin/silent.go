package admin

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
)

// WithoutBrokers are the same resources with brokers that do not answer: a look then says what the ledger knows, and every partition
// waits. Nothing is asked of the brokers, so it returns as soon as the ledger does.
func (r Resources) WithoutBrokers() Resources {
	r.Cluster, r.Reader = silence{}, nil
	return r
}

// silence is brokers of which nothing is known.
type silence struct{}

func (silence) Describe(context.Context) (source.Description, error) {
	return source.Description{}, nil
}

func (silence) LogOffsets(_ context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	got := make(map[fencepost.TopicPartition]fencepost.LogOffsets, len(asks))
	for _, a := range asks {
		got[a.TopicPartition] = fencepost.LogOffsets{Err: fencepost.ErrNoAnswer}
	}
	return got
}

func (silence) CommittedOffsets(context.Context, fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	return nil, nil
}

func (silence) Mirror(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return fencepost.ErrNoAnswer
}
