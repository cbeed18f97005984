//go:build realservers

package bench

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/redis"
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
	names  map[int]string    // :: pid -> that in front of the host by which the worker enters itself
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
	{"redis", func(b *testing.B) (string, ledger.Ledger, error) {
		addr := servers.Redis(b).Addr()
		l, err := redis.OpenLedger(redis.Config{Addr: addr, Password: servers.RedisPassword})
		return fmt.Sprintf("{redis: {addr: %q, password: %q, commands: ['HINCRBY hits:{group} n {n}']}}", addr, servers.RedisPassword), l, err
	}},
}

// newHeirs has no worker yet. static: each is a static member, which $INSTANCE names.
func newHeirs(b *testing.B, sink string, l ledger.Ledger, protocol, broker, topic string, static bool) *heirs {
	b.Helper()
	h := &heirs{b: b, binary: filepath.Join(b.TempDir(), "fencepost"), group: fencepost.Group(servers.Name(b)), ledger: l, alive: map[int]*exec.Cmd{}, names: map[int]string{}}
	build := exec.Command("go", "build", "-o", h.binary, "../cmd/fencepost")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	var err error
	if h.kafka, err = kafka.Open(kafka.Config{Brokers: []string{broker}, Group: h.group, Protocol: map[string]kafka.Protocol{"consumer": kafka.Consumer}[protocol]}); err != nil {
		b.Fatal(err)
	}
	h.file = filepath.Join(b.TempDir(), "pipeline.yaml")
	instance := ""
	if static {
		instance = `, instance_id: "${INSTANCE}"`
	}
	text := fmt.Sprintf("group: %s\nsource: {brokers: [%q], topics: [%s], start: earliest, group_protocol: %s%s}\ndecode: json\nschema: {n: int}\nsink: %s\nlog_format: json\n",
		h.group, broker, topic, protocol, instance, sink)
	if err := os.WriteFile(h.file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		for _, cmd := range h.alive {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		_ = h.kafka.Leave(context.Background())
	})
	return h
}

// The records of a stream; Connect wants the schema beside them.
const (
	plainEvent   = `{"n":1,"date":"2001-01-01T00:00:00"}`
	connectEvent = `{"schema":{"type":"struct","fields":[{"type":"int64","field":"n"}]},"payload":{"n":1}}`
)

// stream is a topic of a broker of its own, with the groups' settings as Kafka has them, into which records of this value come until the benchmark ends:
// those of the tests' shared broker are quicker.
func stream(b *testing.B, partitions int, value string) (broker, topic string) {
	b.Helper()
	broker = servers.OwnKafka(b, "group.initial.rebalance.delay.ms=3000", "group.consumer.heartbeat.interval.ms=5000", "group.consumer.session.timeout.ms=45000").Plaintext
	topic = servers.Name(b)
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
		for next := 0; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			for range min(partitions, 60) {
				cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(next % partitions), Value: []byte(value)}, nil)
				next++
			}
		}
	}()
	b.Cleanup(func() {
		stop()
		<-ended
		cl.Close()
	})
	return broker, topic
}

// start begins a worker, under this name if it is a static member.
func (h *heirs) start(instance string) (pid int) {
	h.b.Helper()
	cmd := exec.Command(h.binary, "run", h.file)
	cmd.Env = append(os.Environ(), "INSTANCE="+instance)
	log, err := os.OpenFile(h.file+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.b.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		h.b.Fatal(err)
	}
	h.alive[cmd.Process.Pid], h.names[cmd.Process.Pid] = cmd, cmp.Or(instance, strconv.Itoa(cmd.Process.Pid))
	return cmd.Process.Pid
}

