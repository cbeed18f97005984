package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka keeps a record's timestamp as int64 milliseconds. The client makes a time of it by way of int64 nanoseconds,
// and those wrap outside of the years 1677 to 2262: the year 10000 arrives as 1816, and the largest number as -1. The
// six upper bits are lost on the way, so that no arithmetic brings the number back. Such a record is read a second
// time, from its batch as the broker sends it.
//
//	nanoseconds > 0, whole milliseconds    the client's time is right
//	anything else                          it is negative, or has wrapped: ask
//
// A number of 2^58 milliseconds or more can wrap to whole milliseconds after 1970 as well, once in 15,625 times.

// clientIsRight reports whether the client's time of a record is the one that Kafka keeps.
func clientIsRight(t time.Time) bool {
	n := t.UnixNano()
	return n > 0 && n%int64(time.Millisecond) == 0
}

// errOldFormat says that a batch is older than Kafka 0.11: its records keep the client's times.
var errOldFormat = errors.New("it is no batch of the format that Kafka writes since 0.11")

// exactTimes sets the times of records of one partition to those that Kafka keeps. The client has handed the records out:
// the end of ctx does not keep them from being read, each question has its own time-out.
func (s *Source) exactTimes(ctx context.Context, list []*kgo.Record) error {
	ctx = context.WithoutCancel(ctx)
	var leader *leader     // nil: not asked for yet
	var at map[int64]int64 // :: offset -> milliseconds, of the batches asked for last
	for _, r := range list {
		switch {
		case clientIsRight(r.Timestamp):
			continue
		case r.Attrs.TimestampType() < 0: // the first format has no timestamps
			r.Timestamp = time.UnixMilli(noTimestamp)
			continue
		}
		ms, known := at[r.Offset]
		if !known {
			tp := fencepost.TopicPartition{Topic: r.Topic, Partition: r.Partition}
			var err error
			if leader == nil {
				leader, err = s.leader(ctx, tp)
			}
			if err == nil {
				at, err = s.batchTimes(ctx, leader, r.Offset)
			}
			if errors.Is(err, errOldFormat) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read the timestamp of %s:%d: %w", tp, r.Offset, err)
			}
			if ms, known = at[r.Offset]; !known {
				return fmt.Errorf("read the timestamp of %s:%d: the broker's batch does not have the record", tp, r.Offset)
			}
		}
		r.Timestamp = time.UnixMilli(ms)
	}
	return nil
}

// exactTimesOf is exactTimes for all partitions of a poll.
func (s *Source) exactTimesOf(ctx context.Context, fetches kgo.Fetches) (err error) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if err == nil {
			err = s.exactTimes(ctx, p.Records)
		}
	})
	return err
}

// noTimestamp is the protocol's word for a record without a timestamp.
const noTimestamp = -1

// leader is the broker that leads a partition.
type leader struct {
	fencepost.TopicPartition
	id     fencepost.TopicID
	broker int32
}

func (s *Source) leader(ctx context.Context, tp fencepost.TopicPartition) (*leader, error) {
	m, err := s.metadataSoon(ctx, []string{tp.Topic})
	if err != nil {
		return nil, err
	}
	t := m.topics[tp.Topic]
	switch {
	case t.err != nil:
		return nil, t.err
	case int(tp.Partition) >= len(t.leaders) || t.leaders[tp.Partition] < 0:
		return nil, errors.New("the partition has no leader")
	}
	return &leader{tp, t.id, t.leaders[tp.Partition]}, nil
}

// reread is how many bytes are read a second time at once, and at most how many are decompressed of more than one batch.
const reread = 1 << 20

// batchTimes reads the timestamps of the batch that holds an offset, and of some that follow.
func (s *Source) batchTimes(ctx context.Context, from *leader, offset int64) (map[int64]int64, error) {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MinBytes, req.MaxBytes, req.SessionEpoch = -1, 1, reread, -1 // the first batch comes whole, whatever its size
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = from.Topic, from.id
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.CurrentLeaderEpoch, rp.FetchOffset, rp.PartitionMaxBytes = from.Partition, -1, offset, reread
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errors.New("its leader did not answer in 5s"))
	defer cancel()
	resp, err := s.client.Broker(int(from.broker)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, errors.Join(context.Cause(ctx), err)
	}
	got := resp.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return nil, err
	}
	if len(got.Topics) != 1 || len(got.Topics[0].Partitions) != 1 {
		return nil, errors.New("its leader left it out of the answer")
	}
	p := &got.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return nil, err
	}
	return s.timesOf(p.RecordBatches)
}

// timesOf reads the timestamps of the batches in b. The first of them is whole.
func (s *Source) timesOf(b []byte) (map[int64]int64, error) {
	const upToMagic, upToLength = 16, 12 // the length counts what follows it
	at := map[int64]int64{}
	for first, size := true, 0; first || size < reread && len(b) > upToMagic; first = false {
		if len(b) <= upToMagic || b[upToMagic] != 2 {
			if first {
				return nil, errOldFormat
			}
			break
		}
		n := upToLength + int(binary.BigEndian.Uint32(b[8:]))
		if n > len(b) && !first {
			break // cut by the size that was asked for
		}
		raw, err := s.times(b[:min(n, len(b))], at)
		if err != nil {
			if first {
				return nil, err
			}
			break // its own records ask again, and then it is the first
		}
		size += raw
		b = b[min(n, len(b)):]
	}
	return at, nil
}

// times adds the timestamps of a batch to at, and returns its size without compression.
func (s *Source) times(b []byte, at map[int64]int64) (size int, err error) {
	var batch kmsg.RecordBatch
	if err := batch.ReadFrom(b); err != nil {
		return 0, fmt.Errorf("read the batch: %w", err)
	}
	raw, err := s.memory.inner.Decompress(batch.Records, kgo.CompressionCodecType(batch.Attributes&7))
	if err != nil {
		return 0, fmt.Errorf("decompress the batch: %w", err)
	}
	size = len(raw)
	appended := batch.Attributes&8 != 0 // by the broker's clock (LogAppendTime)
	for range batch.NumRecords {
		length, used := binary.Varint(raw)
		if used <= 0 || length < 0 || int64(len(raw)-used) < length {
			return 0, errors.New("the batch ends within a record")
		}
		var r kmsg.Record
		if err := r.ReadFrom(raw[:used+int(length)]); err != nil {
			return 0, fmt.Errorf("read a record of the batch: %w", err)
		}
		raw = raw[used+int(length):]
		ms := batch.FirstTimestamp + r.TimestampDelta64
		if appended {
			ms = batch.MaxTimestamp
		}
		at[batch.FirstOffset+int64(r.OffsetDelta)] = ms
	}
	return size, nil
}
