//go:build realservers

package scenarios

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	"github.com/fencepost/fencepost/source"
)

const flightsDDL = `create table flights (date timestamptz, delay bigint, distance bigint, origin text, destination text,
	_topic text, _partition int, _offset bigint)`

// fleet is two workers over one topic of flights, which are killed and started again.
type fleet struct {
	*scene
	db                           *postgresStore
	topic                        string
	ends                         map[int32]int64                     // :: partition -> records in it
	begin                        func(i int, name string) *exec.Cmd  // a new life in place i
	progress                     func() int64                        // how many records the ledger says were applied
	lives                        [2]*life                            //
	evict                        func(context.Context, string) error // removes a member from the group
	confirmed, sighted, anywhere int
}

// life is one worker process from its start to its death.
type life struct {
	*process
	name   string // application_name of its sessions: no two lives share one
	member string // in the group; empty until it is known
}

// newFleet feeds the flights into a topic of 12 partitions, keyed by origin.
func newFleet(t *testing.T, all iter.Seq[flights.Flight]) *fleet {
	t.Helper()
	db := newPostgresStore(t, flightsDDL)
	f := feedFleet(t, db, all)
	f.db, f.progress = db, func() int64 {
		return db.number(t, fmt.Sprintf("select coalesce(sum(until), 0)::bigint from fencepost_ledger where group_name = '%s'", f.group))
	}
	return f
}

// named is a DSN whose sessions bear a life's name.
func (f *fleet) named(life string) string { return f.db.dsn + "&application_name=" + life }

// feedFleet is a fleet over any store.
func feedFleet(t *testing.T, s store, all iter.Seq[flights.Flight]) *fleet {
	t.Helper()
	f := &fleet{scene: newScene(t, servers.Kafka(t), s), topic: servers.Name(t)}
	began := time.Now()
	fed, err := feed.Produce(t.Context(), feed.Config{Brokers: []string{f.broker.Plaintext}, Topic: f.topic, Partitions: 12, Flights: all})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d flights fed in %s", fed.Records, time.Since(began).Round(time.Millisecond))
	f.ends = fed.Partitions
	admin, err := kafka.Open(kafka.Config{Brokers: []string{f.broker.Plaintext}, Group: f.group})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Leave(context.Background()) }) // it never joined
	f.evict = func(ctx context.Context, member string) error { return admin.Evict(ctx, source.Member{ID: member}) }
	return f
}

// start begins a life in place i.
func (f *fleet) start(i int) {
	f.t.Helper()
	name := fmt.Sprintf("w%d-%s", i, strings.ToLower(servers.Name(f.t)[len(servers.Name(f.t))-6:]))
	f.lives[i] = &life{name: name, process: launch(f.t, f.begin(i, name))}
}

// joined waits until the worker in place i is in the group, and returns it.
func (f *fleet) joined(i int) *life {
	f.t.Helper()
	l := f.lives[i]
	if l.member == "" {
		l.member = l.says("joined")
	}
	return l
}

// end kills the worker in place i for good, removes it from the group, and begins a new life there.
func (f *fleet) end(i int) {
	f.t.Helper()
	l := f.lives[i]
	l.kill()
	for line := range l.lines { // it may have joined again since
		if id, ok := strings.CutPrefix(line, "joined "); ok {
			l.member = id
		}
	}
	if err := f.evict(f.t.Context(), l.member); err != nil {
		f.t.Fatalf("evict %s: %v", l.member, err)
	}
	f.start(i)
}

// aim is the moment at which a kill is to fall: what is so of one of the victim's sessions, %s being its name.
type aim string

const (
	// committing: its rows travel, or its statements run, or its COMMIT.
	committing aim = "application_name = '%s' and state = 'active' and query like 'begin%%; copy %%'"
	// between: the rows are committed, and the ledger does not know it yet.
	between aim = "application_name = '%s between'"
)

