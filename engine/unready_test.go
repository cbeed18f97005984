package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
)

// registered is numbers with a schema in a registry, which has not answered for the records from `from` on.
type registered struct {
	numbers
	from  atomic.Int64
	tries atomic.Int64
	await func(context.Context)
}

func (d *registered) Decode(r *fencepost.Record, cols []fencepost.Column) error {
	if from := d.from.Load(); from >= 0 && int64(r.Offset) >= from {
		d.tries.Add(1)
		cols[0].AppendInt(-1) // a row that is begun
		return &fencepost.Unready{Code: "registry-unavailable", Reason: "the registry does not answer", Await: d.await}
	}
	return d.numbers.Decode(r, cols)
}

func newRegistered(from int64) *registered {
	d := &registered{}
	d.bad.Store(-1)
	d.from.Store(from)
	return d
}

// A record whose schema cannot be had makes its partition wait: the records in front of it are applied, other partitions go on,
// it is said once, and the record goes in once the registry answers, without a park.
func TestARecordWithoutItsSchemaWaits(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		w.produce(tp(1), 10)
		dec := newRegistered(13)
		wk := w.run(s, func(c *Config) { c.Who, c.Decoder = "w1", func() fencepost.Decoder { return dec } })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(23 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 13))
		wantRows(t, s, tp(1), upTo(0, 10))
		if got := wk.engine().Status(); got.Waiting != 1 || got.Parked != 0 || got.Lag != 7 {
			t.Errorf("the status is %+v, want 1 waiting and a lag of 7", got)
		}
		if n := dec.tries.Load(); n < 5 || n > 15 {
			t.Errorf("it was tried %d times in 23 s, want waits that double up to the watch interval of 5 s", n)
		}
		const reason = "the record at offset 13 cannot be decoded yet: the registry does not answer"
		if got := seen[Waiting](wk); len(got) != 1 || got[0].TopicPartition != tp(0) || got[0].Reason != reason {
			t.Errorf("waiting was told as %+v, want once", got)
		}
		if r := reported(t, s, tp(0)); r.Halt != "waiting" || r.Code != "registry-unavailable" || r.Offset != 13 || r.Reason != reason {
			t.Errorf("reported: %+v", r)
		}
		dec.from.Store(-1)
		time.Sleep(6 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 20))
		if got := seen[Reconciled](wk); got[len(got)-1].Partitions[0].Reason != "the record was applied" {
			t.Errorf("the end of it was told as %+v", got[len(got)-1])
		}
		if r := reported(t, s, tp(0)); r.Halt != "" {
			t.Errorf("reported of a partition that runs: %+v", r)
		}
		if n := len(seen[Parked](wk)); n != 0 {
			t.Errorf("parked was told %d times", n)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// A schema that is on its way is waited for in place: nothing is fetched again. One that takes long holds up no other partition
// for longer than a second.
func TestASchemaOnItsWayIsAwaited(t *testing.T) {
	for what, c := range map[string]struct {
		takes   time.Duration
		waiting int // events
	}{
		"soon": {300 * time.Millisecond, 0},
		"late": {1500 * time.Millisecond, 1},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 20)
				w.produce(tp(1), 10)
				dec := newRegistered(13)
				answer := make(chan struct{})
				dec.await = func(ctx context.Context) {
					select {
					case <-answer:
					case <-ctx.Done():
					}
				}
				time.AfterFunc(c.takes, func() { dec.from.Store(-1); close(answer) })
				wk := w.run(s, func(c *Config) { c.Lanes, c.Decoder = 1, func() fencepost.Decoder { return dec } })
				synctest.Wait()
				wk.source.assign(tp(0), tp(1))
				time.Sleep(1200 * time.Millisecond)
				wantRows(t, s, tp(1), upTo(0, 10))
				time.Sleep(1200 * time.Millisecond)
				wantRows(t, s, tp(0), upTo(0, 20))
				if n := len(seen[Waiting](wk)); n != c.waiting {
					t.Errorf("waiting was told %d times, want %d", n, c.waiting)
				}
				if err := wk.end(); err != nil {
					t.Fatalf("run: %v", err)
				}
			})
		})
	}
}

// A run that ends does not wait for a schema.
func TestAStopDoesNotWaitForASchema(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		dec := newRegistered(0)
		dec.await = func(ctx context.Context) { <-ctx.Done() }
		wk := w.run(s, func(c *Config) { c.Decoder = func() fencepost.Decoder { return dec } })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("the stop took %s", took)
		}
	})
}
