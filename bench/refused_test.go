//go:build realservers

package bench

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/connector/postgres"
	fpredis "github.com/fencepost/fencepost/connector/redis"
	fpsqlite "github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// The topics of BenchmarkRefused: the second one has a record that every store refuses in each refusedEvery.
const (
	refusedRecords    = 240_000
	refusedPartitions = 4
	refusedEvery      = 10_000
	refusedRounds     = 2
)

// refusing is a store of BenchmarkRefused.
type refusing struct {
	name  string
	clear func() // empties the table
	open  func() (sink.Sink, error)
}

// BenchmarkRefused is what refused rows cost: a topic with one in 10,000 beside the same without one, by turns, into each store with
// dead letters. The ratio is that of the median speeds; the goal is 0.5. What does not depend on other work on the machine: how many
// rows are sent for each, and how many commits and trials there are, with refused rows and without. FENCEPOST_BENCH_EVERY is another
// share of refused rows.
func BenchmarkRefused(b *testing.B) {
	addr := emptyBroker(b)
	every, _ := strconv.Atoi(cmp.Or(os.Getenv("FENCEPOST_BENCH_EVERY"), strconv.Itoa(refusedEvery)))
	fill(b, addr, "good", 3*refusedRecords)
	fill(b, addr, "poison", every)
	for _, s := range refusers(b) {
		b.Run(s.name, func(b *testing.B) {
			run := func(topic string, letters int64) func() {
				return func() { runRefused(b, addr, topic, s, letters) }
			}
			for b.Loop() {
				poison, good := inTurn(refusedRounds, run("poison", int64(refusedRecords/every)), run("good", 0))
				b.ReportMetric(refusedSent["good"].perRow(), "good-sent/row")
				b.ReportMetric(refusedSent["poison"].perRow(), "poison-sent/row")
				b.ReportMetric(float64(refusedSent["good"].calls), "good-calls")
				b.ReportMetric(float64(refusedSent["poison"].calls), "poison-calls")
				b.ReportMetric(float64(median(good, wall))/float64(median(poison, wall)), "ratio(goal>=0.5)")
				b.ReportMetric(refusedRecords/median(good, wall).Seconds()/1e3, "good-k/s")
				b.ReportMetric(refusedRecords/median(poison, wall).Seconds()/1e3, "poison-k/s")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// fill makes a topic in which one record in every has a negative n.
func fill(b *testing.B, addr, topic string, every int) {
	b.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(20*time.Millisecond))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(b.Context(), refusedPartitions, 1, nil, topic); err != nil {
		b.Fatal(err)
	}
	var once sync.Once
	for i := range refusedRecords {
		k, n := fmt.Sprint("key-", i), i
		if (i+i/every)%every == every/2 { // in each partition by turns
			k, n = "bad", -1
		}
		value := fmt.Sprintf(`{"k":"%s","n":%d,"origin":"ATL","distance":%d}`, k, n, i%3000)
		cl.Produce(b.Context(), &kgo.Record{Partition: int32(i % refusedPartitions), Value: []byte(value)}, func(_ *kgo.Record, err error) {
			if err != nil {
				once.Do(func() { b.Errorf("produce: %v", err) })
			}
		})
	}
	if err := cl.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// sent is what the lanes of one run were asked for: commits and trials, and the rows of them.
type sent struct{ calls, rows int }

func (s *sent) perRow() float64 { return float64(s.rows) / refusedRecords }

// refusedSent is what the last run of each topic has sent.
var refusedSent = map[string]*sent{}

// counted is a sink whose one lane counts.
type counted struct {
	sink.Sink
	to *sent
}

// Unwrap is the sink itself, for what else it can do.
func (c counted) Unwrap() sink.Sink { return c.Sink }

func (c counted) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := c.Sink.Lane(ctx, n)
	return countedLane{l, c.to}, err
}

type countedLane struct {
	sink.Lane
	to *sent
}

// Unwrap is the lane itself, for what else it can do.
func (c countedLane) Unwrap() sink.Lane { return c.Lane }

func (c countedLane) Commit(ctx context.Context, w ledger.Actor, commit sink.Commit) error {
	c.to.calls, c.to.rows = c.to.calls+1, c.to.rows+commit.Rows()
	return c.Lane.Commit(ctx, w, commit)
}

func (c countedLane) Try(ctx context.Context, b *fencepost.Batch) error {
	c.to.calls, c.to.rows = c.to.calls+1, c.to.rows+b.Rows()
	trier, _ := sink.LaneAs[sink.Trier](c.Lane)
	return trier.Try(ctx, b)
}

// refusedRuns numbers the runs, each of which is a group of its own.
var refusedRuns int

func runRefused(b *testing.B, addr, topic string, s refusing, letters int64) {
	b.Helper()
	s.clear()
	refusedRuns++
	group := fencepost.Group(fmt.Sprintf("refused-%d", refusedRuns))
	var parts []fencepost.TopicPartition
	for p := range int32(refusedPartitions) {
		parts = append(parts, fencepost.TopicPartition{Topic: topic, Partition: p})
	}
	src, err := kafka.Open(kafka.Config{Brokers: []string{addr}, Group: group, Partitions: parts})
	if err != nil {
		b.Fatal(err)
	}
	opened, err := s.open()
	if err != nil {
		b.Fatal(err)
	}
	decoder, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "k", Type: fencepost.Text}, {Column: "n", Type: fencepost.Int},
		{Column: "origin", Type: fencepost.Text}, {Column: "distance", Type: fencepost.Int}}})
	if err != nil {
		b.Fatal(err)
	}
	refusedSent[topic] = &sent{}
	e, err := engine.New(engine.Config{Group: group, Source: src, Sink: counted{opened, refusedSent[topic]}, Decoder: decoder, Until: engine.Until{End: true}, Events: func(engine.Event) {},
		OnError: engine.OnError{Undecodable: engine.DeadLetter, Refused: engine.DeadLetter, TooLarge: engine.DeadLetter, Max: -1}})
	if err != nil {
		b.Fatal(err)
	}
	if err := e.Run(b.Context()); err != nil {
		b.Fatalf("run: %v", err)
	}
	if st := e.Status(); st.Records != refusedRecords-letters || st.Letters != letters {
		b.Fatalf("%s: %d rows and %d letters, want %d and %d", s.name, st.Records, st.Letters, refusedRecords-letters, letters)
	}
	if err := opened.Close(); err != nil {
		b.Fatal(err)
	}
}