// sees reports whether the moment is now.
func (f *fleet) sees(l *life, a aim) bool {
	return f.store.number(f.t, "select count(*) from pg_stat_activity where "+fmt.Sprintf(string(a), l.name)) > 0
}

// fly runs the fleet to the end of the topic, with kills at seeded points of progress. Of five kills three fall where the
// victim was stopped first and is at the aim for certain, one where it was just seen there, and one anywhere.
func (f *fleet) fly(total int64, kills int, a aim, seed uint64) {
	f.t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	points := make([]int64, kills)
	for i := range points {
		points[i] = total/50 + rng.Int64N(total*8/10)
	}
	slices.Sort(points)
	began := time.Now()
	f.start(0)
	f.start(1)
	f.joined(0)
	f.joined(1)
	for i, point := range points {
		victim := rng.IntN(2)
		f.await(fmt.Sprintf("kill %d", i+1), point)
		l := f.joined(victim)
		switch i % 5 {
		case 0, 2, 4:
			f.confirm(l, a)
			f.confirmed++
		case 1:
			f.until(l, "it is seen there", func() bool { return f.sees(l, a) })
			f.sighted++
		case 3:
			f.anywhere++
		}
		f.end(victim)
	}
	f.await("the end", total)
	f.t.Logf("%d records in %s; killed %d times inside it for certain, %d times on sight of it, %d times anywhere", total,
		time.Since(began).Round(time.Millisecond), f.confirmed, f.sighted, f.anywhere)
}

// land stops both workers in order.
func (f *fleet) land() {
	f.t.Helper()
	for i := range f.lives {
		l := f.joined(i)
		l.signal(syscall.SIGTERM)
	}
	for _, l := range f.lives {
		<-l.done
		if l.err != nil {
			f.t.Errorf("worker %s, asked to end: %v\n%s", l.name, l.err, l.log)
		}
	}
}

// confirm stops a worker at the aim, for certain: its process is stopped, and its session is there.
func (f *fleet) confirm(l *life, a aim) {
	f.t.Helper()
	f.until(l, "it is stopped there", func() bool {
		if !f.sees(l, a) {
			return false
		}
		l.stop()
		if f.sees(l, a) {
			return true
		}
		l.resume()
		return false
	})
}

// until asks again and again, as fast as the server answers.
func (f *fleet) until(l *life, what string, holds func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			f.t.Fatalf("worker %s: %s: not within %s; applied %d\n%s", l.name, what, patience, f.progress(), l.log)
		}
	}
}

// await waits until so many records are applied.
func (f *fleet) await(what string, n int64) {
	f.t.Helper()
	last, since := int64(-1), time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		at := f.progress()
		if at >= n {
			return
		}
		if at != last {
			last, since = at, time.Now()
		}
		if time.Since(since) > patience {
			f.t.Fatalf("%s at %d records: nothing was applied for %s at %d\n%s\n%s", what, n, patience, at, f.lives[0].log, f.lives[1].log)
		}
		<-tick.C
	}
}

// faults is everything in which the table and the ledger differ from the truth.
func (f *fleet) faults(truth flights.Truth) (faults []string) {
	f.t.Helper()
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	got := flights.Truth{Origins: map[string]flights.Total{}}
	rows, err := f.db.conn.Query(f.t.Context(), "select origin, count(*), sum(delay)::bigint, sum(distance)::bigint from flights group by origin")
	if err != nil {
		f.t.Fatal(err)
	}
	for rows.Next() {
		var origin string
		var n flights.Total
		if err := rows.Scan(&origin, &n.Rows, &n.Delay, &n.Distance); err != nil {
			f.t.Fatal(err)
		}
		got.Origins[origin] = n
		got.Rows, got.Delay, got.Distance = got.Rows+n.Rows, got.Delay+n.Delay, got.Distance+n.Distance
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	if got.Total != truth.Total {
		bad("the table holds %+v, the truth is %+v", got.Total, truth.Total)
	}
	for origin := range truth.Origins {
		if got.Origins[origin] != truth.Origins[origin] {
			bad("of %s the table holds %+v, the truth is %+v", origin, got.Origins[origin], truth.Origins[origin])
		}
	}
	if len(got.Origins) != len(truth.Origins) {
		bad("%d origins, the truth is %d", len(got.Origins), len(truth.Origins))
	}
	if n := f.store.number(f.t, "select count(*) - count(distinct (_topic, _partition, _offset)) from flights"); n != 0 {
		bad("%d rows stand there more than once", n)
	}
	for p, end := range f.ends {
		if at := f.position(at(f.topic, p)).Offset; at != fencepost.Offset(end) {
			bad("partition %d is at %d, its log ends at %d", p, at, end)
		}
	}
	return faults
}

// build makes the program, once.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "fencepost")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/fencepost/fencepost/cmd/fencepost")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build fencepost: %v\n%s", err, out)
	}
	return binary
}

