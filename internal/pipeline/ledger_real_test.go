//go:build realservers

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/atleastonce"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// ledgersApart are the keys of a ledger on each server. A fresh one at each call.
func ledgersApart(t *testing.T) map[string]string {
	redis, name := servers.Redis(t), servers.Name(t)
	return map[string]string{
		"postgres":  fmt.Sprintf("postgres: {dsn: %q}", servers.Postgres(t).Database(t)),
		"mysql":     fmt.Sprintf("mysql: {dsn: %q}", servers.MariaDB(t).Database(t)),
		"sqlite":    fmt.Sprintf("sqlite: {path: %q}", filepath.Join(t.TempDir(), "ledger.db")),
		"redis":     fmt.Sprintf("redis: {addr: %q, password: '${PW}', key: '%s:{group}'}", redis.Addr(), name),
		"zookeeper": fmt.Sprintf("zookeeper: {servers: [%q], root: /%s, user: etl, password: '${PW}'}", servers.ZooKeeper(t).Addr(), name),
		"redis by TLS": fmt.Sprintf("redis: {addr: %q, password: '${PW}', key: '%s:tls:{group}', tls: {enabled: true, ca: %q}}",
			redis.SecureAddr(), name, redis.TLS.CA),
	}
}

// A ledger on each server, apart from a sink in a file: check finds none and makes none, a run fills both, the operator's
// verbs read it where it is, and a password is in no line.
func TestLedgerApartOnServers(t *testing.T) {
	for kind, said := range ledgersApart(t) {
		t.Run(kind, func(t *testing.T) {
			topic := newTopic(t)
			topic.produce(500)
			rows := newRows(t)
			f := fileOf(t, topic, rows.sink()+"ledger: {"+said+"}\n")
			for range 2 { // the first would have made it
				if line := ledgerLine(t, f); !strings.HasPrefix(line.Text, "none yet") {
					t.Errorf("before the first run: %q, want none yet", line.Text)
				}
			}
			run(t, f)
			if line := ledgerLine(t, f); strings.HasPrefix(line.Text, "none yet") || !strings.Contains(line.Text, ", in ") || strings.Contains(line.Text, servers.RedisPassword) {
				t.Errorf("behind the run: %q, want a ledger, where it is, and no password", line.Text)
			}
			if got := rows.count(""); got != 1500 {
				t.Errorf("rows: %d, want 1500", got)
			}
			o := opened(t, f)
			resources, err := o.Resources()
			if err != nil {
				t.Fatal(err)
			}
			stands(t, resources, topic.name, 500)
			if resources.History == nil || resources.Provenance == nil {
				t.Error("the resources lack the history or the provenance")
			}
		})
	}
}

// A worker is gone between a batch's effects and its move, in two ways: the move was never made, and the move was made
// and its answer lost. The heir repeats that one batch, or nothing; position and chain are right.
func TestLedgerApartRepeatsOneBatchAtMost(t *testing.T) {
	const records, most = 400, 50
	for kind, said := range ledgersApart(t) {
		if kind == "redis by TLS" {
			continue
		}
		for _, made := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, made %t", kind, made), func(t *testing.T) {
				topic := newTopic(t)
				topic.produce(records)
				rows := newRows(t)
				f := fileOf(t, topic, rows.sink()+"ledger: {"+said+"}\nkeep_commits: all\nbatch: {records: 50}\n")
				o := opened(t, f)
				cut := &cutting{placed: o.Sink.Ledger().(placed), at: 4, made: made}
				both := o.Sink.(*parted)
				both.Sink = atleastonce.Sink(cut, both.Sink.(interface{ Unwrap() sink.Sink }).Unwrap())
				cfg := o.Config()
				cfg.Until, cfg.Events, cfg.Drain = engine.Until{End: true}, func(engine.Event) {}, time.Second
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				cut.gone = stop
				if err := engine.Run(ctx, cfg); err == nil {
					t.Fatal("the first worker came to an end, it should have been cut")
				}
				run(t, f)
				doubled := rows.count("") - 3*records
				if want := !made; (doubled > 0) != want || doubled > most {
					t.Errorf("%d rows stand twice; want those of the batch in flight (1 to %d): %t", doubled, most, want)
				}
				if got := rows.distinct(); got != 3*records {
					t.Errorf("%d records have rows, want %d", got, 3*records)
				}
				resources, err := opened(t, f).Resources()
				if err != nil {
					t.Fatal(err)
				}
				stands(t, resources, topic.name, records)
				proven(t, resources)
			})
		}
	}
}

