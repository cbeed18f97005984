//go:build realservers

package postgres

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

const bareDDL = `create table bare (job text, topic text, part int, until bigint not null, primary key (job, topic, part)) with (fillfactor=50)`

const bareSQL = `update bare l set until = m.next from unnest($1::int[], $2::bigint[], $3::bigint[]) m (part, held, next)
where l.job = 'job' and l.topic = 'flights' and l.part = m.part and l.until = m.held`

const eachSQL = `insert into bare values ('job', 'flights', $1, $2) on conflict (job, topic, part) do update set until = excluded.until`

// bareCommits are what a commit of n partitions is compared with, on a table without fence, epoch or history: all is one
// atomic compare-and-set; each is a write for each partition in one transaction, which compares nothing.
type bareCommits struct {
	conn       *pgx.Conn
	parts      []int32
	held, next []int64
	at         int64 // where all partitions are
}

func newBare(b *testing.B, dsn string, n int32) *bareCommits {
	conn, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	c := &bareCommits{conn: conn, held: make([]int64, n), next: make([]int64, n)}
	for p := range n {
		c.parts = append(c.parts, p)
	}
	for _, text := range []string{bareDDL, fmt.Sprintf("insert into bare select 'job', 'flights', p, 0 from generate_series(0, %d) p", n-1), "analyze bare"} {
		if _, err := conn.Exec(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	return c
}

func (c *bareCommits) all(ctx context.Context) error {
	for p := range c.parts {
		c.held[p], c.next[p] = c.at, c.at+1000
	}
	c.at += 1000
	tag, err := c.conn.Exec(ctx, bareSQL, c.parts, c.held, c.next)
	if err == nil && int(tag.RowsAffected()) != len(c.parts) {
		err = fmt.Errorf("%d rows changed, want %d", tag.RowsAffected(), len(c.parts))
	}
	return err
}

func (c *bareCommits) each(ctx context.Context) error {
	c.at += 1000
	return pgx.BeginFunc(ctx, c.conn, func(tx pgx.Tx) error {
		for _, p := range c.parts {
			if _, err := tx.Exec(ctx, eachSQL, p, c.at); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkLedger is one commit of so many partitions without rows, beside one bare compare-and-set and a write for each
// partition. They take turns, so that a busy machine is as hard on each: ratio is ours to the bare one, by medians.
// ledger is Ledger.Move, for effects that are elsewhere; lane is Lane.Commit.
func BenchmarkLedger(b *testing.B) {
	for _, way := range []string{"lane", "ledger"} {
		for _, n := range []int32{12, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", way, n), func(b *testing.B) {
				s := &store{dsn: servers.Postgres(b).Database(b), wire: &wire{}}
				w := s.worker(b, Config{Table: "t"}).start(n)
				beside := newBare(b, s.dsn, n)
				timed := func(into *[]time.Duration, f func() error) {
					begun := time.Now()
					if err := f(); err != nil {
						b.Fatal(err)
					}
					*into = append(*into, time.Since(begun))
				}
				var ours, bare, each []time.Duration
				timed(&each, func() error { return beside.each(b.Context()) })
				for b.Loop() {
					batch := w.emptyBatch(n)
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
					timed(&bare, func() error { return beside.all(b.Context()) })
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(micros(ours), "ours-us")
				b.ReportMetric(micros(bare), "bare-us")
				b.ReportMetric(micros(ours)/micros(bare), "ratio(goal<=1.5)")
				b.ReportMetric(micros(each), "each-us")
			})
		}
	}
}

// micros is the median of some durations, in microseconds.
func micros(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Nanoseconds()) / 1e3
}

// emptyBatch moves n partitions on by 1,000 offsets without a row.
func (w *worker) emptyBatch(n int32) sink.Commit {
	var spans []sinktest.Span
	for p := range n {
		spans = append(spans, sinktest.Span{TopicPartition: at(p), Held: w.held[at(p)], Until: w.held[at(p)].Offset + 1000, Rows: []fencepost.Offset{}})
	}
	return sinktest.Commit(spans...)
}
