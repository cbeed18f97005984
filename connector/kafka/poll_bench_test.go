package kafka

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// endless is a broker whose 12 partitions never end: batches of 5,000 records of 92 bytes.
func endless(b *testing.B, codec kgo.CompressionCodec) []string {
	b.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(12, "t"),
		kfake.SyntheticFetch(kfake.SyntheticBatch{Records: 5000, RecordBytes: 92, RandomFrac: 0.2, Compression: codec}))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c.ListenAddrs()
}

// BenchmarkPoll is one record through the Source: ns and allocations a record. BenchmarkPoll/bare is the client's own
// loop with the same pools.
func BenchmarkPoll(b *testing.B) {
	addrs := endless(b, kgo.NoCompression())
	b.Run("source", func(b *testing.B) {
		var tps []fencepost.TopicPartition
		for p := range int32(12) {
			tps = append(tps, tp("t", p))
		}
		s, err := Open(Config{Brokers: addrs, Partitions: tps})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Leave(context.Background())
		if err := s.Start(b.Context(), &holder{}); err != nil {
			b.Fatal(err)
		}
		var sum int
		var rec fencepost.Record
		b.ReportAllocs()
		b.ResetTimer()
		for n := 0; n < b.N; {
			chunks, err := s.Poll(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for _, c := range chunks {
				if c.Err != nil {
					b.Fatal(c.Err)
				}
				for i := range c.Records.Len() {
					c.Records.Read(i, &rec)
					sum += len(rec.Value)
				}
				n += c.Records.Len()
				c.Records.Recycle(0, c.Records.Len())
			}
		}
		if sum == 0 {
			b.Fatal("nothing")
		}
	})
	b.Run("bare", func(b *testing.B) {
		at := map[int32]kgo.Offset{}
		for p := range int32(12) {
			at[p] = kgo.NewOffset().At(0)
		}
		cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.WithPools(&recordPool{}), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": at}))
		if err != nil {
			b.Fatal(err)
		}
		defer cl.Close()
		var sum int
		b.ReportAllocs()
		b.ResetTimer()
		for n := 0; n < b.N; {
			f := cl.PollFetches(b.Context())
			if err := f.Err(); err != nil {
				b.Fatal(err)
			}
			f.EachPartition(func(p kgo.FetchTopicPartition) {
				for _, r := range p.Records {
					sum += len(r.Value)
					r.Recycle()
				}
				n += len(p.Records)
			})
		}
		if sum == 0 {
			b.Fatal("nothing")
		}
	})
}
