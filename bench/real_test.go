//go:build realservers

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

const table = `CREATE TABLE flights (date timestamptz, delay bigint, distance bigint, origin text, destination text)`

// three is the flights three times over: what a process does in its first second counts less.
const (
	flightRows = 3_000_000
	three      = 3 * flightRows
)

// real is what the benchmarks of this file share: a broker that holds the flights, a database, the program.
type real struct {
	b       *testing.B
	brokers string
	dsn     string
	binary  string
	pg      *pgx.Conn
	pgPID   int
}

func newReal(b *testing.B) *real {
	b.Helper()
	k, pg := servers.Kafka(b), servers.Postgres(b)
	r := &real{b: b, brokers: k.Plaintext, dsn: pg.Database(b), binary: filepath.Join(b.TempDir(), "fencepost")}
	build := exec.Command("go", "build", "-o", r.binary, "../cmd/fencepost")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	var err error
	if r.pg, err = pgx.Connect(b.Context(), r.dsn); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.pg.Close(context.Background()) })
	var file string
	if err := r.pg.QueryRow(b.Context(), "select pg_read_file('postmaster.pid')").Scan(&file); err != nil {
		b.Fatal(err)
	}
	r.pgPID, err = strconv.Atoi(strings.Fields(file)[0])
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// topic makes a topic that holds the flights times over, or those of c, written as c says.
// It returns the topic's name, which begins with the benchmark's: the broker is shared.
func (r *real) topic(times int, c feed.Config) string {
	r.b.Helper()
	if c.Flights == nil {
		c.Flights = r.flights()
	}
	c.Brokers, c.Client, c.Topic = []string{r.brokers}, []kgo.Opt{kgo.UnknownTopicRetries(100)}, servers.Name(r.b)
	for i := range times {
		c.Partitions = 12
		if i > 0 {
			c.Partitions = 0
		}
		if _, err := feed.Produce(r.b.Context(), c); err != nil {
			r.b.Fatal(err)
		}
	}
	return c.Topic
}

// flights are all of them.
func (r *real) flights() iter.Seq[flights.Flight] {
	r.b.Helper()
	data, err := os.ReadFile("../internal/flights/testdata/flights-3m.fpz")
	if err != nil {
		r.b.Fatal(err)
	}
	t, err := flights.Decode(data)
	if err != nil {
		r.b.Fatal(err)
	}
	return t.All()
}

func (r *real) exec(sql string) {
	r.b.Helper()
	if _, err := r.pg.Exec(r.b.Context(), sql); err != nil {
		r.b.Fatal(err)
	}
}

// fresh empties the table and lets the server write out what is left of before.
func (r *real) fresh() {
	r.exec("DROP TABLE IF EXISTS flights")
	r.exec(table)
	r.exec("CHECKPOINT")
}

// count checks that the table holds want rows: a wrong count is no figure.
func (r *real) count(want int) {
	r.b.Helper()
	var n int
	if err := r.pg.QueryRow(r.b.Context(), "select count(*) from flights").Scan(&n); err != nil {
		r.b.Fatal(err)
	}
	if n != want {
		r.b.Fatalf("%d rows, want %d", n, want)
	}
}

// pipeline writes a pipeline file under a group of its own.
func (r *real) pipeline(topic string, batch int) string {
	r.b.Helper()
	return r.pipelineOf("decode: json", topic, batch)
}

// pipelineOf is a pipeline whose records are decoded otherwise.
func (r *real) pipelineOf(decode, topic string, batch int) string {
	r.b.Helper()
	file := filepath.Join(r.b.TempDir(), "pipeline.yaml")
	text := fmt.Sprintf(`group: %s
source: {brokers: ["%s"], topics: [%s], start: earliest}
%s
schema: {date: timestamp, delay: int, distance: int, origin: text, destination: text}
sink: {postgres: {dsn: "%s", table: flights}}
batch: {records: %d}
log_format: json
`, servers.Name(r.b), r.brokers, topic, decode, r.dsn, batch)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.b.Fatal(err)
	}
	return file
}

// ran is what one process took, and what Postgres took meanwhile.
type ran struct {
	wall, cpu, pg time.Duration
	rss           int64 // KiB
}

// process runs a command to its end.
func (r *real) process(cmd *exec.Cmd) ran {
	r.b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	before, began := r.pgCPU(), time.Now()
	if err := cmd.Start(); err != nil {
		r.b.Fatal(err)
	}
	ended, peaked := make(chan struct{}), make(chan int64)
	go func() { peaked <- peak(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	wall := time.Since(began)
	close(ended)
	rss := <-peaked
	if err != nil {
		r.b.Fatalf("%s: %v\n%s", cmd, err, out.String())
	}
	return ran{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), pg: r.pgCPU() - before, rss: rss}
}

// peak is a process's largest resident memory, in KiB, read every 20 ms until it ends. The system's own figure for an ended
// child counts what its parent held when it was forked.
func peak(pid int, ended <-chan struct{}) (most int64) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return most
		case <-tick.C:
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		var kib int64
		if _, err := fmt.Sscan(rest, &kib); err == nil {
			most = max(most, kib)
		}
	}
}

