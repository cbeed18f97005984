//go:build realservers

package redis

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledgertest"
	goredis "github.com/redis/go-redis/v9"
)

// benchStore is a store on a server of its own, whose data is synced as named.
func benchStore(b *testing.B, sync string) *store {
	server := servers.OwnRedis(b, "appendfsync "+sync)
	s := &store{out: "out", wire: &wire{}}
	s.cfg = Config{Addr: server.Addr(), Password: servers.RedisPassword, MaxCommands: 50_000}
	return s
}

// scriptMicros is how long the server took for a script, on average.
func (s *store) scriptMicros(b *testing.B) float64 {
	c := goredis.NewClient(&goredis.Options{Addr: s.cfg.Addr, Password: servers.RedisPassword})
	defer c.Close()
	for line := range strings.Lines(c.Info(b.Context(), "commandstats").Val()) {
		if _, rest, ok := strings.Cut(line, "cmdstat_evalsha:"); ok {
			_, rest, _ = strings.Cut(rest, "usec_per_call=")
			number, _, _ := strings.Cut(rest, ",")
			micros, err := strconv.ParseFloat(number, 64)
			if err != nil {
				b.Fatal(err)
			}
			return micros
		}
	}
	b.Fatal("the server ran no script")
	return 0
}

// BenchmarkLedger is one commit of so many partitions with one row in all, beside one HSET each in a pipeline and one by
// one, which keep no promise.
func BenchmarkLedger(b *testing.B) {
	for _, n := range []int32{12, 1_000, 10_000} {
		b.Run(fmt.Sprintf("commit/%d", n), func(b *testing.B) {
			s := benchStore(b, "everysec")
			w := s.worker(b, Effect{Op: HIncrBy, Key: Text("out"), Name: Text("rows"), Value: Text("1")}).start(n)
			for b.Loop() {
				var spans []ledgertest.Span
				for p := range n {
					rows := []fencepost.Offset{}
					spans = append(spans, ledgertest.Span{TopicPartition: at(p), Held: w.held[at(p)], Until: w.held[at(p)].Offset + 1, Rows: rows})
				}
				w.must(ledgertest.Batch(spans...))
			}
			b.ReportMetric(s.scriptMicros(b), "server-us/op")
		})
		for _, how := range []string{"pipeline", "each"} {
			b.Run(fmt.Sprintf("hset-%s/%d", how, n), func(b *testing.B) {
				s := benchStore(b, "everysec")
				c := goredis.NewClient(&goredis.Options{Addr: s.cfg.Addr, Password: servers.RedisPassword, MaxRetries: -1})
				defer c.Close()
				for i := 0; b.Loop(); i++ {
					var to goredis.Cmdable = c
					pipe := c.Pipeline()
					if how == "pipeline" {
						to = pipe
					}
					for p := range n {
						to.HSet(b.Context(), "ledger", field(at(p)), strconv.Itoa(i)+"|"+strconv.Itoa(i+1))
					}
					if how == "pipeline" {
						if _, err := pipe.Exec(b.Context()); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkIncrements is a batch of 5,000 rows added up in one hash: over few keys, which the client sums, and over as
// many keys as rows; beside a pipeline of HINCRBY, a command a row.
func BenchmarkIncrements(b *testing.B) {
	const rows = 5_000
	for _, sync := range []string{"everysec", "always"} {
		for _, distinct := range []int{300, rows} {
			keys := make([]string, rows)
			for i := range keys {
				keys[i] = "k" + strconv.Itoa(i*7919%distinct)
			}
			rate := func(b *testing.B) { b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s") }
			b.Run(fmt.Sprintf("%s/script/%d-keys", sync, distinct), func(b *testing.B) {
				s := benchStore(b, sync)
				w := s.worker(b, s.sum()).start(1)
				pairs := make([]any, 0, 2*rows)
				for _, k := range keys {
					pairs = append(pairs, k, 3)
				}
				batch := w.counts(pairs...)
				for b.Loop() {
					m := &batch.Segments[0].Move
					m.Held = w.held[at(0)]
					m.Next = m.Held.Advance(m.Held.Offset+rows, fencepost.NoEpoch)
					w.must(batch)
				}
				rate(b)
			})
			b.Run(fmt.Sprintf("%s/pipeline/%d-keys", sync, distinct), func(b *testing.B) {
				s := benchStore(b, sync)
				c := goredis.NewClient(&goredis.Options{Addr: s.cfg.Addr, Password: servers.RedisPassword, MaxRetries: -1})
				defer c.Close()
				for b.Loop() {
					pipe := c.Pipeline()
					for _, k := range keys {
						pipe.HIncrBy(b.Context(), "out", k, 3)
					}
					if _, err := pipe.Exec(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				rate(b)
			})
		}
	}
}
