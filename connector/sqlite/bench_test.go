package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
)

// flightColumns are the columns of the flights.
func flightColumns() []fencepost.ColumnSpec {
	return []fencepost.ColumnSpec{{Name: "date", Type: fencepost.Timestamp}, {Name: "delay", Type: fencepost.Int},
		{Name: "distance", Type: fencepost.Int}, {Name: "origin", Type: fencepost.Text}, {Name: "destination", Type: fencepost.Text}}
}

// flights makes a batch of n flights over the partitions from the positions held, and moves those on.
func flights(n int, held map[fencepost.TopicPartition]ledger.Position, tps ...fencepost.TopicPartition) sink.Commit {
	b := sink.Commit{Batch: &fencepost.Batch{}}
	for _, c := range flightColumns() {
		b.Columns = append(b.Columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	for i, tp := range tps {
		lo, at := len(b.Offsets), held[tp].Offset
		for range n / len(tps) {
			row := int64(at) + int64(i)
			b.Offsets, b.Times = append(b.Offsets, at), append(b.Times, 978_307_200_000+row)
			b.Columns[0].AppendInt(978_307_260_000_000 + row*1_000_000)
			b.Columns[1].AppendInt(row%600 - 50)
			b.Columns[2].AppendInt(row % 2700)
			b.Columns[3].AppendText([]string{"ATL", "ORD", "LAX", "SEA"}[row&3])
			b.Columns[4].AppendText([]string{"JFK", "SFO", "DFW"}[row%3])
			at++
		}
		next := held[tp].Advance(at, fencepost.NoEpoch)
		b.Segments = append(b.Segments, fencepost.Segment{TopicPartition: tp, Range: fencepost.OffsetRange{From: held[tp].Offset, Until: at},
			Lo: lo, Hi: len(b.Offsets)})
		b.Moves = append(b.Moves, ledger.Move{TopicPartition: tp, Cause: ledger.CauseCommit, Held: held[tp], Next: next})
		held[tp] = next
	}
	return b
}

// topic names n partitions of flights.
func topic(n int32) (tps []fencepost.TopicPartition) {
	for p := range n {
		tps = append(tps, fencepost.TopicPartition{Topic: "flights", Partition: p})
	}
	return tps
}

var writer = ledger.Actor{Group: "flight-delays", ClusterID: "cluster-A", Who: "test"}

// begin starts partitions at offset 0.
func begin(t testing.TB, s *Sink, tps ...fencepost.TopicPartition) map[fencepost.TopicPartition]ledger.Position {
	t.Helper()
	held := map[fencepost.TopicPartition]ledger.Position{}
	var moves []ledger.Move
	for i, tp := range tps {
		held[tp] = ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: ledger.Fence(4711 + i), TopicID: fencepost.TopicID{1}}
		moves = append(moves, ledger.Move{TopicPartition: tp, Cause: ledger.CauseStart, Next: held[tp], Partitions: int32(len(tps))})
	}
	if err := s.Ledger().Move(t.Context(), writer, moves); err != nil {
		t.Fatal(err)
	}
	return held
}

// fresh opens a sink and a lane on a new file, after the DDL of the flights.
func fresh(t testing.TB, cfg Config, ddl ...string) (*Sink, sink.Lane) {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "flights.db")
	}
	for _, query := range ddl {
		execute(t, cfg.Path, query)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Lane(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close lane: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close sink: %v", err)
		}
	})
	return s, l
}

const (
	flightsDDL = `CREATE TABLE flights (date TEXT, delay INTEGER, distance INTEGER, origin TEXT, destination TEXT)`
	placedDDL  = `CREATE TABLE flights (date TEXT, delay INTEGER, distance INTEGER, origin TEXT, destination TEXT,
  _topic TEXT, _partition INTEGER, _offset INTEGER)`
	delaysDDL = `CREATE TABLE delays (origin TEXT PRIMARY KEY, flights INTEGER, minutes INTEGER)`
	// quickstartSQL is what the quickstart does: all rows, and the sums of each origin, in one commit.
	quickstartSQL = `-- all rows, with where they came from
INSERT INTO flights (date, delay, distance, origin, destination, _topic, _partition, _offset)
SELECT date, delay, distance, origin, destination, _topic, _partition, _offset FROM batch;
/* and the sums of each origin */
INSERT INTO delays (origin, flights, minutes)
SELECT origin, count(*), sum(delay) FROM batch WHERE true GROUP BY origin
ON CONFLICT (origin) DO UPDATE SET flights = delays.flights + excluded.flights, minutes = delays.minutes + excluded.minutes;
`
)