// Positions are set back under a running pipeline: it obeys, repeats exactly that many, and goes on with what is new.
func TestLedgerApartObeysASet(t *testing.T) {
	for kind, said := range ledgersApart(t) {
		if kind == "redis by TLS" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			topic := newTopic(t)
			topic.produce(500)
			rows := newRows(t)
			f := fileOf(t, topic, rows.sink()+"ledger: {"+said+"}\nkeep_commits: all\nwatch: 300ms\n")
			w := start(t, f)
			w.until(func() bool { return rows.count("") == 1500 })
			resources, err := opened(t, f).Resources()
			if err != nil {
				t.Fatal(err)
			}
			resources.Who = "operator"
			w.until(func() bool { return standAt(t, resources, topic.name, 500) }) // a move comes behind its rows
			view, err := admin.Look(t.Context(), resources)
			if err != nil {
				t.Fatal(err)
			}
			sel, err := admin.ParseSelection([]string{topic.name + ":1"})
			if err != nil {
				t.Fatal(err)
			}
			to, err := admin.ParseDestination("-100", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			plan, err := admin.PlanSet(t.Context(), resources, view, sel, to, false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := plan.Execute(t.Context(), resources, "test"); err != nil {
				t.Fatal(err)
			}
			w.until(func() bool { return rows.count("") >= 1600 })
			topic.produce(10)
			w.until(func() bool { return rows.count("WHERE n >= 500") == 30 })
			w.end()
			if all, first := rows.count(""), rows.count("WHERE _partition = 1 AND n < 500"); all != 1630 || first != 600 {
				t.Errorf("%d rows, %d old ones of partition 1; want 1630 and 600", all, first)
			}
			stands(t, resources, topic.name, 510)
			proven(t, resources)
		})
	}
}

// cutting is a ledger whose worker is gone in the middle of its fourth commit.
type cutting struct {
	placed
	at   int32
	made bool // the move is made, and its answer is lost
	gone func()
	n    atomic.Int32
}

func (c *cutting) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if moves[0].Cause != ledger.CauseCommit {
		return c.placed.Move(ctx, w, moves)
	}
	switch n := c.n.Add(1); {
	case n < c.at:
		return c.placed.Move(ctx, w, moves)
	case n == c.at && c.made:
		if err := c.placed.Move(context.WithoutCancel(ctx), w, moves); err != nil {
			return err
		}
	}
	c.gone()
	return &fencepost.UserError{Code: "gone", Err: errors.New("the process is gone")}
}

// proven fails the test unless the chain of the recorded moves is whole.
func proven(t *testing.T, resources admin.Resources) {
	t.Helper()
	a, err := admin.Prove(t.Context(), resources, admin.AuditOptions{KeepsCommits: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range a.Findings {
		if !one.OK && one.Subject != "rows" {
			t.Errorf("audit: %+v", one)
		}
	}
}

// standAt reports whether each partition is at an offset.
func standAt(t *testing.T, resources admin.Resources, topic string, want fencepost.Offset) bool {
	t.Helper()
	snap, err := resources.Ledger.Read(t.Context(), resources.Group)
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		if snap.Positions[fencepost.TopicPartition{Topic: topic, Partition: p}].Offset != want {
			return false
		}
	}
	return true
}

// stands fails the test unless each partition is at an offset.
func stands(t *testing.T, resources admin.Resources, topic string, want fencepost.Offset) {
	t.Helper()
	snap, err := resources.Ledger.Read(t.Context(), resources.Group)
	for p := range int32(3) {
		if got := snap.Positions[fencepost.TopicPartition{Topic: topic, Partition: p}].Offset; err != nil || got != want {
			t.Errorf("the ledger holds %d of partition %d, %v; want %d", got, p, err, want)
		}
	}
}

// ledgerLine is what a check says of the ledger.
func ledgerLine(t *testing.T, f *File) fencepost.Finding {
	t.Helper()
	r, err := Check(t.Context(), f, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var line fencepost.Finding
	for _, one := range r.Findings {
		if !one.OK {
			t.Errorf("check: %+v", one)
		}
		if one.Subject == "ledger" {
			line = one
		}
	}
	return line
}

// rows is a table in a file.
type rows struct {
	t    *testing.T
	path string
	db   *sqlite.Conn
}

func newRows(t *testing.T) rows {
	t.Helper()
	r := rows{t: t, path: filepath.Join(t.TempDir(), "rows.db")}
	var err error
	if r.db, err = sqlite.OpenConn(r.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.db.Close() })
	if err := sqlitex.ExecuteScript(r.db, "CREATE TABLE flights (n INT, _topic TEXT, _partition INT, _offset INT)", nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// sink is the table in a pipeline file.
func (r rows) sink() string {
	return fmt.Sprintf("sink: {sqlite: {path: %q, table: flights}}\n", r.path)
}

func (r rows) count(where string) int64 { return r.number("SELECT count(*) FROM flights " + where) }

func (r rows) distinct() int64 {
	return r.number("SELECT count(*) FROM (SELECT DISTINCT _partition, _offset FROM flights)")
}

func (r rows) number(query string) int64 {
	r.t.Helper()
	st, err := r.db.Prepare(query)
	if err != nil {
		r.t.Fatal(err)
	}
	n, err := sqlitex.ResultInt64(st)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}
