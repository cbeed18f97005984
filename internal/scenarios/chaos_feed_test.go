//go:build realservers

package scenarios

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/chaos"
)

// feeder produces while everything else breaks. What it could not produce is no record: the truth is the log.
type feeder struct {
	cl         *kgo.Client
	partitions atomic.Int32 // how many the topic has
	end        context.CancelFunc
	done       chan struct{}
}

// Every 20 ms it produces some records, each to a partition of its own choice: about so many in a second, where a campaign names no other
// number.
const (
	feedEvery = 20 * time.Millisecond
	feedPace  = 1000
)

func startFeed(r *ring) *feeder {
	r.t.Helper()
	ctx, end := context.WithCancel(context.Background())
	f := &feeder{end: end, done: make(chan struct{})}
	f.partitions.Store(int32(r.partitions))
	f.cl = r.client(kgo.SeedBrokers(r.addresses(false)...), kgo.MetadataMaxAge(time.Second), kgo.RecordDeliveryTimeout(time.Minute))
	rng := rand.New(rand.NewPCG(r.seed, 17))
	most := 2 * r.pace * int(feedEvery) / int(time.Second)
	go func() {
		defer close(f.done)
		tick := time.NewTicker(feedEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			for range rng.IntN(most) {
				f.cl.TryProduce(ctx, &kgo.Record{Topic: r.topic, Partition: rng.Int32N(f.partitions.Load()), Value: fmt.Appendf(nil, `{"n":%d}`, rng.Int64())}, nil)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	r.t.Cleanup(f.stop)
	return f
}

// stop ends the feeder: what it has begun to produce is in the log, or never comes.
func (f *feeder) stop() {
	f.end()
	<-f.done
	_ = f.cl.Flush(context.Background()) // records that fail are none
	f.cl.Close()
}

// fed is the number in a record's value, as text.
func fed(value []byte) string {
	return strings.TrimSuffix(strings.TrimPrefix(string(value), `{"n":`), "}")
}

// eyes look at the positions while the run goes on.
type eyes struct {
	watch chaos.Watch // read after close
	end   context.CancelFunc
	done  chan struct{}
	mu    struct {
		sync.Mutex
		found []chaos.Violation
	}
}

func startEyes(r *ring) *eyes {
	r.t.Helper()
	ctx, end := context.WithCancel(context.Background())
	e := &eyes{end: end, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			e.look(ctx, r)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	r.t.Cleanup(e.close)
	return e
}

// look looks once. A store that does not answer shows nothing.
func (e *eyes) look(ctx context.Context, r *ring) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := r.kit.ledger().Read(ctx, r.group)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.found = append(e.mu.found, e.watch.See(r.now(), s)...)
}

func (e *eyes) close() {
	e.end()
	<-e.done
}

// found is what the eyes saw go wrong.
func (e *eyes) found() []chaos.Violation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.found
}
