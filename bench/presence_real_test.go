//go:build realservers

package bench

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

const (
	// crowd is how many workers share the partitions.
	crowd = 8
	// calm is how long they are left alone before they are counted at rest, and rest for how long they are.
	calm, rest = 6 * time.Second, 20 * time.Second
	// burst is how many records of each partition come at once, and bursts how often.
	burst, bursts = 100, 3
)

// presenceStores are the stores of [BenchmarkPresence]: the way to the store with its counter, the pipeline's sink over it, the ledger, and how
// long the store's oldest transaction has been open; nil: nobody could hold one.
var presenceStores = []struct {
	name string
	goal string // of what signs of life cost
	open func(*testing.B) (t *tap, sink string, l ledger.Ledger, oldest func() time.Duration)
}{
	{"postgres", "(goal<=1)", func(b *testing.B) (*tap, string, ledger.Ledger, func() time.Duration) {
		dsn := servers.Postgres(b).Database(b)
		t, through := tapped(b, dsn, postgresRequests)
		l, err := postgres.OpenLedger(dsn, ledger.KeepMerged)
		if err != nil {
			b.Fatal(err)
		}
		conn, err := pgx.Connect(b.Context(), dsn)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close(context.Background()) })
		return t, fmt.Sprintf("{postgres: {dsn: %q, sql: 'select count(*) from batch'}}", through), l, func() time.Duration {
			var seconds float64
			err := conn.QueryRow(b.Context(), `select coalesce(max(extract(epoch from clock_timestamp() - query_start)), 0) from pg_stat_activity
			   where datname = current_database() and backend_xmin is not null and pid <> pg_backend_pid()`).Scan(&seconds)
			if err != nil {
				b.Fatal(err)
			}
			return time.Duration(seconds * float64(time.Second))
		}
	}},
	{"mariadb", "(goal<=1)", func(b *testing.B) (*tap, string, ledger.Ledger, func() time.Duration) {
		dsn := servers.MariaDB(b).Database(b)
		t, through := tapped(b, dsn, mysqlRequests)
		l, err := mysql.OpenLedger(dsn, ledger.KeepMerged)
		if err != nil {
			b.Fatal(err)
		}
		return t, fmt.Sprintf("{mysql: {dsn: %q, sql: 'delete from batch where false'}}", through), l, nil
	}},
	{"redis", "(goal<=4)", func(b *testing.B) (*tap, string, ledger.Ledger, func() time.Duration) {
		addr := servers.Redis(b).Addr()
		t := newTap(b, net.JoinHostPort(servers.Address(b), "6379"), addr, redisRequests)
		l, err := redis.OpenLedger(redis.Config{Addr: addr, Password: servers.RedisPassword})
		if err != nil {
			b.Fatal(err)
		}
		return t, fmt.Sprintf("{redis: {addr: %q, password: %q, commands: ['HINCRBY hits:{group} n {n}']}}", t.addr, servers.RedisPassword), l, nil
	}},
}

// tapped is a database's URL by way of a tap.
func tapped(b *testing.B, dsn string, p protocol) (*tap, string) {
	b.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		b.Fatal(err)
	}
	t := newTap(b, net.JoinHostPort(servers.Address(b), u.Port()), u.Host, p)
	u.Host = t.addr
	return t, u.String()
}

