package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	packedRecords    = 768 << 10 // of 1 KiB: 768 MiB, which a codec makes a thousandth of
	packedPartitions = 64
)

// BenchmarkPackedMemory is the peak memory of a process whose topic decompresses far beyond what it may hold, and whose sink
// is slow.
func BenchmarkPackedMemory(b *testing.B) {
	for name, codec := range map[string]kgo.CompressionCodec{"zstd": kgo.ZstdCompression(), "lz4": kgo.Lz4Compression()} {
		addr := emptyBroker(b)
		producePacked(b, addr, codec)
		for _, c := range []struct{ fetch, goal int }{{64, 200}, {16, 100}} {
			b.Run(fmt.Sprintf("%s/fetch=%dMiB", name, c.fetch), func(b *testing.B) {
				for b.Loop() {
					cmd := exec.Command(os.Args[0])
					cmd.Env = append(os.Environ(), fmt.Sprintf("FENCEPOST_BENCH_PACKED=%s\n%d", addr, c.fetch<<20))
					out, err := cmd.CombinedOutput()
					peak, err2 := strconv.Atoi(strings.TrimSpace(string(out)))
					if err != nil || err2 != nil {
						b.Fatalf("%v: %s", err, out)
					}
					b.ReportMetric(float64(peak)/1024, fmt.Sprintf("MiB-peak(goal<=%d)", c.goal))
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func producePacked(b *testing.B, addr string, codec kgo.CompressionCodec) {
	b.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("packed"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(1<<20), kgo.ProducerLinger(50*time.Millisecond), kgo.MaxBufferedRecords(64<<10))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(b.Context(), packedPartitions, 1, nil, "packed"); err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 1<<10)
	for i := range packedRecords {
		cl.Produce(b.Context(), &kgo.Record{Partition: int32(i % packedPartitions), Value: value}, nil)
	}
	if err := cl.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// slow is a sink that takes 0.7 s for each batch and does nothing.
type slow struct {
	discard
	done context.CancelFunc
}

func (s *slow) Lane(context.Context, int) (sink.Lane, error) { return s, nil }

func (s *slow) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	time.Sleep(700 * time.Millisecond)
	if err := s.discard.Commit(ctx, w, c); err != nil {
		return err
	}
	if s.rows >= packedRecords {
		s.done()
	}
	return nil
}

// runPacked reads the packed topic, and prints what it took of memory at most, in KiB.
func runPacked(addr string, fetch int64) error {
	debug.SetMemoryLimit(pipeline.MemoryLimit(fetch)) // as cmd/fencepost does
	ctx, done := context.WithCancel(context.Background())
	defer done()
	src, err := kafka.Open(kafka.Config{Brokers: []string{addr}, Topics: []string{"packed"}, Group: "packed", FetchMemory: fetch})
	if err != nil {
		return err
	}
	raw, err := decode.Raw(fencepost.ColumnSpec{Name: "value", Type: fencepost.Bytes})
	if err != nil {
		return err
	}
	err = engine.Run(ctx, engine.Config{Group: "packed", Source: unmirrored{src}, Sink: &slow{discard{Store: memory.Open()}, done}, Decoder: raw, Watch: time.Hour, Memory: fetch / 2,
		Lanes: 1, Drain: time.Second})
	if err != nil && ctx.Err() == nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	peak, _, _ = strings.Cut(strings.TrimSpace(peak), " kB")
	fmt.Println(peak)
	return nil
}