const flightsFile = `group: %s
source: {brokers: [%s], topics: [%s], start: earliest}
decode: json
schema: {date: timestamp, delay: int, distance: int, origin: text, destination: text}
sink: {postgres: {dsn: "${DSN}", table: flights}}
keep_commits: all
rate: %d
log_format: json
`

// The variables by which the flights are more, and killed more often, than in every run.
const (
	envKills   = "FENCEPOST_KILLS"
	envFlights = "FENCEPOST_FLIGHTS" // times 3,000,000
)

// barrage is how many flights fly, and how many kills fall on them.
type barrage struct {
	times, kills int
	usual        int // kills on 3,000,000 flights where nothing is asked for
	total        int64
}

// newBarrage is what the environment asks for; else one time, and the usual kills.
func newBarrage(t *testing.T, kills int) barrage {
	t.Helper()
	b := barrage{times: 1, kills: kills, usual: kills}
	for name, to := range map[string]*int{envKills: &b.kills, envFlights: &b.times} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		if n, err := fmt.Sscan(text, to); n != 1 || err != nil || *to < 1 {
			t.Fatalf("%s=%s: want a number above 0", name, text)
		}
	}
	b.total = int64(b.times) * 3_000_000
	return b
}

// rate is how many a worker applies in a second at most. Where more kills than usual are asked for, each has three seconds: to find its victim
// inside a commit takes a while, and the next life begins meanwhile.
func (b barrage) rate(most int64) int64 {
	if b.kills <= b.usual*b.times {
		return most
	}
	return min(most, b.total/2/3/int64(b.kills))
}

