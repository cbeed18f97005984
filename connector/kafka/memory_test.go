package kafka

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fed is a memory of 16 KiB for one half, and brokers that answer with compressed batches of 4 KiB of zeros.
type fed struct {
	*testing.T
	*memory
	src []byte
}

func feed(t *testing.T) fed {
	m, err := newMemory(32 << 10)
	if err != nil {
		t.Fatal(err)
	}
	c, err := kgo.DefaultCompressor(kgo.ZstdCompression())
	if err != nil {
		t.Fatal(err)
	}
	src, codec := c.Compress(new(bytes.Buffer), make([]byte, 4<<10))
	if codec != kgo.CodecZstd {
		t.Fatalf("codec %d", codec)
	}
	return fed{t, m, src}
}

// answers begins an answer of the broker.
func (f fed) answers(broker int32) {
	f.OnBrokerRead(kgo.BrokerMetadata{NodeID: broker}, fetchKey, 0, 0, 0, nil)
}

// batches reads n batches of partition 0 of the topic out of the broker's answer, and returns how many were taken.
func (f fed) batches(broker int32, topic string, n int) (taken int) {
	for range n {
		m := kgo.FetchBatchMetrics{CompressedBytes: len(f.src), UncompressedBytes: len(f.src), CompressionType: uint8(kgo.CodecZstd)}
		out, err := f.Decompress(f.src, kgo.CodecZstd)
		switch {
		case err == nil:
			m.NumRecords, m.UncompressedBytes = 1, len(out)
			taken++
		case !errors.Is(err, errFull):
			f.Fatal(err)
		}
		f.OnFetchBatchRead(kgo.BrokerMetadata{NodeID: broker}, topic, 0, m)
	}
	return taken
}

// poll takes an answer with partition 0 of each topic.
func (f fed) poll(topics ...string) {
	var fetch kgo.Fetch
	for _, topic := range topics {
		fetch.Topics = append(fetch.Topics, kgo.FetchTopic{Topic: topic, Partitions: []kgo.FetchPartition{{Records: []*kgo.Record{{}}}}})
	}
	f.polled(kgo.Fetches{fetch})
}

func (f fed) want(what string, got, want int) {
	f.Helper()
	if got != want {
		f.Errorf("%s: %d, want %d", what, got, want)
	}
}

// A Poll of one broker's answer leaves what another broker's answer has used, which is still being read.
func TestMemoryOfTwoBrokers(t *testing.T) {
	f := feed(t)
	f.answers(1)
	f.want("read", f.batches(1, "a", 1), 1)
	f.answers(2)
	f.want("read by the second", f.batches(2, "b", 3), 3)
	f.want("read when half is full", f.batches(2, "b", 1), 0)
	f.poll("a")
	f.want("read after a Poll of the first", f.batches(2, "b", 4), 1)
	f.poll("b")
	f.answers(2)
	f.want("read after a Poll of both", f.batches(2, "b", 8), 4)
}

// An answer that is read before Poll's last is counted stays counted.
func TestMemoryOfTheNextAnswer(t *testing.T) {
	f := feed(t)
	f.answers(1)
	f.want("read", f.batches(1, "a", 2), 2)
	f.answers(1) // the client gave the first to Poll
	f.want("read of the next", f.batches(1, "a", 3), 3)
	f.poll("a") // and now it is counted
	f.want("read of the next", f.batches(1, "a", 3), 1)
	f.want("answers", len(f.mu.waiting), 1)
	f.poll("a")
	f.want("answers after both", len(f.mu.waiting), 0)
	f.want("held", int(f.held.Load()), 0)
}

// An answer that was refused whole is Poll's without having waited: the next one stays counted.
func TestMemoryOfARefusedAnswer(t *testing.T) {
	f := feed(t)
	f.answers(1)
	f.answers(2)
	f.want("read of the second", f.batches(2, "b", 4), 4)
	f.want("read of the first", f.batches(1, "a", 1), 0)
	f.poll("b")
	f.answers(1)
	f.want("read of the next", f.batches(1, "a", 3), 3)
	f.polled(kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: "a", Partitions: []kgo.FetchPartition{{Err: errFull}}}}}})
	f.want("read of the next", f.batches(1, "a", 2), 1)
}

// What the client dropped (paused, revoked, moved) counts as no memory: neither when its broker answers again, nor when
// it never does.
func TestMemoryOfDroppedAnswers(t *testing.T) {
	f := feed(t)
	f.answers(1)
	f.want("read", f.batches(1, "a", 4), 4)
	f.answers(1)
	f.want("read after a dropped answer", f.batches(1, "a", 4), 4)
	f.answers(2)
	f.want("read of another broker", f.batches(2, "b", 1), 0)
	f.mu.reading[1].last = time.Now().Add(-2 * dropped)
	f.poll("b")
	f.want("read once the answer is dropped for good", f.batches(2, "b", 5), 4)
}

// Our own fetches of other kinds of answers change nothing.
func TestMemoryCountsFetches(t *testing.T) {
	f := feed(t)
	f.answers(1)
	f.want("read", f.batches(1, "a", 3), 3)
	f.OnBrokerRead(kgo.BrokerMetadata{NodeID: 1}, 3, 0, 0, 0, nil)
	f.want("read after an answer about metadata", f.batches(1, "a", 3), 1)
}