// pgCPU is what all Postgres processes have used: the postmaster with the children it has waited for, and the living.
func (r *real) pgCPU() time.Duration {
	total := procCPU(r.pgPID, true)
	kids, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", r.pgPID, r.pgPID))
	if err != nil {
		r.b.Fatal(err)
	}
	for _, f := range strings.Fields(string(kids)) {
		pid, err := strconv.Atoi(f)
		if err == nil {
			total += procCPU(pid, false)
		}
	}
	return total
}

// procCPU is a process's user and system time in ticks of 10 ms, with that of the children it has waited for. A process
// that is gone has none: its parent counts it.
func procCPU(pid int, waited bool) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	last := 13
	if waited {
		last = 15
	}
	ticks := int64(0)
	for _, v := range f[11:last] {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func middle(rs []ran, f func(ran) time.Duration) float64 {
	vs := make([]time.Duration, len(rs))
	for i, r := range rs {
		vs[i] = f(r)
	}
	slices.Sort(vs)
	return vs[len(vs)/2].Seconds()
}

const rounds = 3

// BenchmarkKafkaToPostgres takes the flights, three times over, from Apache Kafka into Postgres: CPU seconds a million records of
// the engine and of Postgres, and throughput beside psql \copy binary of the same rows and beside the plain program.
func BenchmarkKafkaToPostgres(b *testing.B) {
	r := newReal(b)
	topic := r.topic(3, feed.Config{})
	r.fresh()
	r.process(exec.Command(r.binary, "run", r.pipeline(topic, 20_000), "--until", "end"))
	file := filepath.Join("/tmp", servers.Name(b)+".copy")
	b.Cleanup(func() { _ = os.Remove(file) })
	r.process(exec.Command("psql", r.dsn, "-qc", `\copy flights to '`+file+`' binary`))
	for _, batch := range []int{20_000, 100_000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			for b.Loop() {
				var ours, copies, plains []ran
				for range rounds {
					r.fresh()
					ours = append(ours, r.process(exec.Command(r.binary, "run", r.pipeline(topic, batch), "--until", "end")))
					r.count(three)
					r.fresh()
					copies = append(copies, r.process(exec.Command("psql", r.dsn, "-qc", `\copy flights from '`+file+`' binary`)))
					r.count(three)
					r.fresh()
					plains = append(plains, r.process(r.plain(topic, batch)))
					r.count(three)
				}
				reportAppend(b, batch, ours, copies, plains)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func reportAppend(b *testing.B, batch int, ours, copies, plains []ran) {
	wall := func(x ran) time.Duration { return x.wall }
	own := func(x ran) time.Duration { return x.cpu }
	pg := func(x ran) time.Duration { return x.pg }
	millions := float64(three) / 1e6
	b.ReportMetric(middle(ours, own)/millions, "cpu-s/M")
	b.ReportMetric(middle(ours, pg)/millions, "pg-cpu-s/M")
	b.ReportMetric((middle(ours, own)+middle(ours, pg))/millions, "both-cpu-s/M(goal<=1.1)")
	goal := "of-copy-binary(goal>=0.55)"
	if batch >= 100_000 {
		goal = "of-copy-binary(goal>=0.7)"
	}
	b.ReportMetric(middle(copies, wall)/middle(ours, wall), goal)
	b.ReportMetric(middle(plains, own)/middle(ours, own), "times-less-cpu-than-plain(goal>=2.5)")
	b.ReportMetric(millions*1000/middle(ours, wall), "k-records/s")
	b.ReportMetric(millions*1000/middle(copies, wall), "copy-k-records/s")
	b.ReportMetric(millions*1000/middle(plains, wall), "plain-k-records/s")
	b.ReportMetric(middle(plains, own)/millions, "plain-cpu-s/M")
	b.ReportMetric(middle(plains, pg)/millions, "plain-pg-cpu-s/M")
	peak := int64(0)
	for _, o := range ours {
		peak = max(peak, o.rss)
	}
	b.ReportMetric(float64(peak)/1024, "MiB-peak(goal<=200)")
}

// plain is the plain program as a process: this test's own binary.
func (r *real) plain(topic string, batch int) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FENCEPOST_BENCH_PLAIN="+strings.Join([]string{r.brokers, servers.Name(r.b), topic, r.dsn,
		strconv.Itoa(batch), strconv.Itoa(three)}, "\n"))
	return cmd
}