// all is the flights, as often as they fly.
func (b barrage) all(table *flights.Table) iter.Seq[flights.Flight] {
	return func(yield func(flights.Flight) bool) {
		for range b.times {
			for f := range table.All() {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// wantTruth checks the truth itself, by its known sums.
func (b barrage) wantTruth(t *testing.T, truth flights.Truth) {
	t.Helper()
	if n := int64(b.times); truth.Rows != b.total || truth.Delay != 20_003_603*n || truth.Distance != 2_194_861_208*n {
		t.Fatalf("the truth of %d flights is %+v", b.total, truth.Total)
	}
}

// TestFlightsThreeMillionTwentyKills is the proof of the house: 3,000,000 flights from Kafka into Postgres by two workers
// at 75,000 a second each, with 20 SIGKILLs, most of them inside a commit. Each flight counts exactly once.
func TestFlightsThreeMillionTwentyKills(t *testing.T) {
	binary, table, b := build(t), flightTable(t), newBarrage(t, 20)
	f := newFleet(t, b.all(table))
	file := filepath.Join(t.TempDir(), "flights.yaml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, flightsFile, f.group, f.broker.Plaintext, f.topic, b.rate(75_000)), 0o600))
	f.begin = func(_ int, name string) *exec.Cmd {
		cmd := exec.Command(binary, "run", file)
		cmd.Env = append(os.Environ(), "DSN="+f.named(name))
		return cmd
	}
	f.fly(b.total, b.kills, committing, 1)
	f.land()
	if f.confirmed < b.kills*2/5 {
		t.Errorf("%d kills fell inside a commit for certain, want %d", f.confirmed, b.kills*2/5)
	}
	truth := flights.TruthOf(b.all(table))
	b.wantTruth(t, truth)
	for _, fault := range f.faults(truth) {
		t.Error(fault)
	}
	sinktest.Chain(t, f.moves(), f.snapshot())
}

// flightTable is the 3,000,000 flights.
func flightTable(t *testing.T) *flights.Table {
	t.Helper()
	data, err := os.ReadFile("../flights/testdata/flights-3m.fpz")
	must(t, err)
	table, err := flights.Decode(data)
	must(t, err)
	return table
}

// TestFlightsControl is the same with the ledger written after the rows, in a transaction of its own, as the patterns do
// that this program replaces. If it does not lose or double, the test above tests nothing.
func TestFlightsControl(t *testing.T) {
	const n = 300_000
	table := flightTable(t)
	first := func(yield func(flights.Flight) bool) {
		left := n
		for f := range table.All() {
			if left--; left < 0 || !yield(f) {
				return
			}
		}
	}
	f := newFleet(t, first)
	e := f.errand(f.topic)
	e.Table, e.Apart, e.Rate, e.Session = "flights", true, 15_000, 0
	f.begin = func(_ int, name string) *exec.Cmd {
		e.DSN = f.named(name)
		return e.command(t)
	}
	f.fly(n, 10, between, 1)
	f.land()
	truth := flights.TruthOf(first)
	faults := f.faults(truth)
	if len(faults) == 0 {
		t.Fatal("a ledger outside the transaction lost and doubled nothing: the test of the real one tests nothing")
	}
	t.Log(faults[0])
}

// flightFields decodes a flight.
func flightFields() func() fencepost.Decoder {
	f, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "date", Type: fencepost.Timestamp}, {Column: "delay", Type: fencepost.Int},
		{Column: "distance", Type: fencepost.Int}, {Column: "origin", Type: fencepost.Text}, {Column: "destination", Type: fencepost.Text}}})
	if err != nil {
		panic(err)
	}
	return f
}

// apart is a sink of flights that commits the rows first and moves the ledger then.
type apart struct {
	sink.Sink
	dsn string
}

func (a apart) Lane(ctx context.Context, _ int) (sink.Lane, error) {
	conn, err := pgx.Connect(ctx, a.dsn)
	if err != nil {
		return nil, err
	}
	return &apartLane{conn: conn, ledger: a.Ledger(), name: conn.Config().RuntimeParams["application_name"]}, nil
}

type apartLane struct {
	conn   *pgx.Conn
	ledger ledger.Ledger
	name   string
}

func (l *apartLane) Close() error { return l.conn.Close(context.Background()) }

// Commit dwells a little between the two: what is looked at is what happens there, not how seldom.
func (l *apartLane) Commit(ctx context.Context, w ledger.Actor, b sink.Commit) error {
	var rows [][]any
	for _, s := range b.Segments {
		for i := s.Lo; i < s.Hi; i++ {
			rows = append(rows, []any{time.UnixMicro(b.Columns[0].Micros(i)), b.Columns[1].Int(i), b.Columns[2].Int(i), b.Columns[3].Text(i),
				b.Columns[4].Text(i), s.Topic, s.Partition, int64(b.Offsets[i])})
		}
	}
	columns := []string{"date", "delay", "distance", "origin", "destination", "_topic", "_partition", "_offset"}
	if _, err := l.conn.CopyFrom(ctx, pgx.Identifier{"flights"}, columns, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	if _, err := l.conn.Exec(ctx, "set application_name = '"+l.name+" between'"); err != nil {
		return err
	}
	time.Sleep(20 * time.Millisecond)
	if err := l.ledger.Move(ctx, w, b.Moves); err != nil {
		return err
	}
	_, err := l.conn.Exec(ctx, "set application_name = '"+l.name+"'")
	return err
}
