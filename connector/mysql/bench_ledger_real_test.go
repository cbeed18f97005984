//go:build realservers

package mysql

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

const bareDDL = "create table bare (job varchar(255), topic varchar(249), part int, until bigint not null, primary key (job, topic, part)) character set utf8mb4 collate utf8mb4_bin"

// bareCommits are what a commit of n partitions is compared with, each one transaction in one packet on a table without
// fence, epoch or history: join is one atomic compare-and-set, an UPDATE of a join with what the mover holds; insert is
// another, which compares row by row as it replaces them; each is a statement for each partition, which compares nothing.
type bareCommits struct {
	db *sql.DB
	n  int
	at int // where all partitions are
}

func newBare(b *testing.B, s *store, n int32) *bareCommits {
	s.exec(b, bareDDL)
	var rows []string
	for p := range n {
		rows = append(rows, fmt.Sprintf("('job','flights',%d,0)", p))
	}
	s.exec(b, "insert into bare values "+strings.Join(rows, ","))
	return &bareCommits{db: s.db, n: int(n)}
}

// moved runs a statement that must change `want` rows.
func (c *bareCommits) moved(b *testing.B, text string, want int) error {
	c.at += 1000
	res, err := c.db.ExecContext(b.Context(), text)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != int64(want) {
		return fmt.Errorf("%d rows changed, want %d: %v", n, want, err)
	}
	return nil
}

func (c *bareCommits) list(format string, args func(p int) []any) string {
	var text strings.Builder
	for p := range c.n {
		if p > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, format, args(p)...)
	}
	return text.String()
}

func (c *bareCommits) join(b *testing.B) error {
	rows := c.list("[%d,%d,%d]", func(p int) []any { return []any{p, c.at, c.at + 1000} })
	return c.moved(b, "update json_table('["+rows+"]', '$[*]' columns (p int path '$[0]', held bigint path '$[1]', next bigint path '$[2]')) m"+
		" straight_join bare l on l.job = 'job' and l.topic = 'flights' and l.part = m.p set l.until = m.next where l.until = m.held", c.n)
}

// insert counts two for a row that it replaces, and one for a row that was not there.
func (c *bareCommits) insert(b *testing.B) error {
	rows := c.list("('job','flights',%d,%d)", func(p int) []any { return []any{p, c.at + 1000} })
	return c.moved(b, "insert into bare values "+rows+fmt.Sprintf(" on duplicate key update until = if(until = %d, values(until), until)", c.at), 2*c.n)
}

func (c *bareCommits) each(b *testing.B) error {
	c.at += 1000
	tx, err := c.db.BeginTx(b.Context(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for p := range c.n {
		if _, err := tx.ExecContext(b.Context(), fmt.Sprintf("update bare set until = %d where job = 'job' and topic = 'flights' and part = %d", c.at, p)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// BenchmarkLedger is one commit of so many partitions without rows, beside two bare compare-and-sets and a write for each
// partition. They take turns, so that a busy machine is as hard on each: ratio is ours to the bare UPDATE, ratio-insert
// ours to the bare INSERT, by medians. ledger is Ledger.Move, for effects that are elsewhere; lane is Lane.Commit.
func BenchmarkLedger(b *testing.B) {
	for _, way := range []string{"lane", "ledger"} {
		for _, n := range []int32{12, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", way, n), func(b *testing.B) {
				s := storeOf(b, servers.MariaDB(b).Database(b))
				s.exec(b, "create table t (x int)")
				w := s.worker(b, Config{Table: "t"}).start(n)
				beside := newBare(b, s, n)
				timed := func(into *[]time.Duration, f func() error) {
					begun := time.Now()
					if err := f(); err != nil {
						b.Fatal(err)
					}
					*into = append(*into, time.Since(begun))
				}
				var ours, join, insert, each []time.Duration
				timed(&each, func() error { return beside.each(b) })
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
					timed(&join, func() error { return beside.join(b) })
					timed(&insert, func() error { return beside.insert(b) })
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(micros(ours), "ours-us")
				b.ReportMetric(micros(join), "bare-us")
				b.ReportMetric(micros(ours)/micros(join), "ratio(goal<=1.2)")
				b.ReportMetric(micros(insert), "insert-us")
				b.ReportMetric(micros(ours)/micros(insert), "ratio-insert")
				b.ReportMetric(micros(each), "each-us")
			})
		}
	}
}

func micros(d []time.Duration) float64 { return float64(median(d).Nanoseconds()) / 1e3 }

// emptyBatch moves n partitions on by 1,000 offsets without a row.
func (w *worker) emptyBatch(n int32) sink.Commit {
	var spans []sinktest.Span
	for p := range n {
		spans = append(spans, sinktest.Span{TopicPartition: at(p), Held: w.held[at(p)], Until: w.held[at(p)].Offset + 1000, Rows: []fencepost.Offset{}})
	}
	return sinktest.Commit(spans...)
}
