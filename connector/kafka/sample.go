package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sampleIdle is how long a sample waits for a partition that brings nothing more: a compacted log can end without an
// entry.
const sampleIdle = 2 * time.Second

// Sample returns the first records of each partition of a topic, at most perPartition of each, in partition order,
// without a group. It reads committed records only, and ends where the log ends now.
func (s *Source) Sample(ctx context.Context, topic string, perPartition int) ([]fencepost.Record, error) {
	m, err := s.metadata(ctx, []string{topic})
	if err != nil {
		return nil, s.unreachable(ctx, err)
	}
	t := m.topics[topic]
	if t.err != nil {
		return nil, s.topicFault(ctx, topic, t.err)
	}
	asks := make([]fencepost.OffsetQuery, len(t.leaders))
	for p := range asks {
		asks[p] = fencepost.OffsetQuery{TopicPartition: fencepost.TopicPartition{Topic: topic, Partition: int32(p)}, LeaderEpoch: fencepost.NoEpoch}
	}
	g := &sampling{want: perPartition, idle: s.sampleIdle, exact: s.exactTimesOf, until: map[int32]int64{}, got: make([][]fencepost.Record, len(asks))}
	at := map[int32]kgo.Offset{}
	for tp, b := range s.LogOffsets(ctx, asks) {
		if b.Err != nil {
			return nil, fmt.Errorf("sample %s: %w", tp, b.Err)
		}
		if b.Earliest < b.LastStableOffset && perPartition > 0 {
			at[tp.Partition] = kgo.NewOffset().At(int64(b.Earliest)).WithEpoch(-1)
			g.until[tp.Partition] = int64(b.LastStableOffset)
		}
	}
	if len(at) == 0 {
		return nil, nil
	}
	cl, err := kgo.NewClient(append(s.cfg.connection(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxPartitionBytes(64<<10),
		kgo.MaxDecompressBatchBytes(int(s.cfg.FetchMemory)),
	)...)
	if err != nil {
		return nil, fmt.Errorf("sample %s: %w", topic, err)
	}
	defer cl.Close()
	if err := g.run(ctx, cl.PollFetches); err != nil {
		if errors.Is(err, kerr.TopicAuthorizationFailed) {
			return nil, s.denied("READ topic " + topic)
		}
		return nil, fmt.Errorf("sample %s: %w", topic, err)
	}
	return g.all(), nil
}

// sampling is one sample under way.
type sampling struct {
	want  int
	idle  time.Duration
	exact func(context.Context, kgo.Fetches) error
	until map[int32]int64 // :: partition still read -> where it ends
	got   [][]fencepost.Record
}

func (g *sampling) run(ctx context.Context, poll func(context.Context) kgo.Fetches) error {
	for len(g.until) > 0 {
		waiting, cancel := context.WithTimeout(ctx, g.idle)
		fetches := poll(waiting)
		idle := over(waiting, fetches)
		cancel()
		if idle {
			return ctx.Err()
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("partition %d: %w", e.Partition, e.Err)
		}
		if err := g.exact(ctx, fetches); err != nil {
			return err
		}
		fetches.EachRecord(g.take)
	}
	return nil
}

func (g *sampling) take(r *kgo.Record) {
	until, open := g.until[r.Partition]
	if !open {
		return
	}
	if !r.Attrs.IsControl() {
		one := fencepost.Record{TopicPartition: fencepost.TopicPartition{Topic: r.Topic, Partition: r.Partition}}
		(&records{list: []*kgo.Record{r}}).Read(0, &one)
		// A copy: one record would keep its whole batch in memory.
		one.Key, one.Value = bytes.Clone(one.Key), bytes.Clone(one.Value)
		for i := range one.Headers {
			one.Headers[i].Value = bytes.Clone(one.Headers[i].Value)
		}
		g.got[r.Partition] = append(g.got[r.Partition], one)
	}
	if len(g.got[r.Partition]) == g.want || r.Offset+1 >= until {
		delete(g.until, r.Partition)
	}
}

func (g *sampling) all() (list []fencepost.Record) {
	for _, rs := range g.got {
		list = append(list, rs...)
	}
	return list
}