// end sends a worker this signal, and waits for its end.
func (h *heirs) end(pid int, by os.Signal) {
	cmd := h.alive[pid]
	delete(h.alive, pid)
	_ = cmd.Process.Signal(by)
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
			if strings.HasPrefix(workers[i].Who, h.names[of]+"@") {
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

// settle waits until the workers share the partitions, and a change right behind another is not KIP-848's second. It returns those of one.
func (h *heirs) settle(of int) []fencepost.TopicPartition {
	h.b.Helper()
	tps := h.shares(of)
	time.Sleep(1500 * time.Millisecond)
	return tps
}

// BenchmarkTakeover is the time until partitions go on: from kill -9 of one of two workers to the first commit of its partitions by the
// other, from SIGTERM to the same, and from the start of the only worker, whose last life was killed, to its first commit. Default
// settings. FENCEPOST_BENCH_PARTITIONS is the number of partitions, 12.
func BenchmarkTakeover(b *testing.B) {
	eachTakeover(b, false, func(b *testing.B, h *heirs) {
		var killed, stopped, again []time.Duration
		one, other := h.start(""), h.start("")
		for range 20 {
			tps, began := h.settle(one), time.Now()
			h.end(one, os.Kill)
			killed = append(killed, h.moved(began, tps))
			one = h.start("")
		}
		for range 10 {
			tps, began := h.settle(one), time.Now()
			h.end(one, syscall.SIGTERM)
			stopped = append(stopped, h.moved(began, tps))
			one = h.start("")
		}
		h.shares(one)
		h.end(other, os.Kill)
		for range 10 {
			tps := h.settle(one)
			h.end(one, os.Kill)
			began := time.Now()
			one = h.start("")
			again = append(again, h.moved(began, tps))
		}
		report(b, "by-the-other", killed)
		report(b, "hand-over", stopped)
		report(b, "restart", again)
	})
}

// BenchmarkStaticRestart is the time from the start of one of two static members, which had been stopped, to the first commit of its
// partitions.
func BenchmarkStaticRestart(b *testing.B) {
	eachTakeover(b, true, func(b *testing.B, h *heirs) {
		var took []time.Duration
		one := h.start("one")
		h.start("two")
		for range 10 {
			tps := h.settle(one)
			h.end(one, syscall.SIGTERM)
			began := time.Now()
			one = h.start("one")
			took = append(took, h.moved(began, tps))
		}
		report(b, "static-restart", took)
	})
}

// eachTakeover runs f for each store, in each protocol.
func eachTakeover(b *testing.B, static bool, f func(*testing.B, *heirs)) {
	partitions, err := strconv.Atoi(cmp.Or(os.Getenv("FENCEPOST_BENCH_PARTITIONS"), "12"))
	if err != nil {
		b.Fatal(err)
	}
	for _, store := range takeoverStores {
		for _, protocol := range []string{"cooperative", "consumer"} {
			b.Run(store.name+"/"+protocol, func(b *testing.B) {
				sink, l, err := store.open(b)
				if err != nil {
					b.Fatal(err)
				}
				broker, topic := stream(b, partitions, plainEvent)
				h := newHeirs(b, sink, l, protocol, broker, topic, static)
				for b.Loop() {
					f(b, h)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkTakeoverOfThePlain is what the plain group program needs for the same, with its client's settings: from kill -9 of one of two
// to the first commit of its partitions by the other.
func BenchmarkTakeoverOfThePlain(b *testing.B) {
	broker, topic := stream(b, 12, plainEvent)
	dsn := servers.Postgres(b).Database(b)
	conn, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(b.Context(), table); err != nil {
		b.Fatal(err)
	}
	group := servers.Name(b)
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	p := plains{b: b, adm: kadm.NewClient(cl), group: group, args: strings.Join([]string{broker, group, topic, dsn, "50", strconv.Itoa(1 << 40)}, "\n")}
	for b.Loop() {
		var took []time.Duration
		one, other := p.start(), p.start()
		for range 3 {
			p.shared()
			before := p.committed()
			began := time.Now()
			endPlain(one)
			for p.behind(before) {
				time.Sleep(20 * time.Millisecond)
			}
			took = append(took, time.Since(began))
			one, other = other, p.start()
		}
		endPlain(one)
		endPlain(other)
		report(b, "by-the-other", took)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkTakeoverOfConnect is the same with two workers of Kafka Connect, which run the same connector: Debezium's JDBC sink into Postgres.
func BenchmarkTakeoverOfConnect(b *testing.B) {
	broker, topic := stream(b, 12, connectEvent)
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	at, err := url.Parse(servers.Postgres(b).Database(b))
	if err != nil {
		b.Fatal(err)
	}
	name := servers.Name(b)
	begin := func(w *servers.OwnConnectServer) {
		w.Add(b, "name="+name, "connector.class=io.debezium.connector.jdbc.JdbcSinkConnector", "topics="+topic, "connection.url=jdbc:postgresql://"+at.Host+at.Path,
			"connection.username="+at.User.Username(), "connection.password=none", "insert.mode=insert", "primary.key.mode=none", "schema.evolution=basic",
			"collection.name.format=taken", "key.converter=org.apache.kafka.connect.storage.StringConverter")
	}
	workers := []*servers.OwnConnectServer{servers.OwnConnect(b, broker), servers.OwnConnect(b, broker)}
	for _, w := range workers {
		begin(w)
	}
	p := plains{b: b, adm: kadm.NewClient(cl), group: "connect-" + name}
	for b.Loop() {
		var took []time.Duration
		for n := range 3 {
			p.shared()
			before, began, w := p.committed(), time.Now(), workers[n%2]
			w.Kill()
			for p.behind(before) {
				time.Sleep(20 * time.Millisecond)
			}
			took = append(took, time.Since(began))
			w.Start()
			begin(w)
		}
		report(b, "by-the-other", took)
	}
	b.ReportMetric(0, "ns/op")
}

// plains is the group of the plain program.
type plains struct {
	b           *testing.B
	adm         *kadm.Client
	group, args string
}

func (p plains) start() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FENCEPOST_BENCH_PLAIN="+p.args)
	if err := cmd.Start(); err != nil {
		p.b.Fatal(err)
	}
	p.b.Cleanup(func() { endPlain(cmd) })
	return cmd
}

func endPlain(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// shared waits until two members have shares, and have committed all of them for a while.
func (p plains) shared() {
	p.b.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		groups, err := p.adm.DescribeGroups(p.b.Context(), p.group)
		if g := groups[p.group]; err == nil && g.State == "Stable" && len(g.Members) == 2 {
			before := p.committed()
			for p.behind(before) {
				time.Sleep(50 * time.Millisecond)
			}
			return
		}
	}
	p.b.Fatal("the plain programs do not share the partitions")
}

func (p plains) committed() map[int32]int64 {
	p.b.Helper()
	offsets, err := p.adm.FetchOffsets(p.b.Context(), p.group)
	if err != nil {
		p.b.Fatal(err)
	}
	at := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) { at[o.Partition] = o.At })
	return at
}

// behind reports whether some partition is no further than it was.
func (p plains) behind(before map[int32]int64) bool {
	now := p.committed()
	for tp, at := range before {
		if now[tp] <= at {
			return true
		}
	}
	return len(now) == 0
}

func report(b *testing.B, what string, took []time.Duration) {
	slices.Sort(took)
	b.Logf("%s: %v", what, took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-"+what+"-p50")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "ms-"+what+"-max")
}
