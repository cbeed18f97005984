package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// clusters are the brokers that each test runs against: the embedded one, and Apache Kafka with the build tag
// realservers.
var clusters = map[string]func(*testing.T) []string{"kfake": startFake}

func startFake(t *testing.T) []string {
	return fake(t).ListenAddrs()
}

func fake(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1),
		kfake.BrokerConfigs(map[string]string{
			"group.initial.rebalance.delay.ms":         "0",
			"group.consumer.heartbeat.interval.ms":     "100",
			"transaction.state.log.num.partitions":     "4",
			"group.consumer.min.heartbeat.interval.ms": "100",
			"log.retention.ms":                         "-1",
		}),
		kfake.GroupMinSessionTimeout(time.Second),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// bench is one cluster in one test's hands.
type bench struct {
	t     *testing.T
	addrs []string
	cl    *kgo.Client
	adm   *kadm.Client
}

// onEach runs a test against every kind of broker, beside other tests: most of their time they wait.
func onEach(t *testing.T, test func(*testing.T, *bench)) {
	t.Parallel()
	for name, start := range clusters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newBench(t, start(t)))
		})
	}
}

func newBench(t *testing.T, addrs []string) *bench {
	t.Helper()
	b := &bench{t: t, addrs: addrs}
	b.cl = b.client()
	b.adm = kadm.NewClient(b.cl)
	return b
}

func (b *bench) client(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.addrs...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		kgo.UnknownTopicRetries(100),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, opts...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(cl.Close)
	return cl
}

// unique is a name that no other test has.
func unique(t *testing.T) string {
	r := strings.NewReplacer("/", "-", "#", "-")
	return r.Replace(t.Name()) + "-" + strings.ToLower(rand.Text()[:8])
}

// topic creates one.
func (b *bench) topic(partitions int32) string {
	b.t.Helper()
	name := unique(b.t)
	b.create(name, partitions)
	return name
}

func (b *bench) create(name string, partitions int32) {
	b.t.Helper()
	var made kadm.TopicID
	eventually(b.t, "topic "+name+" is created", func() error {
		r, err := b.adm.CreateTopic(b.t.Context(), partitions, 1, nil, name)
		made = r.ID
		return errors.Join(err, r.Err)
	})
	// Kafka answers before every broker knows the topic, and may still know the one before.
	eventually(b.t, "topic "+name+" is known", func() error {
		topics, err := b.adm.ListTopics(b.t.Context(), name)
		if id := topics[name].ID; err != nil || id != made {
			return errors.Join(err, fmt.Errorf("its ID is %s, and %s was made", id, made))
		}
		l, err := b.adm.ListEndOffsets(b.t.Context(), name)
		if err != nil {
			return err
		}
		n := 0
		l.Each(func(o kadm.ListedOffset) { n++ })
		if n != int(partitions) {
			return fmt.Errorf("%d partitions", n)
		}
		return l.Error()
	})
}

// recreate deletes a topic and makes it again; a new producer is needed, for the old one keeps the old ID.
func (b *bench) recreate(name string, partitions int32) {
	b.t.Helper()
	if _, err := b.adm.DeleteTopics(b.t.Context(), name); err != nil {
		b.t.Fatal(err)
	}
	b.cl.PurgeTopicsFromClient(name)
	b.create(name, partitions)
}

// produce writes n records whose value is their place in this call.
func (b *bench) produce(cl *kgo.Client, topic string, partition int32, n int) {
	b.t.Helper()
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Appendf(nil, "v%d", i)}
	}
	if err := cl.ProduceSync(b.t.Context(), rs...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// transaction writes n records in a transaction of its own and ends it.
func (b *bench) transaction(topic string, partition int32, n int, end kgo.TransactionEndTry) {
	b.t.Helper()
	cl := b.client(kgo.TransactionalID(unique(b.t)))
	if err := cl.BeginTransaction(); err != nil {
		b.t.Fatal(err)
	}
	b.produce(cl, topic, partition, n)
	if err := cl.EndTransaction(b.t.Context(), end); err != nil {
		b.t.Fatal(err)
	}
}

// open makes a Source with short waits; it is left when the test ends.
func (b *bench) open(cfg Config) *Source {
	b.t.Helper()
	cfg.Brokers = b.addrs
	if cfg.Watch == 0 {
		cfg.Watch = 100 * time.Millisecond
	}
	if cfg.Group == "" && len(cfg.Partitions) == 0 {
		cfg.Group = fencepost.Group(unique(b.t))
	}
	s, err := Open(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), longest)
		defer cancel()
		if err := s.Leave(ctx); err != nil {
			b.t.Errorf("leave: %v", err)
		}
	})
	return s
}

// longest bounds every wait for a state. It ends only what would never come: a busy machine takes many times what a
// quiet one does.
const longest = 90 * time.Second

// eventually waits for a condition of a server: there is no event to wait for.
func eventually(t testing.TB, what string, holds func() error) {
	t.Helper()
	within(t, longest, what, holds)
}

