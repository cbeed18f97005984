//go:build realservers

package pipeline

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
)

// topic is one of three partitions on the shared broker.
type topic struct {
	t       *testing.T
	brokers string
	name    string
	next    int
}

func newTopic(t *testing.T) *topic {
	t.Helper()
	o := &topic{t: t, brokers: servers.Kafka(t).Plaintext, name: servers.Name(t)}
	cl := o.client()
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, o.name); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *topic) client() *kgo.Client {
	cl, err := kgo.NewClient(append(servers.Quick(), kgo.SeedBrokers(o.brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		o.t.Fatal(err)
	}
	return cl
}

// produce writes n more records into each partition, {"n": its offset}.
func (o *topic) produce(n int) {
	o.t.Helper()
	cl := o.client()
	defer cl.Close()
	var all []*kgo.Record
	for range n {
		for p := range int32(3) {
			all = append(all, &kgo.Record{Topic: o.name, Partition: p, Value: fmt.Appendf(nil, `{"n":%d}`, o.next)})
		}
		o.next++
	}
	if err := cl.ProduceSync(o.t.Context(), all...).FirstErr(); err != nil {
		o.t.Fatal(err)
	}
}

// fileOf is a pipeline of the topic under a group of its own, with more lines.
func fileOf(t *testing.T, topic *topic, more string) *File {
	t.Helper()
	env := testEnvironment()
	env.Lookup = func(string) (string, bool) { return servers.RedisPassword, true }
	f, err := Parse("f.yaml", []byte(fileText(topic, more)), env)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fileText is its text. A static member's heir is assigned at once.
func fileText(topic *topic, more string) string {
	return fmt.Sprintf("group: g-%s\nsource: {brokers: [%q], topics: [%s], instance_id: w1}\nschema: {n: int}\n", topic.name, topic.brokers, topic.name) + more
}

// opened is a pipeline that the test closes.
func opened(t *testing.T, f *File) *Opened {
	t.Helper()
	o, err := Open(t.Context(), f, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Source.Leave(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("leave: %v", err)
		}
		if err := o.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return o
}

// run runs a file to the end of its topic.
func run(t *testing.T, f *File) {
	t.Helper()
	o := opened(t, f)
	cfg := o.Config()
	cfg.Until, cfg.Events = engine.Until{End: true}, func(engine.Event) {}
	if err := engine.Run(t.Context(), cfg); err != nil {
		t.Fatalf("run: %v", err)
	}
}

// running is a worker without an end.
type running struct {
	t     *testing.T
	event chan engine.Event
	stop  context.CancelFunc
	done  chan error
	seen  []engine.MirrorFailed
}

func start(t *testing.T, f *File) *running {
	t.Helper()
	o := opened(t, f)
	ctx, stop := context.WithCancel(t.Context())
	w := &running{t: t, event: make(chan engine.Event, 10_000), stop: stop, done: make(chan error, 1)}
	cfg := o.Config()
	cfg.Events = func(e engine.Event) { w.event <- e }
	go func() { w.done <- engine.Run(ctx, cfg) }()
	return w
}

// patience bounds every wait for a state. It ends only what would never come.
const patience = 3 * time.Minute

// until looks after each event, progress included, whether it is so.
func (w *running) until(so func() bool) {
	w.t.Helper()
	limit := time.After(patience)
	for !so() {
		select {
		case e := <-w.event:
			if m, ok := e.(engine.MirrorFailed); ok {
				w.seen = append(w.seen, m)
			}
		case err := <-w.done:
			w.t.Fatalf("the run ended: %v", err)
		case <-limit:
			w.t.Fatalf("it did not come about within %s", patience)
		}
	}
}

// end stops the worker.
func (w *running) end() {
	w.t.Helper()
	w.stop()
	for {
		select {
		case <-w.event:
		case err := <-w.done:
			if err != nil {
				w.t.Errorf("the run ended: %v", err)
			}
			return
		}
	}
}

// table is one in Postgres.
type table struct {
	t    *testing.T
	conn *pgx.Conn
}

func newTable(t *testing.T, dsn string) table {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Exec(t.Context(), "CREATE TABLE flights (n bigint)"); err != nil {
		t.Fatal(err)
	}
	return table{t, conn}
}

func (o table) count() (n int) {
	o.t.Helper()
	if err := o.conn.QueryRow(o.t.Context(), "SELECT count(*) FROM flights").Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}