// BenchmarkAppend compares a Commit of 20,000 rows with the driver's bare limit, in turns within one run: the same
// prepared 100-row VALUES of constant columns, pragmas and transaction, no ledger, no batch to read.
func BenchmarkAppend(b *testing.B) {
	const n = 20_000
	_, l := freshBench(b, Config{Table: "flights"}, flightsDDL)
	bare := newBare(b)
	var ours, limit, oursCPU, limitCPU time.Duration
	tps := topic(4)
	held := map[fencepost.TopicPartition]ledger.Position{}
	for tp, p := range benchHeld {
		held[tp] = p
	}
	batch := flights(n, held, tps...)
	b.ReportAllocs()
	for b.Loop() {
		at, cpu := time.Now(), used(b)
		if err := l.Commit(b.Context(), writer, batch); err != nil {
			b.Fatal(err)
		}
		ours, oursCPU = ours+time.Since(at), oursCPU+used(b)-cpu
		at, cpu = time.Now(), used(b)
		bare.commit(b, n)
		limit, limitCPU = limit+time.Since(at), limitCPU+used(b)-cpu
		for i := range batch.Segments {
			m := &batch.Moves[i]
			m.Held, m.Next = m.Next, m.Next.Advance(m.Next.Offset+n/4, fencepost.NoEpoch)
		}
	}
	b.ReportMetric(limit.Seconds()/ours.Seconds(), "of-limit(goal>=0.90)")
	b.ReportMetric(limitCPU.Seconds()/oursCPU.Seconds(), "of-limit-CPU")
	b.ReportMetric(float64(b.N)*n/ours.Seconds()/1e6, "Mrows/s")
	b.ReportMetric(float64(b.N)*n/limit.Seconds()/1e6, "limit-Mrows/s")
}