// BenchmarkPresence is what eight workers of one group cost on 100 and on 1,000 partitions, counted on the wires, and how the ten times as many
// compare:
//
//	start  eight processes begin at once, until each partition's first record is committed by one that has entered itself
//	burst  a hundred records of each partition, from the first one that is produced until all are committed: the median of three
//	rest   nothing comes: requests a second of one worker, memory, CPU
func BenchmarkPresence(b *testing.B) {
	for _, store := range presenceStores {
		for _, protocol := range []string{"cooperative", "consumer"} {
			b.Run(store.name+"/"+protocol, func(b *testing.B) {
				for b.Loop() {
					few, many := newCrowded(b, store.open, protocol, 100).cost(), newCrowded(b, store.open, protocol, 1000).cost()
					b.Logf("100 partitions:\n%s\n1,000 partitions:\n%s", few, many)
					for what, at := range map[string]func(cost) float64{
						"start-time": func(c cost) float64 { return c.start.took.Seconds() }, "start-cpu": func(c cost) float64 { return c.start.cpu.Seconds() },
						"start-coordinator": func(c cost) float64 { return c.start.coordinator }, "start-ledger": func(c cost) float64 { return c.start.ledger },
						"burst-time": func(c cost) float64 { return c.burst.took.Seconds() }, "burst-cpu": func(c cost) float64 { return c.burst.cpu.Seconds() },
						"rest-coordinator": func(c cost) float64 { return c.rest.coordinator }, "rest-ledger": func(c cost) float64 { return c.rest.ledger },
						"rest-cpu": func(c cost) float64 { return c.rest.cpu.Seconds() },
					} {
						b.ReportMetric(at(many)/at(few), what+"-of-100(goal<=15)")
					}
					perSecond := crowd * rest.Seconds()
					b.ReportMetric(many.rest.signs/perSecond, "signs/worker/s"+store.goal)
					b.ReportMetric(many.rest.ledger/perSecond, "ledger/worker/s")
					b.ReportMetric(many.rest.coordinator/perSecond, "coordinator/worker/s")
					b.ReportMetric(1000*many.rest.cpu.Seconds()/perSecond, "cpu-ms/worker/s")
					b.ReportMetric(many.memory/(1<<20), "MiB/worker")
					b.ReportMetric(many.oldest.Seconds(), "s-oldest-snapshot")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// cost is what eight workers cost.
type cost struct {
	start, burst, rest spent
	memory             float64       // bytes of a worker at most, at rest
	oldest             time.Duration // of the store's open snapshots, at rest
	kinds              string        // of the requests at rest
}

// spent is what a stretch of time cost all workers together.
type spent struct {
	took, cpu                                  time.Duration
	coordinator, brokers, ledger, signs, fetch float64 // requests; brokers' are all but fetches
}

func (s spent) String() string {
	return fmt.Sprintf("%s, CPU %s; requests: %.0f to the coordinator, %.0f to brokers and %.0f fetches, %.0f to the store, %.0f of them signs",
		s.took.Round(time.Millisecond), s.cpu.Round(time.Millisecond), s.coordinator, s.brokers, s.fetch, s.ledger, s.signs)
}

func (c cost) String() string {
	return fmt.Sprintf("start %s\nburst %s\nrest  %s\n%.1f MiB a worker at most; oldest snapshot of the store %s\n%s", c.start, c.burst, c.rest, c.memory/(1<<20), c.oldest.Round(10*time.Millisecond), c.kinds)
}

// crowded is eight workers' pipeline, with all that they ask counted.
type crowded struct {
	*heirs
	partitions    int
	topic         string
	cl            *kgo.Client
	broker, store *tap
	oldest        func() time.Duration
}

func newCrowded(b *testing.B, open func(*testing.B) (*tap, string, ledger.Ledger, func() time.Duration), protocol string, partitions int) *crowded {
	b.Helper()
	store, sink, l, oldest := open(b)
	// The groups' settings as Kafka has them, but for the 3 s that a classic group waits before its first assignment, which would hide what 100 partitions take.
	own := servers.OwnKafka(b, "group.consumer.heartbeat.interval.ms=5000", "group.consumer.session.timeout.ms=45000")
	c := &crowded{partitions: partitions, topic: servers.Name(b), store: store, oldest: oldest}
	c.broker = newTap(b, own.ProxyAt, own.Proxied, kafkaRequests)
	var err error
	if c.cl, err = kgo.NewClient(kgo.SeedBrokers(own.Plaintext), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(100)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.cl.Close)
	if _, err := feed.Produce(b.Context(), feed.Config{Brokers: []string{own.Plaintext}, Topic: c.topic, Partitions: int32(partitions),
		Flights: func(func(flights.Flight) bool) {}}); err != nil {
		b.Fatal(err)
	}
	c.heirs = newHeirs(b, sink, l, protocol, own.ProxyAt, c.topic, false)
	return c
}

// cost measures everything once, and ends the workers.
func (c *crowded) cost() (is cost) {
	c.b.Helper()
	c.produce(1)
	var one int
	is.start = c.during(func() {
		for range crowd {
			one = c.start("")
		}
		c.committed(1)
		c.shares(one)
	})
	time.Sleep(calm)
	var all []spent
	for i := range bursts {
		all = append(all, c.during(func() {
			c.produce(burst)
			c.committed(fencepost.Offset(1 + burst*(1+i)))
		}))
	}
	slices.SortFunc(all, func(a, b spent) int { return cmp.Compare(a.took, b.took) })
	is.burst = all[bursts/2]
	time.Sleep(calm)
	before, asked := c.store.now(), c.broker.now()
	is.rest = c.during(func() {
		for until := time.Now().Add(rest); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
			if c.oldest != nil {
				is.oldest = max(is.oldest, c.oldest())
			}
		}
	})
	is.kinds = kinds("store", before, c.store.now()) + "; " + kinds("brokers", asked, c.broker.now())
	for pid := range c.alive {
		is.memory = max(is.memory, float64(resident(c.b, pid)))
	}
	for pid := range maps.Clone(c.alive) {
		c.end(pid, os.Kill)
	}
	return is
}

// kinds is what was asked, by its kind.
func kinds(of string, before, now map[string]int) string {
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(now)) {
		if n := now[kind] - before[kind]; n > 0 {
			list = append(list, fmt.Sprintf("%d x %s", n, kind))
		}
	}
	return of + ": " + strings.Join(list, ", ")
}

// during is what f cost.
func (c *crowded) during(f func()) (s spent) {
	store, broker, began, used := c.store.now(), c.broker.now(), time.Now(), c.used()
	f()
	s.took, s.cpu = time.Since(began), c.used()-used
	s.coordinator = float64(c.broker.since(broker, isGroup))
	s.fetch = float64(c.broker.since(broker, func(kind string) bool { return kind == "Fetch" }))
	s.brokers = float64(c.broker.since(broker, nil)) - s.fetch
	s.ledger, s.signs = float64(c.store.since(store, nil)), float64(c.store.since(store, isSign))
	return s
}

// produce writes n records into each partition.
func (c *crowded) produce(n int) {
	c.b.Helper()
	var records []*kgo.Record
	for p := range c.partitions {
		for range n {
			records = append(records, &kgo.Record{Topic: c.topic, Partition: int32(p), Value: []byte(`{"n":1}`)})
		}
	}
	if err := c.cl.ProduceSync(c.b.Context(), records...).FirstErr(); err != nil {
		c.b.Fatal(err)
	}
}

// committed waits until every partition is at an offset.
func (c *crowded) committed(at fencepost.Offset) {
	c.b.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		s, err := c.ledger.Read(c.b.Context(), c.group)
		if err != nil {
			continue // there is none yet
		}
		there := 0
		for _, p := range s.Positions {
			if p.Offset >= at {
				there++
			}
		}
		if there == c.partitions {
			return
		}
	}
	log, _ := os.ReadFile(c.file + ".log")
	c.b.Fatalf("not every partition is at %d\n%s", at, log)
}

// used is the CPU time of all workers.
func (c *crowded) used() (sum time.Duration) {
	for pid := range c.alive {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			c.b.Fatal(err)
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				c.b.Fatal(err)
			}
			sum += time.Duration(n) * time.Second / 100
		}
	}
	return sum
}

// resident is the memory of a process.
func resident(b *testing.B, pid int) int64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
