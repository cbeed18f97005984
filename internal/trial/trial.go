package trial

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
	"github.com/fencepost/fencepost/ledger"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Running is an example at work.
type Running struct {
	t    *testing.T
	stop context.CancelFunc
	done chan struct{}
	err  error // set before done is closed
}

// Run begins an example. It is stopped at the test's end at the latest.
func Run(t *testing.T, run func(context.Context) error) *Running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &Running{t: t, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = run(ctx)
	}()
	t.Cleanup(func() { _ = r.Stop() })
	return r
}

// Until looks every few milliseconds until reached is true, for a minute at most.
func (r *Running) Until(reached func() bool) {
	r.t.Helper()
	again, late := time.NewTicker(5*time.Millisecond), time.NewTimer(time.Minute)
	defer again.Stop()
	defer late.Stop()
	for !reached() {
		select {
		case <-again.C:
		case <-r.done:
			if !reached() {
				r.t.Fatalf("the example ended early: %v", r.err)
			}
			return
		case <-late.C:
			r.t.Fatal("the example did not get there within a minute")
		}
	}
}

// Stop ends the example's context and returns how it ended.
func (r *Running) Stop() error {
	r.stop()
	return r.Wait()
}

// Wait waits for an example that ends by itself.
func (r *Running) Wait() error {
	<-r.done
	return r.err
}

// Broker starts an embedded broker with no topic and returns its address.
func Broker(t *testing.T) string {
	t.Helper()
	b, err := broker.Start(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the broker: %v", err)
		}
	})
	return b.Addr()
}

// Flights are those with numbers [from, until) of the house's sample.
func Flights(from, until int) iter.Seq[flights.Flight] {
	return func(yield func(flights.Flight) bool) {
		n := 0
		for f := range flights.First200k().All() {
			if n >= until || n >= from && !yield(f) {
				return
			}
			n++
		}
	}
}

// Feed writes flights into a topic. partitions makes it; 0: it is there.
func Feed(t *testing.T, address, topic string, partitions int32, all iter.Seq[flights.Flight]) {
	t.Helper()
	_, err := feed.Produce(t.Context(), feed.Config{Brokers: []string{address}, Topic: topic, Partitions: partitions, Flights: all,
		Client: []kgo.Opt{kgo.UnknownTopicRetries(100)}})
	if err != nil {
		t.Fatal(err)
	}
}

// Send writes records as they are, each to its own partition.
func Send(t *testing.T, address string, records ...*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(100))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// Sum is what the examples keep of an origin.
type Sum struct{ Flights, Minutes int64 }

// Sums are the truth about some flights: origin -> sum.
func Sums(all iter.Seq[flights.Flight]) map[string]Sum {
	sums := map[string]Sum{}
	for origin, total := range flights.TruthOf(all).Origins {
		sums[origin] = Sum{total.Rows, total.Delay}
	}
	return sums
}

// Total is how many flights the sums are of.
func Total(sums map[string]Sum) (n int64) {
	for _, s := range sums {
		n += s.Flights
	}
	return n
}

// Passed is how many offsets of the group a ledger has passed. Topics that begin at 0 and hold no markers have passed
// as many records.
func Passed(t *testing.T, ledger ledger.Ledger, group string) (n int64) {
	t.Helper()
	s, err := ledger.Read(t.Context(), fencepost.Group(group))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Positions {
		n += int64(p.Offset)
	}
	return n
}
