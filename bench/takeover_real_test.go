//go:build realservers

package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// heirs is a pipeline that several workers share, records that come all the time, and a look into its ledger.
type heirs struct {
	b      *testing.B
	binary string
	group  fencepost.Group
	file   string
	ledger ledger.Ledger
	kafka  *kafka.Source
	alive  map[int]*exec.Cmd // :: pid
}

// takeoverStores are the stores of the takeover: the pipeline's sink and the ledger in it.
var takeoverStores = []struct {
	name string
	open func(*testing.B) (sink string, l ledger.Ledger, err error)
}{
	{"postgres", func(b *testing.B) (string, ledger.Ledger, error) {
		dsn := servers.Postgres(b).Database(b)
		l, err := postgres.OpenLedger(dsn, ledger.KeepMerged)
		return fmt.Sprintf("{postgres: {dsn: %q, sql: 'select count(*) from batch'}}", dsn), l, err
	}},
	{"mariadb", func(b *testing.B) (string, ledger.Ledger, error) {
		dsn := servers.MariaDB(b).Database(b)
		l, err := mysql.OpenLedger(dsn, ledger.KeepMerged)
		return fmt.Sprintf("{mysql: {dsn: %q, sql: 'delete from batch where false'}}", dsn), l, err
	}},
	{"sqlite", func(b *testing.B) (string, ledger.Ledger, error) {
		path := filepath.Join(b.TempDir(), "takeover.db")
		l, err := sqlite.OpenLedger(path, ledger.KeepMerged)
		return fmt.Sprintf("{sqlite: {path: %q, sql: 'SELECT count(*) FROM batch'}}", path), l, err
	}},
}

func newHeirs(b *testing.B, sink string, l ledger.Ledger, protocol string, partitions int) *heirs {
	b.Helper()
	h := &heirs{b: b, binary: filepath.Join(b.TempDir(), "fencepost"), group: fencepost.Group(servers.Name(b)), ledger: l, alive: map[int]*exec.Cmd{}}
	build := exec.Command("go", "build", "-o", h.binary, "../cmd/fencepost")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	// The groups' settings as Kafka has them: those of the tests' shared broker are quicker.
	broker := servers.OwnKafka(b, "group.initial.rebalance.delay.ms=3000", "group.consumer.heartbeat.interval.ms=5000", "group.consumer.session.timeout.ms=45000").Plaintext
	topic := servers.Name(b)
	var err error
	if h.kafka, err = kafka.Open(kafka.Config{Brokers: []string{broker}, Group: h.group, Protocol: map[string]kafka.Protocol{"consumer": kafka.Consumer}[protocol]}); err != nil {
		b.Fatal(err)
	}
	h.file = filepath.Join(b.TempDir(), "pipeline.yaml")
	text := fmt.Sprintf("group: %s\nsource: {brokers: [%q], topics: [%s], start: earliest, group_protocol: %s}\ndecode: json\nschema: {n: int}\nsink: %s\nlog_format: json\n",
		h.group, broker, topic, protocol, sink)
	if err := os.WriteFile(h.file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(100), kgo.ProducerLinger(0))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := feed.Produce(b.Context(), feed.Config{Brokers: []string{broker}, Topic: topic, Partitions: int32(partitions),
		Flights: func(func(flights.Flight) bool) {}}); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			for p := range partitions {
				cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte(`{"n":1}`)}, nil)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	b.Cleanup(func() {
		stop()
		<-ended
		cl.Close()
		_ = h.kafka.Leave(context.Background())
		for _, cmd := range h.alive {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return h
}

// start begins a worker.
func (h *heirs) start() (pid int) {
	h.b.Helper()
	cmd := exec.Command(h.binary, "run", h.file)
	log, err := os.OpenFile(h.file+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.b.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		h.b.Fatal(err)
	}
	h.alive[cmd.Process.Pid] = cmd
	return cmd.Process.Pid
}

func (h *heirs) kill(pid int) {
	cmd := h.alive[pid]
	delete(h.alive, pid)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// shares waits until each of the workers alive has partitions that its entry names, and returns those of one.
func (h *heirs) shares(of int) (tps []fencepost.TopicPartition) {
	h.b.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for ; time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		workers, err := ledger.ReadWorkers(h.b.Context(), h.ledger, h.group)
		if err != nil {
			continue
		}
		members, err := h.kafka.Members(h.b.Context())
		if err != nil || len(members) != len(h.alive) {
			continue
		}
		shared := 0
		for _, m := range members {
			i := slices.IndexFunc(workers, func(w ledger.Worker) bool { return w.Member == m.ID && w.Over == "" })
			if i < 0 || len(m.Partitions) == 0 {
				continue
			}
			shared++
			if strings.HasPrefix(workers[i].Who, fmt.Sprint(of, "@")) {
				tps = m.Partitions
			}
		}
		if shared == len(h.alive) && len(tps) > 0 {
			return tps
		}
	}
	log, _ := os.ReadFile(h.file + ".log")
	h.b.Fatalf("the workers do not share the partitions\n%s", log)
	return nil
}

// moved waits until a partition of tps has moved from where it is, and returns how long after began it was seen.
func (h *heirs) moved(began time.Time, tps []fencepost.TopicPartition) time.Duration {
	h.b.Helper()
	read := func() map[fencepost.TopicPartition]ledger.Position {
		s, err := h.ledger.Read(h.b.Context(), h.group)
		if err != nil {
			h.b.Fatal(err)
		}
		return s.Positions
	}
	time.Sleep(20 * time.Millisecond) // what the dead worker had sent is there
	for before := read(); time.Since(began) < time.Minute; time.Sleep(2 * time.Millisecond) {
		now := read()
		for _, tp := range tps {
			if now[tp].Offset > before[tp].Offset {
				return time.Since(began)
			}
		}
	}
	log, _ := os.ReadFile(h.file + ".log")
	h.b.Fatalf("nobody has taken over %v\n%s", tps, log)
	return 0
}

// BenchmarkTakeover is the time from kill -9 of one of two workers to the first commit of its partitions by the other, and from the
// start of the only worker, whose last life was killed, to its first commit. Default settings.
func BenchmarkTakeover(b *testing.B) {
	for _, store := range takeoverStores {
		for _, protocol := range []string{"cooperative", "consumer"} {
			b.Run(store.name+"/"+protocol, func(b *testing.B) {
				sink, l, err := store.open(b)
				if err != nil {
					b.Fatal(err)
				}
				h := newHeirs(b, sink, l, protocol, 12)
				one := h.start()
				h.start()
				for b.Loop() {
					var other, again []time.Duration
					for range 20 {
						tps := h.shares(one)
						time.Sleep(1500 * time.Millisecond) // a change right behind another is KIP-848's second
						began := time.Now()
						h.kill(one)
						other = append(other, h.moved(began, tps))
						one = h.start()
					}
					h.shares(one)
					h.kill(one)
					for pid := range h.alive {
						one = pid
					}
					for range 10 {
						tps := h.shares(one)
						time.Sleep(1500 * time.Millisecond)
						h.kill(one)
						began := time.Now()
						one = h.start()
						again = append(again, h.moved(began, tps))
					}
					h.start()
					report(b, "by-the-other", other)
					report(b, "restart", again)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func report(b *testing.B, what string, took []time.Duration) {
	slices.Sort(took)
	b.Logf("%s: %v", what, took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-"+what+"-p50")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "ms-"+what+"-max")
}
