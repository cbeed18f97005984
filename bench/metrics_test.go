package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/metrics"
)

// page is what a scrape of one engine is answered with.
func page(m *metrics.Metrics) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(m)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

func scrape(h http.Handler) *httptest.ResponseRecorder {
	out := httptest.NewRecorder()
	h.ServeHTTP(out, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return out
}

// BenchmarkMetrics is the engine at full speed, of the same with its metrics counted and scraped once a second.
func BenchmarkMetrics(b *testing.B) {
	addr := startBroker(b)
	watched := func() {
		m := metrics.New(metrics.Config{Group: "bench"})
		h, end, ended := page(m), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				scrape(h)
				select {
				case <-tick.C:
				case <-end:
					return
				}
			}
		}()
		runWatched(b, addr, 20_000, m.Watch)
		close(end)
		<-ended
		if text := scrape(h).Body.String(); !strings.Contains(text, "fencepost_records_total{group=\"bench\"} 4e+06") {
			b.Fatalf("not everything was counted:\n%s", text)
		}
	}
	for b.Loop() {
		with, without := inTurn(5, watched, func() { runEngine(b, addr, 20_000) })
		b.ReportMetric(float64(median(without, cpu))/float64(median(with, cpu)), "of-unwatched-cpu(goal>=0.99)")
		b.ReportMetric(float64(median(without, wall))/float64(median(with, wall)), "of-unwatched(goal>=0.99)")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkScrape is one scrape of an engine that holds 1,000 partitions, and what its metrics keep in memory.
func BenchmarkScrape(b *testing.B) {
	const partitions = 1000
	addr := emptyBroker(b)
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(b.Context(), partitions, 1, nil, "t"); err != nil {
		b.Fatal(err)
	}
	var parts []fencepost.TopicPartition
	var records []*kgo.Record
	for p := range int32(partitions) {
		parts = append(parts, fencepost.TopicPartition{Topic: "t", Partition: p})
		records = append(records, &kgo.Record{Topic: "t", Partition: p, Value: []byte("x")})
	}
	if err := cl.ProduceSync(b.Context(), records...).FirstErr(); err != nil {
		b.Fatal(err)
	}
	src, err := kafka.Open(kafka.Config{Brokers: []string{addr}, Group: "bench", Partitions: parts})
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.New(engine.Config{Group: "bench", Source: src, Sink: memory.Open(), Decoder: decode.None})
	if err != nil {
		b.Fatal(err)
	}
	m := metrics.New(metrics.Config{Group: "bench"})
	m.Watch(e)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	defer func() { stop(); <-ended }()
	h := page(m)
	for text := ""; strings.Count(text, "\nfencepost_partition_last_commit_timestamp_seconds{") < partitions || !strings.Contains(text, `fencepost_lag_records{group="bench"} 0`); {
		select {
		case err := <-ended:
			b.Fatal(err)
		case <-time.After(50 * time.Millisecond):
			text = scrape(h).Body.String()
		}
	}
	live := func() float64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools hold goes by the second
		runtime.ReadMemStats(&s)
		return float64(s.HeapAlloc) / (1 << 20)
	}
	with := live()
	b.ReportAllocs()
	var size int
	used := cpuTime()
	for b.Loop() {
		size = scrape(h).Body.Len()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/scrape(goal<=20)")
	b.ReportMetric(float64((cpuTime()-used).Microseconds())/float64(b.N)/1000, "cpu-ms/scrape")
	b.ReportMetric(float64(size)/1024, "KiB/page")
	b.ReportMetric(live()-with, "MiB-kept-by-scrapes")
	b.ReportMetric(0, "ns/op")
}
