package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// many is a topic of many partitions and a sink that does nothing, so that what is left is the engine's own work. A
// round is some records of each partition; the engine gets it when the benchmark asks for it.
type many struct {
	*memory.Store // the ledger of the starts; commits do not reach it
	n             int
	chunks        []source.Fetch
	entries       []entries // :: partition -> its part of the round

	holder    source.Listener
	next      chan struct{} // a round may come
	committed chan struct{} // one batch was committed, and the engine has taken note of it
	commit    func()        // inside each commit
	change    func(*engine.Config)
}

// entries is a fetch: each records from an offset on.
type entries struct {
	from fencepost.Offset
	each int
}

func (e *entries) Len() int       { return e.each }
func (e *entries) Size() int      { return 100 * e.each }
func (*entries) Recycle(int, int) {}

func (e *entries) Read(i int, r *fencepost.Record) {
	*r = fencepost.Record{TopicPartition: r.TopicPartition, Offset: e.from + fencepost.Offset(i), Timestamp: 1}
}

func newMany(n, each int) *many {
	m := &many{Store: memory.Open(), n: n, entries: make([]entries, n), chunks: make([]source.Fetch, n),
		next: make(chan struct{}), committed: make(chan struct{}), commit: func() {}, change: func(*engine.Config) {}}
	for i := range m.chunks {
		m.entries[i].each = each
		m.chunks[i] = source.Fetch{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: int32(i)},
			TopicID: fencepost.TopicID{1}, Records: &m.entries[i], LastStableOffset: 1 << 40, HighWatermark: 1 << 40}
	}
	return m
}

// names is the partitions [from, until).
func (m *many) names(from, until int) (tps []fencepost.TopicPartition) {
	for _, c := range m.chunks[from:until] {
		tps = append(tps, c.TopicPartition)
	}
	return tps
}

// Start leaves the holder to the benchmark, which assigns.
func (m *many) Start(_ context.Context, h source.Listener) error {
	m.holder = h
	m.committed <- struct{}{}
	return nil
}

func (m *many) Poll(ctx context.Context) ([]source.Fetch, error) {
	select {
	case <-m.next:
		return m.chunks, nil
	case <-ctx.Done():
		return nil, nil
	}
}

func (m *many) Seek(map[fencepost.TopicPartition]source.Start) {}
func (m *many) Leave(context.Context) error                    { return nil }
func (m *many) Cluster() source.Cluster                        { return m }

func (m *many) Describe(context.Context) (source.Description, error) {
	return source.Description{ClusterID: "c", Topics: map[string]fencepost.Topic{"t": {ID: fencepost.TopicID{1}, Partitions: int32(m.n)}}}, nil
}

func (m *many) LogOffsets(_ context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	all := make(map[fencepost.TopicPartition]fencepost.LogOffsets, len(asks))
	for _, a := range asks {
		all[a.TopicPartition] = fencepost.LogOffsets{TopicID: fencepost.TopicID{1}, LastStableOffset: 1 << 40, HighWatermark: 1 << 40, EpochEnd: -1, AtTime: -1}
	}
	return all
}

func (m *many) CommittedOffsets(context.Context, fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	return nil, nil
}

func (m *many) Mirror(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return nil
}

func (m *many) Lane(context.Context, int) (sink.Lane, error) { return m, nil }

func (m *many) Commit(context.Context, ledger.Actor, sink.Commit) error {
	m.commit()
	return nil
}

// run starts an engine that holds nothing yet, and returns what stops it. The ledger does not move, so a watch would find the run ahead of it.
func (m *many) run(b *testing.B, batch int, until engine.Until) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() {
		cfg := engine.Config{Group: "g", Source: m, Sink: m, Decoder: decode.None, Watch: time.Hour, Until: until,
			Batch: engine.BatchBounds{Records: batch, MinRows: min(batch, m.n), MaxWait: time.Hour}, Events: m.event}
		m.change(&cfg)
		done <- engine.Run(ctx, cfg)
	}()
	select {
	case <-m.committed: // it has started
	case err := <-done:
		b.Fatal(err)
	}
	return func() {
		cancel()
		<-done
	}
}

func (m *many) event(ev engine.Event) {
	if _, ok := ev.(engine.Committed); ok {
		m.committed <- struct{}{}
	}
}

// round has the next records of each partition committed, in so many batches.
func (m *many) round(batches int) {
	m.next <- struct{}{}
	for range batches {
		<-m.committed
	}
	for i := range m.entries {
		m.entries[i].from += fencepost.Offset(m.entries[i].each)
	}
}

var sizes = []int{100, 1_000, 10_000}

// BenchmarkPartitions is what the engine itself takes for a commit of many partitions: from a poll that brings records of
// each until the commit is noted, with a source and a sink that do nothing. CPU counts what goes on beside it too: the
// monitor's turns, which follow each commit in a run with an end, and collecting memory.
//
//	endless  one record of each partition, one batch
//	end      the same in a run with an end
//	shared   three records of each, of which the first batch takes two thirds: every share is rounded down
func BenchmarkPartitions(b *testing.B) {
	for _, run := range []struct {
		name           string
		until          engine.Until
		each, part, in int // records of each partition in a round and in its first batch; batches of a round
	}{{"endless", engine.Until{}, 1, 1, 1}, {"end", engine.Until{End: true}, 1, 1, 1}, {"shared", engine.Until{}, 3, 2, 2}} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", run.name, n), func(b *testing.B) {
				m := newMany(n, run.each)
				defer m.run(b, n*run.part, run.until)()
				m.holder.Assigned(b.Context(), m.names(0, n))
				for range 5 { // until the engine's own memory is as large as it gets
					m.round(run.in)
				}
				runtime.GC()
				var took []time.Duration
				before := cpu(b)
				for b.Loop() {
					took = append(took, timed(func() { m.round(run.in) }))
				}
				ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 / float64(run.in) }
				b.ReportMetric(ms(cpu(b)-before)/float64(len(took)), "cpu-ms/commit")
				slices.Sort(took)
				b.ReportMetric(ms(took[len(took)/2]), "median-ms/commit")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// cpu is what the process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAssign is what the engine takes to take in partitions of a topic that is new to the ledger, whose starts it
// records, and to let them go: half of them while the other half is being committed, then that half.
func BenchmarkAssign(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var assigned, beside, revoked time.Duration
			for b.Loop() {
				m := newMany(n, 1)
				inside, resume := make(chan struct{}), make(chan struct{})
				m.commit = func() {
					inside <- struct{}{}
					<-resume
				}
				stop := m.run(b, n/2, engine.Until{})
				half, other := m.names(0, n/2), m.names(n/2, n)
				m.chunks = m.chunks[:n/2]
				assigned += timed(func() { m.holder.Assigned(b.Context(), slices.Concat(half, other)) })
				m.next <- struct{}{}
				<-inside
				beside += timed(func() { m.holder.Revoked(b.Context(), other) })
				close(resume)
				<-m.committed
				revoked += timed(func() { m.holder.Revoked(b.Context(), half) })
				stop()
			}
			b.ReportMetric(0, "ns/op")
			ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 / float64(b.N) }
			b.ReportMetric(ms(assigned), "ms/assign")
			b.ReportMetric(ms(beside), "ms/revoke-beside-commit")
			b.ReportMetric(ms(revoked), "ms/revoke")
		})
	}
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}