// BenchmarkMemory is the peak memory at 20k batches of a compressed topic.
func BenchmarkMemory(b *testing.B) {
	r := newReal(b)
	for _, codec := range []string{"lz4", "zstd"} {
		topic := r.topic(1, feed.Config{Compression: codec})
		b.Run(codec, func(b *testing.B) {
			for b.Loop() {
				r.fresh()
				got := r.process(exec.Command(r.binary, "run", r.pipeline(topic, 20_000), "--until", "end"))
				r.count(flightRows)
				b.ReportMetric(float64(got.rss)/1024, "MiB-peak(goal<=200)")
				b.ReportMetric(got.cpu.Seconds()/3, "cpu-s/M")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// worker is a fencepost process that runs until it is stopped, with its log.
type worker struct {
	cmd    *exec.Cmd
	began  time.Time
	commit chan time.Time // of each batch that it says it committed
}

func (r *real) start(file string) *worker {
	r.b.Helper()
	w := &worker{cmd: exec.Command(r.binary, "run", file, "-v"), commit: make(chan time.Time, 10_000)}
	log, err := w.cmd.StderrPipe()
	if err != nil {
		r.b.Fatal(err)
	}
	w.began = time.Now()
	if err := w.cmd.Start(); err != nil {
		r.b.Fatal(err)
	}
	go w.read(log)
	return w
}

func (w *worker) read(log io.Reader) {
	defer close(w.commit)
	for s := bufio.NewScanner(log); s.Scan(); {
		var line struct {
			Msg  string
			Time time.Time
		}
		if json.Unmarshal(s.Bytes(), &line) == nil && line.Msg == "batch committed" {
			w.commit <- line.Time
		}
	}
}

func (w *worker) stop(b *testing.B) {
	b.Helper()
	_ = w.cmd.Process.Signal(os.Interrupt)
	for range w.commit {
	}
	if err := w.cmd.Wait(); err != nil {
		b.Fatalf("the worker ended with %v", err)
	}
}

// BenchmarkFirstCommit is the time from starting the process to its first commit, with no dead member and no initial
// rebalance delay.
func BenchmarkFirstCommit(b *testing.B) {
	r := newReal(b)
	topic := r.topic(1, feed.Config{})
	for b.Loop() {
		var took []time.Duration
		for range 9 {
			r.fresh()
			w := r.start(r.pipeline(topic, 20_000))
			at, ok := <-w.commit
			if !ok {
				b.Fatal("the worker ended without a commit")
			}
			took = append(took, at.Sub(w.began))
			w.stop(b)
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-to-first-commit(goal<=200)")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkVisible is the time from producing 100 records over 12 partitions until all of them are seen by a reader of
// the table, and the CPU of the idle worker.
func BenchmarkVisible(b *testing.B) {
	r := newReal(b)
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(100),
		kgo.ProducerLinger(0))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	topic := servers.Name(b)
	if _, err := feed.Produce(b.Context(), feed.Config{Brokers: []string{r.brokers}, Topic: topic, Partitions: 12,
		Flights: func(func(flights.Flight) bool) {}}); err != nil {
		b.Fatal(err)
	}
	r.fresh()
	w := r.start(r.pipeline(topic, 20_000))
	defer w.stop(b)
	seen := 0
	round := func() time.Duration {
		var rs []*kgo.Record
		for i := range 100 {
			rs = append(rs, &kgo.Record{Topic: topic, Partition: int32(i % 12),
				Value: []byte(`{"date":"2001-01-01T00:01:00","delay":1,"distance":2,"origin":"ATL","destination":"ORD"}`)})
		}
		began := time.Now()
		if err := cl.ProduceSync(b.Context(), rs...).FirstErr(); err != nil {
			b.Fatal(err)
		}
		seen += 100
		for n := 0; n < seen; {
			if err := r.pg.QueryRow(b.Context(), "select count(*) from flights").Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(began)
	}
	for range 20 {
		round()
	}
	for b.Loop() {
		var took []time.Duration
		for range 100 {
			took = append(took, round())
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[50].Microseconds())/1000, "ms-p50(goal<=10)")
		b.ReportMetric(float64(took[99].Microseconds())/1000, "ms-max")
		before := procCPU(w.cmd.Process.Pid, false)
		time.Sleep(10 * time.Second) // idleness is what is measured
		b.ReportMetric(float64((procCPU(w.cmd.Process.Pid, false)-before).Milliseconds())/10, "idle-cpu-ms/s(goal<=10)")
	}
	b.ReportMetric(0, "ns/op")
}
