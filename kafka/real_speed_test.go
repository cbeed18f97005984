//go:build realservers

package kafka

import (
	"syscall"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A quiet pipeline: 100 records over 12 partitions are there in milliseconds, a seek of an idle partition too, and
// waiting for them costs next to nothing. The bounds are wide of what was measured (1-3 ms, 2-6 ms, 2 ms a second),
// since other work shares the machine.
func TestQuiet(t *testing.T) {
	b := newBench(t, []string{servers.Kafka(t).Plaintext})
	name := b.topic(12)
	for p := range int32(12) {
		b.produce(b.cl, name, p, 1)
	}
	began := time.Now()
	s := b.open(Config{Topics: []string{name}, Watch: 5 * time.Second})
	if err := s.Start(t.Context(), &holder{}); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, s)
	r.until(tp(name, 0), 1)
	t.Logf("first record %s after Open", time.Since(began).Round(time.Millisecond))
	for p := range int32(12) {
		r.until(tp(name, p), 1)
	}

	var rs []*kgo.Record
	for i := range int32(100) {
		rs = append(rs, &kgo.Record{Topic: name, Partition: i % 12, Value: []byte("x")})
	}
	best := time.Hour
	for round := range 5 {
		acked := make(chan time.Time, 1)
		go func() {
			for _, r := range rs {
				*r = kgo.Record{Topic: name, Partition: r.Partition, Value: r.Value}
			}
			b.cl.ProduceSync(t.Context(), rs...)
			acked <- time.Now()
		}()
		want := 12 + 100*(round+1)
		seen := func() (n int) {
			for _, list := range r.got {
				n += len(list)
			}
			return n
		}
		if !r.poll(longest, func() bool { return seen() >= want }) {
			t.Fatal("not all came")
		}
		best = min(best, time.Since(<-acked))
	}
	t.Logf("100 records visible %s after their acknowledgement", best)
	if best > 50*time.Millisecond {
		t.Errorf("too slow")
	}

	r.got = map[fencepost.TopicPartition][]string{}
	began = time.Now()
	s.Steer(map[fencepost.TopicPartition]fencepost.Start{tp(name, 3): {Offset: 0}})
	r.until(tp(name, 3), 1)
	took := time.Since(began)
	t.Logf("a seek of an idle partition took %s", took.Round(time.Millisecond))
	if took > fetchWait {
		t.Error("the seek waited for the fetch on its way")
	}

	used := func() time.Duration {
		var u syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before, at := used(), time.Now()
	for time.Since(at) < 2*time.Second {
		r.poll(2*time.Second, func() bool { return time.Since(at) > 2*time.Second })
	}
	perSecond := time.Duration(float64(used()-before) / time.Since(at).Seconds())
	t.Logf("idle: %s of CPU a second", perSecond)
	if perSecond > 30*time.Millisecond {
		t.Error("idling costs too much")
	}
}
