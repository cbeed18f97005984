package kafka

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kfake"
)

// How long the brokers' answers about many partitions take, epochs included: goals are 150 ms for 10,000 partitions and
// 1.5 s for 100,000.
func BenchmarkBounds(b *testing.B) {
	for _, size := range []struct{ brokers, topics, partitions int }{{1, 1, 10_000}, {3, 100, 100}, {3, 100, 1000}, {1, 2, 50_000}} {
		b.Run(fmt.Sprintf("brokers=%d/topics=%d/partitions=%d", size.brokers, size.topics, size.topics*size.partitions), func(b *testing.B) {
			var names []string
			for n := range size.topics {
				names = append(names, fmt.Sprintf("t%03d", n))
			}
			c, err := kfake.NewCluster(kfake.NumBrokers(size.brokers), kfake.SeedTopics(int32(size.partitions), names...))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			askAll(b, c.ListenAddrs(), names, size.partitions)
		})
	}
}

// askAll measures LogOffsets of all partitions of topics, and the memory that one call holds at its end.
func askAll(b *testing.B, brokers, names []string, partitions int) {
	s, err := Open(Config{Brokers: brokers, Group: "g", Topics: names})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Leave(context.Background())
	var asks []fencepost.OffsetQuery
	for _, name := range names {
		for p := range partitions {
			asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp(name, int32(p)), LeaderEpoch: 0})
		}
	}
	worst := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		got := s.LogOffsets(b.Context(), asks)
		worst = max(worst, time.Since(began))
		for p, g := range got {
			if g.Err != nil {
				b.Fatalf("%s: %v", p, g.Err)
			}
		}
		runtime.KeepAlive(got)
	}
	b.ReportMetric(worst.Seconds()*1000, "worst-ms")
}
