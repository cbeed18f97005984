//go:build realservers

package scenarios

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/chaos"
)

// feeder produces while everything else breaks. What it could not produce is no record: the truth is the log.
type feeder struct {
	r          *ring
	cl         *kgo.Client
	rng        *rand.Rand
	partitions atomic.Int32 // how many the topic has
	end        context.CancelFunc
	done       chan struct{} // closed when it has ended: it was asked to, or has produced the records of its campaign
}

// Every 20 ms it produces some records, each to a partition of its own choice: about so many in a second, where a campaign names no other
// number.
const (
	feedEvery = 20 * time.Millisecond
	feedPace  = 1000
	feedAhead = 300_000 // where a campaign names its records, they are at most so far ahead of the positions
)

func startFeed(r *ring) *feeder {
	r.t.Helper()
	ctx, end := context.WithCancel(context.Background())
	f := &feeder{r: r, end: end, done: make(chan struct{}), rng: rand.New(rand.NewPCG(r.seed, 17))}
	f.partitions.Store(int32(r.partitions))
	f.cl = r.client(kgo.SeedBrokers(r.addresses(false)...), kgo.MetadataMaxAge(time.Second), kgo.RecordDeliveryTimeout(time.Minute))
	most := 2 * r.pace * int(feedEvery) / int(time.Second)
	go func() {
		defer close(f.done)
		tick := time.NewTicker(feedEvery)
		defer tick.Stop()
		for left := r.records; ctx.Err() == nil; {
			if r.records == 0 {
				f.some(ctx, f.rng.IntN(most))
			} else if left -= f.share(ctx, left); left == 0 {
				return
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

// some produces records as long as the client's buffer has room for them.
func (f *feeder) some(ctx context.Context, n int) {
	for range n {
		f.cl.TryProduce(ctx, f.record(), nil)
	}
}

// share produces what is due in one turn of a campaign's records, of which some are left. It waits for the brokers, and for workers that
// are far behind.
func (f *feeder) share(ctx context.Context, left int) int {
	if ahead := f.r.records - left - int(f.r.eyes.applied.Load()); ahead > feedAhead {
		return 0
	}
	n := min(left, 1+f.r.records*int(feedEvery/time.Millisecond)/int(f.r.length/time.Millisecond))
	for range n {
		f.cl.Produce(ctx, f.record(), nil)
	}
	return n
}

func (f *feeder) record() *kgo.Record {
	return &kgo.Record{Topic: f.r.topic, Partition: f.rng.Int32N(f.partitions.Load()), Value: fmt.Appendf(nil, `{"n":%d}`, f.rng.Int64())}
}

// over reports whether it has ended.
func (f *feeder) over() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// stop ends the feeder: what it has begun to produce is in the log, or never comes.
func (f *feeder) stop() {
	f.end()
	<-f.done
	_ = f.cl.Flush(context.Background()) // records that fail are none
	f.cl.Close()
}

// fed is the number in a record's value.
func fed(value []byte) (int64, error) {
	return strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimPrefix(value, []byte(`{"n":`)), []byte("}"))), 10, 64)
}

// eyes look at the positions while the run goes on.
type eyes struct {
	watch   chaos.Watch  // read after close
	applied atomic.Int64 // records in front of the positions
	end     context.CancelFunc
	done    chan struct{}
	mu      struct {
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
	applied := int64(0)
	for _, p := range s.Positions {
		applied += int64(p.Offset)
	}
	e.applied.Store(applied)
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
