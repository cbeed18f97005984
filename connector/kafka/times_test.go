package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// times are timestamps as Kafka keeps them: the first that is right in nanoseconds, then those that wrap there. The
// last two wrap to -1 and to 0, which are timestamps as well.
var times = []int64{1_709_208_000_123, -1, 0, 1, -62_135_596_800_001, 253_402_300_800_000, 1_709_208_000_000_000, 1_709_208_000_000_000_000,
	math.MaxInt64, math.MinInt64}

// produceTimes writes one batch with a record for each timestamp, by hand: the client's producer wraps them too.
func (b *bench) produceTimes(topic string, codec kgo.CompressionCodec, times ...int64) {
	b.t.Helper()
	batch := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: int32(len(times)), LastOffsetDelta: int32(len(times) - 1), FirstTimestamp: times[0], MaxTimestamp: times[0]}
	for i, ms := range times {
		r := kmsg.Record{TimestampDelta64: ms - times[0], OffsetDelta: int32(i), Value: []byte("v")}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		batch.Records = r.AppendTo(batch.Records)
		batch.MaxTimestamp = max(batch.MaxTimestamp, ms)
	}
	compressor, err := kgo.DefaultCompressor(codec)
	if err != nil {
		b.t.Fatal(err)
	}
	if compressor != nil {
		raw, used := compressor.Compress(new(bytes.Buffer), batch.Records)
		batch.Records, batch.Attributes = bytes.Clone(raw), int16(used)
	}
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 5000
	rt := kmsg.NewProduceRequestTopic()
	listed, err := b.adm.ListTopics(b.t.Context(), topic)
	if err != nil {
		b.t.Fatal(err)
	}
	rt.Topic, rt.TopicID = topic, listed[topic].ID
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Records = raw
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := b.cl.Broker(int(listed[topic].Partitions[0].Leader)).Request(b.t.Context(), req)
	if err != nil {
		b.t.Fatal(err)
	}
	answer := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		b.t.Fatalf("produce times: %v", err)
	}
}

// timesOf reads the timestamps of what a fetch holds.
func timesOf(list source.Records) (got []int64) {
	var r fencepost.Record
	for i := range list.Len() {
		list.Read(i, &r)
		got = append(got, r.Timestamp)
	}
	return got
}

func TestV14EveryTimestampIsTheNumberThatKafkaHolds(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := unique(t)
		b.create(name, 1)
		wide := "9223372036854775807"
		if _, err := b.adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{
			{Name: "message.timestamp.after.max.ms", Value: &wide}, {Name: "message.timestamp.before.max.ms", Value: &wide}}, name); err != nil {
			t.Fatal(err)
		}
		plain := []int64{time.Now().UnixMilli()}
		b.produceTimes(name, kgo.NoCompression(), times...)
		b.produceTimes(name, kgo.Lz4Compression(), times...)
		b.produceTimes(name, kgo.NoCompression(), plain...)
		want := append(append(append([]int64(nil), times...), times...), plain...)
		s := b.open(Config{Partitions: []fencepost.TopicPartition{tp(name, 0)}})
		var got []int64
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		within(t, longest, "all records come", func() error {
			fetches, err := s.Poll(t.Context())
			for _, f := range fetches {
				if f.Err != nil {
					t.Fatal(f.Err)
				}
				got = append(got, timesOf(f.Records)...)
			}
			if err == nil && len(got) < len(want) {
				err = errors.New("some are missing")
			}
			return err
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Poll (-want +got):\n%s", diff)
		}
		got = nil
		err := s.Scan(t.Context(), map[fencepost.TopicPartition]fencepost.OffsetRange{tp(name, 0): {From: 0, Until: fencepost.Offset(len(want))}},
			func(r *fencepost.Record) bool { got = append(got, r.Timestamp); return true })
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Scan: %v (-want +got):\n%s", err, diff)
		}
		got = nil
		sampled, err := s.Sample(t.Context(), name, len(want))
		for _, r := range sampled {
			got = append(got, r.Timestamp)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Sample: %v (-want +got):\n%s", err, diff)
		}
	})
}

// Where a timestamp cannot be read, no record is handed out with another one: the partition fails, and brings the
// record once it was set where it goes on.
func TestV14ATimestampThatCanNotBeReadFailsItsPartition(t *testing.T) {
	c := fake(t)
	b := newBench(t, c.ListenAddrs())
	b.create("t", 1)
	b.produceTimes("t", kgo.NoCompression(), math.MaxInt64)
	refuse := true // until it was asked once
	c.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if fetch := req.(*kmsg.FetchRequest); fetch.MaxBytes != reread || !refuse {
			return nil, nil, false
		}
		refuse = false
		answer := req.ResponseKind().(*kmsg.FetchResponse)
		answer.ErrorCode = kerr.KafkaStorageError.Code
		return answer, nil, true
	})
	s := b.open(Config{Partitions: []fencepost.TopicPartition{tp("t", 0)}})
	if err := s.Start(t.Context(), &holder{}); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, s)
	r.failed(tp("t", 0))
	if len(r.got) > 0 || r.err[tp("t", 0)][0] != "KAFKA_STORAGE_ERROR" {
		t.Errorf("got %v with %v, want no record and the broker's own error", r.got, r.err)
	}
	s.Seek(map[fencepost.TopicPartition]source.Start{tp("t", 0): {}})
	r.until(tp("t", 0), 1)
}
