package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// peers is how many other workers a worker of [BenchmarkPresenceThroughput] watches.
const peers = 7

// BenchmarkPresenceThroughput is what presence costs on the way of records: a member of a group with a sink that does nothing, which has a sign of
// life and watches seven others, beside the same worker of a source that says nothing of its membership, and so without presence. In small
// batches every step of a commit weighs most.
func BenchmarkPresenceThroughput(b *testing.B) {
	addr := startBroker(b)
	for _, batch := range []int{2_000, 20_000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			runs := 0
			member := func(s func(*kafka.Source) source.Source) func() {
				return func() {
					runs++
					runMember(b, addr, fencepost.Group(fmt.Sprintf("bench-%d-%d", batch, runs)), batch, s)
				}
			}
			for b.Loop() {
				with, without := inTurn(11, member(func(s *kafka.Source) source.Source { return s }), member(func(s *kafka.Source) source.Source { return solitary{s} }))
				b.ReportMetric(float64(median(without, wall))/float64(median(with, wall)), "of-without(goal>=0.99)")
				b.ReportMetric(float64(median(without, cpu))/float64(median(with, cpu)), "of-cpu-without(goal>=0.99)")
				b.ReportMetric(float64(median(with, cpu))/noopRecords, "cpu-ns/record")
				b.ReportMetric(noopRecords/median(with, wall).Seconds()/1e6, "M-records/s")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// solitary is a source that does not say who is in its group: there is no presence then.
type solitary struct{ *kafka.Source }

// Membership is another method than that of source.Membership.
func (solitary) Membership() {}

// totalled is a sink that does nothing, with a ledger that keeps what workers enter, and tells when every record has come.
type totalled struct {
	discard
	done context.CancelFunc
}

func (c *totalled) Lane(context.Context, int) (sink.Lane, error) { return c, nil }

func (c *totalled) Commit(ctx context.Context, w ledger.Actor, batch sink.Commit) error {
	err := c.discard.Commit(ctx, w, batch)
	if c.rows >= noopRecords {
		c.done()
	}
	return err
}

// runMember reads every record as a member of a group, beside seven workers that live and have no partitions.
func runMember(b *testing.B, addr string, g fencepost.Group, batch int, as func(*kafka.Source) source.Source) {
	b.Helper()
	store := memory.Open()
	for i := range peers {
		sign := ledger.NewSign(uint64(i + 1))
		if _, err := store.Appear(b.Context(), g, sign); err != nil {
			b.Fatal(err)
		}
		if err := ledger.WriteWorkers(b.Context(), store, g, ledger.Worker{Slot: i, Sign: sign, Member: sign, Who: fmt.Sprintf("%d@bench", i), Since: time.Now()}); err != nil {
			b.Fatal(err)
		}
	}
	src, err := kafka.Open(kafka.Config{Brokers: []string{addr}, Group: g, Topics: []string{"t"}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, done := context.WithCancel(b.Context())
	defer done()
	d := &totalled{discard{Store: store}, done}
	// The ledger does not move, so a watch would find the run ahead of it and send it back to the start.
	err = engine.Run(ctx, engine.Config{Group: g, Source: as(src), Sink: d, Decoder: decode.None, Lanes: 1, Watch: time.Hour,
		Batch: engine.BatchBounds{Records: batch, Bytes: 1 << 30}})
	if err != nil && ctx.Err() == nil {
		b.Fatalf("run: %v", err)
	}
	if d.rows != noopRecords {
		b.Fatalf("the engine applied %d records, want %d", d.rows, noopRecords)
	}
}