func within(t testing.TB, most time.Duration, what string, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(most)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %s: %v", what, most, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// holder is an engine's side: it answers from starts and records its calls.
type holder struct {
	sync.Mutex
	starts map[fencepost.TopicPartition]source.Start // absent: offset 0
	events []string
	held   map[fencepost.TopicPartition]bool
	wait   func(tps []fencepost.TopicPartition) // called in Revoked
}

func (h *holder) Assigned(_ context.Context, tps []fencepost.TopicPartition) map[fencepost.TopicPartition]source.Start {
	h.Lock()
	defer h.Unlock()
	answer := map[fencepost.TopicPartition]source.Start{}
	for _, tp := range tps {
		answer[tp] = h.starts[tp]
		h.note("assigned", tp)
		if h.held == nil {
			h.held = map[fencepost.TopicPartition]bool{}
		}
		if h.held[tp] {
			h.note("DOUBLE", tp)
		}
		h.held[tp] = true
	}
	return answer
}

func (h *holder) Revoked(_ context.Context, tps []fencepost.TopicPartition) {
	if h.wait != nil {
		h.wait(tps)
	}
	h.Lock()
	defer h.Unlock()
	for _, tp := range tps {
		h.note("revoked", tp)
		delete(h.held, tp)
	}
}

func (h *holder) Lost(tps []fencepost.TopicPartition) {
	h.Lock()
	defer h.Unlock()
	for _, tp := range tps {
		h.note("lost", tp)
		delete(h.held, tp)
	}
}

func (h *holder) note(what string, tp fencepost.TopicPartition) {
	h.events = append(h.events, fmt.Sprintf("%s %d", what, tp.Partition))
}

func (h *holder) log() []string {
	h.Lock()
	defer h.Unlock()
	return slices.Clone(h.events)
}

func (h *holder) times(event string) (n int) {
	for _, e := range h.log() {
		if e == event {
			n++
		}
	}
	return n
}

func (h *holder) count() int {
	h.Lock()
	defer h.Unlock()
	return len(h.held)
}

// reader collects what a Source brings, in the test's own goroutine.
type reader struct {
	t   *testing.T
	s   *Source
	got map[fencepost.TopicPartition][]string // offset, "*" behind a marker
	ids map[fencepost.TopicPartition]fencepost.TopicID
	err map[fencepost.TopicPartition][]string // codes
	end map[fencepost.TopicPartition][2]fencepost.Offset
}

func newReader(t *testing.T, s *Source) *reader {
	return &reader{t: t, s: s,
		got: map[fencepost.TopicPartition][]string{},
		ids: map[fencepost.TopicPartition]fencepost.TopicID{},
		err: map[fencepost.TopicPartition][]string{},
		end: map[fencepost.TopicPartition][2]fencepost.Offset{},
	}
}

// poll takes fetches until done, or for at most the time given.
func (r *reader) poll(most time.Duration, done func() bool) bool {
	r.t.Helper()
	deadline := time.Now().Add(most)
	for !done() {
		if time.Now().After(deadline) {
			return false
		}
		ctx, cancel := context.WithTimeout(r.t.Context(), min(most, 50*time.Millisecond)) // done may depend on more than fetches
		chunks, err := r.s.Poll(ctx)
		cancel()
		if err != nil {
			r.t.Fatalf("poll: %v", err)
		}
		for _, c := range chunks {
			r.take(c)
		}
	}
	return true
}

func (r *reader) take(c source.Fetch) {
	if c.Err != nil {
		var pe *source.PartitionError
		if !errors.As(c.Err, &pe) {
			r.t.Errorf("chunk error is %T, want *PartitionError", c.Err)
			return
		}
		r.err[c.TopicPartition] = append(r.err[c.TopicPartition], pe.Code)
		return
	}
	if c.Records.Size() <= 0 {
		r.t.Errorf("chunk of %s has size %d", c.TopicPartition, c.Records.Size())
	}
	var rec fencepost.Record
	for i := range c.Records.Len() {
		c.Records.Read(i, &rec)
		text := fmt.Sprint(rec.Offset)
		if rec.Control {
			text += "*"
		}
		r.got[c.TopicPartition] = append(r.got[c.TopicPartition], text)
	}
	c.Records.Recycle(0, c.Records.Len())
	r.ids[c.TopicPartition] = c.TopicID
	r.end[c.TopicPartition] = [2]fencepost.Offset{c.LastStableOffset, c.HighWatermark}
}

// until polls until n entries of tp were seen.
func (r *reader) until(tp fencepost.TopicPartition, n int) {
	r.t.Helper()
	if !r.poll(longest, func() bool { return len(r.got[tp]) >= n }) {
		r.t.Fatalf("%s brought %v in %s, want %d entries; errors %v", tp, r.got[tp], longest, n, r.err[tp])
	}
}

// failed polls until tp failed.
func (r *reader) failed(tp fencepost.TopicPartition) {
	r.t.Helper()
	if !r.poll(longest, func() bool { return len(r.err[tp]) > 0 }) {
		r.t.Fatalf("%s did not fail in %s", tp, longest)
	}
}

func tp(topic string, p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: topic, Partition: p}
}

func span(from, until int) (list []string) {
	for i := from; i < until; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// protocols are the two ways of a group.
var protocols = []Protocol{Cooperative, Consumer}
