//go:build realservers

package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/sink/sinktest"
	goredis "github.com/redis/go-redis/v9"
)

// benchStore is a store on a server of its own, whose data is synced as named.
func benchStore(b *testing.B, sync string) *store { return benchStore2(b, sync) }

func benchStore2(b testing.TB, sync string) *store {
	server := servers.OwnRedis(b, "appendfsync "+sync)
	s := &store{out: "out", addr: server.Addr(), wire: &wire{}}
	s.cfg = Config{Addr: server.Addr(), Password: servers.RedisPassword, MaxCommands: 50_000}
	return s
}

// bareText is the compare-and-set at its barest: one number a partition, no fence, epoch, topic or history.
const bareText = `
local n = #ARGV / 3
for i = 1, n, 2000 do
  local last, f = math.min(i + 1999, n), {}
  for j = i, last do f[#f + 1] = ARGV[3 * j - 2] end
  local held = redis.call('HMGET', KEYS[1], unpack(f))
  for j = i, last do
    if (held[j - i + 1] or '0') ~= ARGV[3 * j - 1] then return 0 end
  end
end
for i = 1, n, 2000 do
  local last, f = math.min(i + 1999, n), {}
  for j = i, last do
    f[#f + 1] = ARGV[3 * j - 2]
    f[#f + 1] = ARGV[3 * j]
  end
  redis.call('HSET', KEYS[1], unpack(f))
end
return 1`

// bare is that compare-and-set, and a write for each partition, over n partitions.
type bare struct {
	c      *goredis.Client
	script *goredis.Script
	fields []string
}

func newBare(s *store, n int32) *bare {
	c := &bare{c: goredis.NewClient(&goredis.Options{Addr: s.cfg.Addr, Password: servers.RedisPassword, MaxRetries: -1, DisableIdentity: true}),
		script: goredis.NewScript(bareText)}
	for p := range n {
		c.fields = append(c.fields, field(at(p)))
	}
	return c
}

// commit moves every partition on by 1,000. Their offsets differ by step: with 0 all are the same number, which Lua keeps
// once.
func (c *bare) commit(ctx context.Context, key string, step, round int) error {
	args := make([]any, 0, 3*len(c.fields))
	for p, f := range c.fields {
		was, is := "0", strconv.Itoa(step*p+1000*(round+1))
		if round > 0 {
			was = strconv.Itoa(step*p + 1000*round)
		}
		args = append(args, f, was, is)
	}
	n, err := c.script.Run(ctx, c.c, []string{key}, args...).Int()
	if err == nil && n != 1 {
		err = errors.New("refused")
	}
	return err
}

func (c *bare) each(ctx context.Context) error {
	for _, f := range c.fields {
		if err := c.c.HSet(ctx, "each", f, 1000).Err(); err != nil {
			return err
		}
	}
	return nil
}

// median is the middle of some durations, in microseconds.
func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Nanoseconds()) / 1e3
}

// BenchmarkLedger is one commit of so many partitions without rows, beside the barest compare-and-set and a write for each
// partition, which keep fewer promises or none. They take turns, so that a busy machine is as hard on each: ratio is ours
// to the bare one, by medians. ledger is Ledger.Move, for effects that are elsewhere; lane is Lane.Commit.
func BenchmarkLedger(b *testing.B) {
	for _, way := range []string{"lane", "ledger"} {
		for _, n := range []int32{12, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", way, n), func(b *testing.B) {
				s := benchStore(b, "everysec")
				w := s.worker(b, Effect{Op: HIncrBy, Key: Text("out"), Name: Text("rows"), Value: Text("1")}).start(n)
				beside := newBare(s, n)
				defer beside.c.Close()
				timed := func(into *[]time.Duration, f func() error) {
					begun := time.Now()
					if err := f(); err != nil {
						b.Fatal(err)
					}
					*into = append(*into, time.Since(begun))
				}
				var ours, bare, same, each []time.Duration
				for i := 0; b.Loop(); i++ {
					var spans []sinktest.Span
					for p := range n {
						spans = append(spans, sinktest.Span{TopicPartition: at(p), Held: w.held[at(p)], Until: w.held[at(p)].Offset + 1000, Rows: []fencepost.Offset{}})
					}
					batch := sinktest.Commit(spans...)
					moves := batch.Moves
					timed(&ours, func() error {
						if way == "ledger" {
							return w.sink.Ledger().Move(b.Context(), w.as, moves)
						}
						return w.lane.Commit(b.Context(), w.as, batch)
					})
					for _, m := range moves {
						w.held[m.TopicPartition] = m.Next
					}
					timed(&bare, func() error { return beside.commit(b.Context(), "bare", 1_000_003, i) })
					timed(&same, func() error { return beside.commit(b.Context(), "same", 0, i) })
					if way == "lane" && i < 3 {
						timed(&each, func() error { return beside.each(b.Context()) })
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(ours), "ours-us")
				b.ReportMetric(median(bare), "bare-us")
				b.ReportMetric(median(ours)/median(bare), "ratio")
				b.ReportMetric(median(same), "same-us")
				b.ReportMetric(median(ours)/median(same), "ratio-same")
				if way == "lane" {
					b.ReportMetric(median(each), "each-us")
				}
			})
		}
	}
}

// BenchmarkSink is a batch of 5,000 rows added up in one hash, over few keys, which the client sums, and over as many keys
// as rows. It takes turns with the same commands in a bare pipeline: a HINCRBY for each key, summed beforehand. speed is
// the pipeline's time to ours, by medians.
func BenchmarkSink(b *testing.B) {
	const rows = 5_000
	for _, sync := range []string{"everysec", "always"} {
		for _, distinct := range []int{100, rows} {
			b.Run(fmt.Sprintf("%s/%d-keys", sync, distinct), func(b *testing.B) {
				s := benchStore(b, sync)
				w := s.worker(b, s.sum()).start(1)
				pairs := make([]any, 0, 2*rows)
				for i := range rows {
					pairs = append(pairs, "k"+strconv.Itoa(i*7919%distinct), 3)
				}
				batch := w.counts(pairs...)
				c := goredis.NewClient(&goredis.Options{Addr: s.cfg.Addr, Password: servers.RedisPassword, MaxRetries: -1})
				defer c.Close()
				var ours, bare []time.Duration
				for b.Loop() {
					m := &batch.Moves[0]
					m.Held = w.held[at(0)]
					m.Next = m.Held.Advance(m.Held.Offset+rows, fencepost.NoEpoch)
					begun := time.Now()
					w.must(batch)
					ours = append(ours, time.Since(begun))
					begun = time.Now()
					pipe := c.Pipeline()
					for i := range distinct {
						pipe.HIncrBy(b.Context(), "bare", pairs[2*i].(string), 3)
					}
					if _, err := pipe.Exec(b.Context()); err != nil {
						b.Fatal(err)
					}
					bare = append(bare, time.Since(begun))
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(rows/median(ours), "ours-M/s")
				b.ReportMetric(median(ours), "ours-us")
				b.ReportMetric(median(bare), "bare-us")
				b.ReportMetric(median(bare)/median(ours), "speed")
			})
		}
	}
}
