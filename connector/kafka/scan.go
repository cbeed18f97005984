package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// scanIdle is how long a scan waits for a partition that brings nothing more, before it asks whether the brokers still
// answer: a compacted log can end without an entry.
const scanIdle = 3 * time.Second

var _ source.Reader = (*Source)(nil)

// Scan reads records without a group, by a client of its own.
func (s *Source) Scan(ctx context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange, each func(*fencepost.Record) bool) error {
	v := &scan{source: s, until: map[fencepost.TopicPartition]fencepost.Offset{}, each: each}
	at, err := v.begin(ctx, ranges)
	if err != nil || len(at) == 0 {
		return err
	}
	isolation := kgo.ReadCommitted()
	if s.cfg.Isolation == ReadUncommitted {
		isolation = kgo.ReadUncommitted()
	}
	v.client, err = kgo.NewClient(append(s.cfg.connection(),
		kgo.ConsumePartitions(at),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(isolation),
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxPartitionBytes(256<<10),
		kgo.MaxDecompressBatchBytes(int(s.cfg.FetchMemory)),
	)...)
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	defer v.client.Close()
	return cmp.Or(v.run(ctx, v.client.PollFetches), v.denied)
}

// scan is one scan under way.
type scan struct {
	source *Source
	client *kgo.Client
	until  map[fencepost.TopicPartition]fencepost.Offset // :: partition still read -> where it ends
	done   []fencepost.TopicPartition                    // read to its end and not paused yet
	each   func(*fencepost.Record) bool
	denied error // of the first topic that may not be read; the others are read all the same
}

// begin says where each partition is read from. What lies outside of the log is not there to be read.
func (v *scan) begin(ctx context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange) (map[string]map[int32]kgo.Offset, error) {
	at := map[string]map[int32]kgo.Offset{}
	for tp, b := range v.source.LogOffsets(ctx, asksOf(maps.Keys(ranges))) {
		if b.Err != nil {
			return nil, fmt.Errorf("scan %s: %w", tp, b.Err)
		}
		end := b.LastStableOffset
		if v.source.cfg.Isolation == ReadUncommitted {
			end = b.HighWatermark
		}
		from, until := max(ranges[tp].From, b.Earliest), min(ranges[tp].Until, end)
		if from >= until {
			continue
		}
		if at[tp.Topic] == nil {
			at[tp.Topic] = map[int32]kgo.Offset{}
		}
		at[tp.Topic][tp.Partition] = kgo.NewOffset().At(int64(from)).WithEpoch(-1)
		v.until[tp] = until
	}
	return at, nil
}

// asksOf asks for bounds and nothing else.
func asksOf(tps func(func(fencepost.TopicPartition) bool)) (asks []fencepost.OffsetQuery) {
	for tp := range tps {
		asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch})
	}
	return asks
}

func (v *scan) run(ctx context.Context, poll func(context.Context) kgo.Fetches) error {
	for len(v.until) > 0 {
		waiting, cancel := context.WithTimeout(ctx, scanIdle)
		fetches := poll(waiting)
		idle := over(waiting, fetches)
		cancel()
		switch {
		case idle && ctx.Err() != nil:
			return fmt.Errorf("scan %d partitions: %w", len(v.until), context.Cause(ctx))
		case idle:
			return v.quiet(ctx)
		}
		for _, e := range fetches.Errors() {
			if errors.Is(e.Err, kerr.TopicAuthorizationFailed) {
				v.deny(e.Topic)
				continue
			}
			return fmt.Errorf("scan %s:%d: %w", e.Topic, e.Partition, e.Err)
		}
		if err := v.source.exactTimesOf(ctx, fetches); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		fetches.EachRecord(v.take)
		if len(v.done) > 0 { // all at once: the client copies what is paused at every change of it
			v.client.PauseFetchPartitions(partitions(v.done))
			v.done = v.done[:0]
		}
	}
	return nil
}

// deny leaves a topic out that this user may not read.
func (v *scan) deny(topic string) {
	if v.denied == nil {
		v.denied = v.source.mayNot("READ", "topic", topic, nil)
	}
	for tp := range v.until {
		if tp.Topic == topic {
			delete(v.until, tp)
			v.done = append(v.done, tp)
		}
	}
}

// quiet is what follows when nothing more comes: with brokers that answer, nothing more is there.
func (v *scan) quiet(ctx context.Context) error {
	for tp, b := range v.source.LogOffsets(ctx, asksOf(maps.Keys(v.until))) {
		if b.Err != nil {
			return fmt.Errorf("scan %s: %w", tp, b.Err)
		}
	}
	return nil
}

func (v *scan) take(r *kgo.Record) {
	tp := fencepost.TopicPartition{Topic: r.Topic, Partition: r.Partition}
	until, open := v.until[tp]
	if !open {
		return
	}
	more := true
	if !r.Attrs.IsControl() && fencepost.Offset(r.Offset) < until {
		one := fencepost.Record{TopicPartition: tp}
		(&records{list: []*kgo.Record{r}}).Read(0, &one)
		more = v.each(&one)
	}
	if !more || fencepost.Offset(r.Offset)+1 >= until {
		delete(v.until, tp)
		v.done = append(v.done, tp)
	}
}