// used is the CPU time of this process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkQuickstart is the quickstart's two statements over batches of 20,000 rows.
func BenchmarkQuickstart(b *testing.B) {
	const n = 20_000
	_, l := freshBench(b, Config{SQL: quickstartSQL}, placedDDL, delaysDDL)
	held := benchHeld
	batch := flights(n, held, topic(4)...)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Commit(b.Context(), writer, batch); err != nil {
			b.Fatal(err)
		}
		for i := range batch.Segments {
			m := &batch.Moves[i]
			m.Held, m.Next = m.Next, m.Next.Advance(m.Next.Offset+n/4, fencepost.NoEpoch)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkLedger is one commit of so many partitions without rows, beside one bare compare-and-set and a write for each
// partition, on a table without fence, epoch or history. They take turns, so that a busy machine is as hard on each:
// ratio is ours to the bare one, by medians.
func BenchmarkLedger(b *testing.B) {
	for _, n := range []int32{12, 1_000, 10_000} {
		b.Run(fmt.Sprintf("lane/%d", n), func(b *testing.B) {
			s, l := fresh(b, Config{Table: "flights"}, flightsDDL)
			batch := flights(0, begin(b, s, topic(n)...), topic(n)...)
			beside := newBareLedger(b, n)
			var ours, limit, each []time.Duration
			timed := func(into *[]time.Duration, f func() error) {
				begun := time.Now()
				if err := f(); err != nil {
					b.Fatal(err)
				}
				*into = append(*into, time.Since(begun))
			}
			timed(&each, func() error { return beside.each() })
			for b.Loop() {
				for p := range batch.Segments {
					m := &batch.Moves[p]
					m.Held, m.Next = m.Next, m.Next.Advance(m.Next.Offset+1, fencepost.NoEpoch)
				}
				timed(&ours, func() error { return l.Commit(b.Context(), writer, batch) })
				timed(&limit, func() error { return beside.all() })
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(middle(ours), "ours-us")
			b.ReportMetric(middle(limit), "bare-us")
			b.ReportMetric(middle(ours)/middle(limit), "ratio(goal<=1.2)")
			b.ReportMetric(middle(each), "each-us")
		})
	}
}

// middle is the median of some durations, in microseconds.
func middle(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Nanoseconds()) / 1e3
}

// bareLedger is the driver alone.
type bareLedger struct {
	db                        *sqlite.Conn
	begin, set, one, finished *sqlite.Stmt
	n, at                     int64 // partitions, and where all of them are
}

func newBareLedger(b *testing.B, n int32) *bareLedger {
	path := filepath.Join(b.TempDir(), "bare.db")
	execute(b, path, "CREATE TABLE l (job TEXT, topic TEXT, part INT, until INT NOT NULL, PRIMARY KEY (job, topic, part)) WITHOUT ROWID")
	execute(b, path, fmt.Sprintf("WITH RECURSIVE s (p) AS (SELECT 0 UNION ALL SELECT p + 1 FROM s WHERE p < %d) INSERT INTO l SELECT 'job', 'flights', p, 0 FROM s", n-1))
	db := plain(b, path)
	bareConnection(b, db)
	return &bareLedger{db, db.Prep("BEGIN IMMEDIATE"), db.Prep("UPDATE l SET until = ? WHERE job = 'job' AND topic = 'flights' AND part = ? AND until = ?"),
		db.Prep("UPDATE l SET until = ? WHERE job = 'job' AND topic = 'flights' AND part = ?"), db.Prep("COMMIT"), int64(n), 0}
}

// all is one atomic compare-and-set.
func (d *bareLedger) all() error {
	if err := exhaust(d.begin); err != nil {
		return err
	}
	held := d.at
	d.at++
	for p := range d.n {
		d.set.BindInt64(1, d.at)
		d.set.BindInt64(2, p)
		d.set.BindInt64(3, held)
		if err := exhaust(d.set); err != nil {
			return err
		}
		if d.db.Changes() != 1 {
			return fmt.Errorf("partition %d is not at %d", p, held)
		}
	}
	return exhaust(d.finished)
}

// each is a write for each partition, in a transaction of its own.
func (d *bareLedger) each() error {
	d.at++
	for p := range d.n {
		d.one.BindInt64(1, d.at)
		d.one.BindInt64(2, p)
		if err := exhaust(d.one); err != nil {
			return err
		}
	}
	return nil
}

// bareConnection sets what the sink's own connections set too.
func bareConnection(b *testing.B, db *sqlite.Conn) {
	for _, query := range []string{"PRAGMA temp_store = MEMORY", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"} {
		st, _, err := db.PrepareTransient(query)
		if err != nil {
			b.Fatal(err)
		}
		if err := exhaust(st); err != nil {
			b.Fatal(err)
		}
		st.Finalize()
	}
}

var benchHeld map[fencepost.TopicPartition]ledger.Position

// freshBench is fresh with four started partitions.
func freshBench(b *testing.B, cfg Config, ddl ...string) (*Sink, sink.Lane) {
	s, l := fresh(b, cfg, ddl...)
	benchHeld = begin(b, s, topic(4)...)
	return s, l
}

// bare is the driver alone.
type bare struct {
	begin, insert, commitStmt *sqlite.Stmt
}

func newBare(b *testing.B) *bare {
	path := filepath.Join(b.TempDir(), "bare.db")
	execute(b, path, flightsDDL)
	db := plain(b, path)
	bareConnection(b, db)
	values := strings.TrimSuffix(strings.Repeat("(?,?,?,?,?),", 100), ",")
	return &bare{db.Prep("BEGIN IMMEDIATE"), db.Prep("INSERT INTO flights VALUES " + values), db.Prep("COMMIT")}
}

func (d *bare) commit(b *testing.B, n int) {
	if err := exhaust(d.begin); err != nil {
		b.Fatal(err)
	}
	for range n / 100 {
		for p := 1; p <= 500; p += 5 {
			d.insert.BindText(p, "2001-01-01 00:01:00")
			d.insert.BindInt64(p+1, 14)
			d.insert.BindInt64(p+2, 1590)
			d.insert.BindText(p+3, "ATL")
			d.insert.BindText(p+4, "JFK")
		}
		if err := exhaust(d.insert); err != nil {
			b.Fatal(err)
		}
	}
	if err := exhaust(d.commitStmt); err != nil {
		b.Fatal(err)
	}
}
