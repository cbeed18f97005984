package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	noopRecords    = 4_000_000
	noopPartitions = 12
	recordSize     = 100
)

func serve(dir string) {
	b, err := broker.Start(broker.Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(b.Addr())
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt)
	<-ch
	_ = b.Close()
}

// startBroker starts the embedded broker with the benchmark's records in topic t.
func startBroker(b *testing.B) string {
	b.Helper()
	addr := emptyBroker(b)
	produce(b, addr)
	return addr
}

// emptyBroker starts the embedded broker in a process of its own.
func emptyBroker(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FENCEPOST_BENCH_BROKER="+b.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		b.Fatalf("the broker did not start: %v", err)
	}
	return strings.TrimSpace(string(line[:n]))
}

func produce(b *testing.B, addr string) {
	b.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("t"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(20*time.Millisecond))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(b.Context(), noopPartitions, 1, nil, "t"); err != nil {
		b.Fatal(err)
	}
	value := make([]byte, recordSize)
	var once sync.Once
	for i := range noopRecords {
		cl.Produce(b.Context(), &kgo.Record{Partition: int32(i % noopPartitions), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				once.Do(func() { b.Errorf("produce: %v", err) })
			}
		})
	}
	if err := cl.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEngine compares the engine, with a sink that does nothing, to the shortest loop over the same client: poll
// and recycle. Both start from nothing and read every record of 12 partitions.
func BenchmarkEngine(b *testing.B) {
	addr := startBroker(b)
	for _, batch := range []int{20_000, 100_000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			goal := "of-bare"
			if batch >= 100_000 {
				goal = "of-bare(goal>=0.95)"
			}
			for b.Loop() {
				ours, bare := inTurn(5, func() { runEngine(b, addr, batch) }, func() { bareLoop(b, addr) })
				b.ReportMetric(float64(median(bare, wall))/float64(median(ours, wall)), goal)
				b.ReportMetric(float64(median(ours, cpu))/noopRecords, "cpu-ns/record")
				b.ReportMetric(float64(median(bare, cpu))/noopRecords, "bare-cpu-ns/record")
				b.ReportMetric(float64(median(ours, mallocs))/noopRecords, "allocs/record(goal<=0.05)")
				b.ReportMetric(float64(median(bare, mallocs))/noopRecords, "bare-allocs/record")
				b.ReportMetric(noopRecords/median(ours, wall).Seconds()/1e6, "M-records/s")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// discard is a sink whose commits do nothing: the engine's own work is left.
type discard struct {
	*memory.Store
	rows int
}

func (d *discard) Lane(context.Context, int) (sink.Lane, error) { return d, nil }

func (d *discard) Commit(_ context.Context, _ ledger.Actor, c sink.Commit) error {
	d.rows += c.Rows()
	return nil
}

// runEngine ends the run once every record has come: an end would have to be read from the ledger, which does not move.
func runEngine(b *testing.B, addr string, batch int) {
	b.Helper()
	runWatched(b, addr, batch, func(*engine.Engine) {})
}

// runWatched is the same, under the eyes of whoever subscribes.
func runWatched(b *testing.B, addr string, batch int, watch func(*engine.Engine)) {
	b.Helper()
	var parts []fencepost.TopicPartition
	for p := range int32(noopPartitions) {
		parts = append(parts, fencepost.TopicPartition{Topic: "t", Partition: p})
	}
	src, err := kafka.Open(kafka.Config{Brokers: []string{addr}, Group: "bench", Partitions: parts})
	if err != nil {
		b.Fatal(err)
	}
	sink := &discard{Store: memory.Open()}
	// The ledger does not move, so a watch would find the run ahead of it and send it back to the start.
	e, err := engine.New(engine.Config{Group: "bench", Source: unmirrored{src}, Sink: sink, Decoder: decode.None, Until: engine.Until{End: true},
		Watch: time.Hour, Batch: engine.BatchBounds{Records: batch, Bytes: 1 << 30}})
	if err != nil {
		b.Fatal(err)
	}
	watch(e)
	if err := e.Run(b.Context()); err != nil {
		b.Fatalf("run: %v", err)
	}
	if sink.rows != noopRecords {
		b.Fatalf("the engine applied %d records, want %d", sink.rows, noopRecords)
	}
}

// unmirrored keeps the runs apart: a mirror of the last one would be another ledger's.
type unmirrored struct{ source.Source }

func (u unmirrored) Cluster() source.Cluster { return noMirror{u.Source.Cluster()} }

type noMirror struct{ source.Cluster }

func (noMirror) CommittedOffsets(context.Context, fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	return nil, nil
}

func (noMirror) Mirror(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return nil
}

// bareLoop is the limit: franz-go with pooled records, and nothing else.
func bareLoop(b *testing.B, addr string) {
	b.Helper()
	offsets := map[int32]kgo.Offset{}
	for p := range int32(noopPartitions) {
		offsets[p] = kgo.NewOffset().At(0)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": offsets}),
		kgo.WithPools(&barePool{}), kgo.FetchMaxWait(250*time.Millisecond), kgo.DisableClientMetrics())
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	for n := 0; n < noopRecords; {
		fetches := cl.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			n += len(p.Records)
			for _, r := range p.Records {
				r.Recycle()
			}
		})
	}
}

// barePool is the simplest pool of record slices.
type barePool struct{ p sync.Pool }

func (b *barePool) GetRecords(n int) []kgo.Record {
	if s, ok := b.p.Get().(*[]kgo.Record); ok && cap(*s) >= n {
		return (*s)[:0]
	}
	return make([]kgo.Record, 0, n)
}

func (b *barePool) PutRecords(s []kgo.Record) { b.p.Put(&s) }
