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

// exactTimes sets the times of records of one partition to those that Kafka keeps.
func (s *Source) exactTimes(ctx context.Context, list []*kgo.Record) error {
	var at map[int64]int64 // :: offset -> milliseconds, of the last batch asked for
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
			at, err = s.batchTimes(ctx, tp, r.Offset)
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

// batchTimes reads the timestamps of the batch that holds an offset, from its leader.
func (s *Source) batchTimes(ctx context.Context, tp fencepost.TopicPartition, offset int64) (map[int64]int64, error) {
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
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MinBytes, req.MaxBytes, req.SessionEpoch = -1, 1, 1, -1 // a broker always sends one whole batch
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = tp.Topic, t.id
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.CurrentLeaderEpoch, rp.FetchOffset, rp.PartitionMaxBytes = tp.Partition, -1, offset, 1
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errors.New("its leader did not answer in 5s"))
	defer cancel()
	resp, err := s.client.Broker(int(t.leaders[tp.Partition])).RetriableRequest(ctx, req)
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

// timesOf reads the timestamps of the first batch in b.
func (s *Source) timesOf(b []byte) (map[int64]int64, error) {
	const upToMagic, magic = 16, 2
	if len(b) <= upToMagic || b[upToMagic] != magic {
		return nil, errOldFormat
	}
	const upToLength = 12 // the length counts what follows it
	if n := upToLength + int(binary.BigEndian.Uint32(b[8:])); n <= len(b) {
		b = b[:n]
	}
	var batch kmsg.RecordBatch
	if err := batch.ReadFrom(b); err != nil {
		return nil, fmt.Errorf("read the batch: %w", err)
	}
	raw, err := s.memory.inner.Decompress(batch.Records, kgo.CompressionCodecType(batch.Attributes&7))
	if err != nil {
		return nil, fmt.Errorf("decompress the batch: %w", err)
	}
	appended := batch.Attributes&8 != 0 // by the broker's clock (LogAppendTime)
	at := make(map[int64]int64, batch.NumRecords)
	for range batch.NumRecords {
		length, used := binary.Varint(raw)
		if used <= 0 || length < 0 || int64(len(raw)-used) < length {
			return nil, errors.New("the batch ends within a record")
		}
		var r kmsg.Record
		if err := r.ReadFrom(raw[:used+int(length)]); err != nil {
			return nil, fmt.Errorf("read a record of the batch: %w", err)
		}
		raw = raw[used+int(length):]
		ms := batch.FirstTimestamp + r.TimestampDelta64
		if appended {
			ms = batch.MaxTimestamp
		}
		at[batch.FirstOffset+int64(r.OffsetDelta)] = ms
	}
	return at, nil
}