// refusers are the stores, each with a table that takes no negative n.
func refusers(b *testing.B) (list []refusing) {
	pg, maria := servers.Postgres(b).Database(b), servers.MariaDB(b).Database(b)
	file := filepath.Join(b.TempDir(), "refused.db")
	host, name, _ := strings.Cut(strings.TrimPrefix(maria, "mysql://root@"), "/")
	db, err := sql.Open("mysql", "root@tcp("+host+")/"+name)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	on := func(exec func(string) error) func(...string) func() {
		return func(statements ...string) func() {
			return func() {
				for _, s := range statements {
					if err := exec(s); err != nil {
						b.Fatalf("%s: %v", s, err)
					}
				}
			}
		}
	}
	onPG := on(func(s string) error {
		c, err := pgx.Connect(b.Context(), pg)
		if err != nil {
			return err
		}
		defer c.Close(context.Background())
		_, err = c.Exec(b.Context(), s)
		return err
	})
	onMaria := on(func(s string) error { _, err := db.ExecContext(b.Context(), s); return err })
	onLite := on(func(s string) error {
		c, err := sqlite.OpenConn(file)
		if err != nil {
			return err
		}
		defer c.Close()
		return sqlitex.ExecuteTransient(c, s, nil)
	})
	const drop, columns = "drop table if exists refused", ", n bigint not null, origin varchar(8), distance bigint, constraint positive check (n >= 0))"
	const plain, keyed = "create table refused (k varchar(20)" + columns, "create table refused (k varchar(20) primary key" + columns
	key := []string{"k"}
	toPG := func(c postgres.Config) func() (sink.Sink, error) {
		c.DSN = pg
		return func() (sink.Sink, error) { return postgres.Open(b.Context(), c) }
	}
	toMaria := func(c mysql.Config) func() (sink.Sink, error) {
		c.DSN = maria
		return func() (sink.Sink, error) { return mysql.Open(b.Context(), c) }
	}
	toLite := func(c fpsqlite.Config) func() (sink.Sink, error) {
		c.Path = file
		return func() (sink.Sink, error) { return fpsqlite.Open(b.Context(), c) }
	}
	const insert = "insert into refused (k, n, origin, distance) select k, n, origin, distance from batch"
	return []refusing{
		{"postgres", onPG(drop, plain), toPG(postgres.Config{Table: "refused"})},
		{"postgres-upsert", onPG(drop, keyed), toPG(postgres.Config{Table: "refused", Key: key})},
		{"postgres-sql", onPG(drop, plain), toPG(postgres.Config{SQL: insert})},
		{"mariadb", onMaria(drop, plain), toMaria(mysql.Config{Table: "refused"})},
		{"mariadb-upsert", onMaria(drop, keyed), toMaria(mysql.Config{Table: "refused", Key: key})},
		{"mariadb-sql", onMaria(drop, plain), toMaria(mysql.Config{SQL: insert})},
		{"sqlite", onLite(drop, plain), toLite(fpsqlite.Config{Table: "refused"})},
		{"sqlite-upsert", onLite(drop, keyed), toLite(fpsqlite.Config{Table: "refused", Key: key})},
		{"sqlite-sql", onLite(drop, plain), toLite(fpsqlite.Config{SQL: insert})},
		redisRefusing(b),
	}
}

// redisRefusing is a hash of sums whose field bad is no number.
func redisRefusing(b *testing.B) refusing {
	addr := servers.Redis(b).Addr()
	clear := func() {
		c, err := redis.DialContext(b.Context(), "tcp", addr, redis.DialPassword(servers.RedisPassword))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		for _, args := range [][]any{{"DEL", "refused"}, {"HSET", "refused", "bad", "no number"}} {
			if _, err := c.Do(args[0].(string), args[1:]...); err != nil {
				b.Fatal(err)
			}
		}
	}
	return refusing{"redis", clear, func() (sink.Sink, error) {
		return fpredis.Open(fpredis.Config{Addr: addr, Password: servers.RedisPassword, Effects: []fpredis.Effect{{Op: fpredis.HIncrBy, Key: fpredis.Text("refused"), Name: fpredis.Column("k"), Value: fpredis.Column("distance")}}})
	}}
}
