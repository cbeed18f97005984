package kafka

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lastMoment is a client's poll that brings one error, and whose context ends in that moment. From then on it brings
// what an ended context makes of a poll.
func lastMoment(end context.CancelFunc, topic string, err error) func(context.Context) kgo.Fetches {
	return func(polling context.Context) kgo.Fetches {
		if polling.Err() != nil {
			return kgo.NewErrFetch(polling.Err())
		}
		end()
		return kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: topic, Partitions: []kgo.FetchPartition{{Err: err}}}}}}
	}
}

// E10: the client says these once. A context that ends in the same moment does not unsay them.
func TestE10ErrorInTheMomentAPollEnds(t *testing.T) {
	b := newBench(t, []string{"127.0.0.1:1"})
	lost := &kgo.ErrDataLoss{Topic: "t", ConsumedTo: 30, ResetTo: 20}
	for _, test := range []struct {
		name, topic string
		err         error
		failed      []string // codes of the fetches
		fault       string
	}{
		{"data loss", "t", lost, []string{"DATA_LOSS"}, ""},
		{"group session", "", &kgo.ErrGroupSession{Err: kerr.GroupAuthorizationFailed}, nil, "kafka-denied"},
		{"the end alone", "", context.Canceled, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := b.open(Config{Topics: []string{"t"}})
			s.calls.holder = &holder{}
			s.assign(t.Context(), []fencepost.TopicPartition{tp("t", 0)})
			ctx, end := context.WithCancel(t.Context())
			defer end()
			s.poll = lastMoment(end, test.topic, test.err)
			chunks, err := s.Poll(ctx)
			if test.fault != "" {
				wantFault(t, err, test.fault)
			} else if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, c := range chunks {
				codes = append(codes, code(c.Err.(*source.PartitionError).Err))
			}
			if d := cmp.Diff(test.failed, codes); d != "" {
				t.Errorf("failed (-want +got):\n%s", d)
			}
		})
	}
}

// E10: the same of a sample and of a scan, for which the end of a wait means that the log brings nothing more.
func TestE10ErrorInTheMomentAReadEnds(t *testing.T) {
	for name, run := range map[string]func(context.Context, func(context.Context) kgo.Fetches) error{
		"sample": (&sampling{want: 1, idle: time.Minute, until: map[int32]int64{0: 1}, got: make([][]fencepost.Record, 1)}).run,
		"scan":   (&scan{until: map[fencepost.TopicPartition]fencepost.Offset{tp("t", 0): 1}}).run,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				late := func(waiting context.Context) kgo.Fetches {
					<-waiting.Done()
					return lastMoment(func() {}, "t", kerr.OffsetOutOfRange)(t.Context())
				}
				if err := run(ctx, late); !errors.Is(err, kerr.OffsetOutOfRange) {
					t.Errorf("when a wait ended it answered %v, want what the partition said", err)
				}
				if err := run(ctx, lastMoment(end, "t", kerr.OffsetOutOfRange)); !errors.Is(err, kerr.OffsetOutOfRange) {
					t.Errorf("when it was cancelled it answered %v, want what the partition said", err)
				}
				if err := run(ctx, lastMoment(end, "t", kerr.OffsetOutOfRange)); !errors.Is(err, context.Canceled) {
					t.Errorf("behind its end it answered %v, want the context's error", err)
				}
			})
		})
	}
}

// E5: partitions that fail in one poll are reported once each, in the order of the fetch, and all of them are paused. A partition
// that is not held is not reported; the error of a whole topic is that of each of its partitions.
func TestE5PartitionsFailTogether(t *testing.T) {
	b := newBench(t, []string{"127.0.0.1:1"})
	s := b.open(Config{Topics: []string{"t", "u"}})
	s.calls.holder = &holder{}
	held := []fencepost.TopicPartition{tp("t", 0), tp("t", 1), tp("t", 2), tp("u", 0), tp("u", 1)}
	s.assign(t.Context(), held)
	s.client.ResumeFetchPartitions(partitions(held)) // whatever the holder answered
	failing := func(ps ...int32) (all []kgo.FetchPartition) {
		for _, p := range ps {
			all = append(all, kgo.FetchPartition{Partition: p, Err: kerr.OffsetOutOfRange})
		}
		return all
	}
	s.poll = func(context.Context) kgo.Fetches {
		return kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: "t", Partitions: failing(2, 0, 9)}, {Topic: "u", Partitions: failing(-1, 1)}}}}
	}
	chunks, err := s.Poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var told []fencepost.TopicPartition
	for _, c := range chunks {
		told = append(told, c.TopicPartition)
	}
	if d := cmp.Diff([]fencepost.TopicPartition{tp("t", 2), tp("t", 0), tp("u", 0), tp("u", 1)}, told); d != "" {
		t.Errorf("failed (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]fencepost.TopicPartition{tp("t", 0), tp("t", 2), tp("u", 0), tp("u", 1)}, flatten(s.client.PauseFetchPartitions(nil))); d != "" {
		t.Errorf("paused (-want +got):\n%s", d)
	}
}
