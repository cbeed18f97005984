//go:build realservers

package pipeline

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/internal/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// topicOf starts a broker with a topic of three partitions and n records in each.
func topicOf(t *testing.T, n int) string {
	t.Helper()
	b, err := broker.Start(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, "flights"); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		for p := range int32(3) {
			cl.Produce(t.Context(), &kgo.Record{Topic: "flights", Partition: p, Value: fmt.Appendf(nil, `{"n":%d}`, i)}, nil)
		}
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b.Addr()
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

// A ledger on each server, apart from a sink in a file: check finds none and makes none, a run fills both, the operator's
// rooms read it where it is, and a password is in no line.
func TestLedgerApartOnServers(t *testing.T) {
	redis := servers.Redis(t)
	for kind, keys := range map[string]string{
		"postgres": fmt.Sprintf("{dsn: %q}", servers.Postgres(t).Database(t)),
		"mysql":    fmt.Sprintf("{dsn: %q}", servers.MariaDB(t).Database(t)),
		"redis":    fmt.Sprintf("{addr: %q, password: '${PW}', key: '%s:{group}'}", redis.Addr(), servers.Name(t)),
		"redis by TLS": fmt.Sprintf("{addr: %q, password: '${PW}', key: '%s:tls:{group}', tls: {enabled: true, ca: %q}}",
			redis.SecureAddr(), servers.Name(t), redis.TLS.CA),
	} {
		t.Run(kind, func(t *testing.T) {
			kind, _, _ := strings.Cut(kind, " ")
			path := filepath.Join(t.TempDir(), "rows.db")
			text := fmt.Sprintf("group: g\nsource: {brokers: [%q], topics: [flights]}\nschema: {n: int}\n"+
				"sink: {sqlite: {path: %q, table: flights}}\nledger: {%s: %s}\n", topicOf(t, 500), path, kind, keys)
			env := testEnvironment()
			env.Lookup = func(string) (string, bool) { return servers.RedisPassword, true }
			f, err := Parse("f.yaml", []byte(text), env)
			if err != nil {
				t.Fatal(err)
			}
			db, err := sqlite.OpenConn(path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := sqlitex.ExecuteScript(db, "CREATE TABLE flights (n INT)", nil); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the first would have made it
				if line := ledgerLine(t, f); !strings.HasPrefix(line.Text, "none yet") {
					t.Errorf("before the first run: %q, want none yet", line.Text)
				}
			}
			run(t, f)
			if line := ledgerLine(t, f); !strings.Contains(line.Text, "identity") || strings.Contains(line.Text, servers.RedisPassword) {
				t.Errorf("behind the run: %q, want an identity and no password", line.Text)
			}
			rows, err := sqlitex.ResultInt(mustPrepare(t, db, "SELECT count(*) FROM flights"))
			if err != nil || rows != 1500 {
				t.Errorf("rows: %d, %v; want 1500", rows, err)
			}
			o, err := Open(t.Context(), f, Hooks{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = o.Source.Leave(t.Context()); _ = o.Close() }()
			rooms := o.RoomsToFill()
			snap, err := rooms.Ledger.Read(t.Context(), "g")
			for p := range int32(3) {
				if got := snap.Positions[fencepost.TopicPartition{Topic: "flights", Partition: p}].Offset; err != nil || got != 500 {
					t.Errorf("the ledger holds %d of partition %d, %v; want 500", got, p, err)
				}
			}
			if rooms.History == nil || rooms.Provenance == nil {
				t.Error("the rooms lack the history or the provenance")
			}
		})
	}
}

// run runs a file to the end of its topic.
func run(t *testing.T, f *File) {
	t.Helper()
	o, err := Open(t.Context(), f, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := o.Config()
	cfg.Until, cfg.Events = engine.Until{End: true}, func(engine.Event) {}
	if err := engine.Run(t.Context(), cfg); err != nil {
		t.Fatalf("run: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func mustPrepare(t *testing.T, db *sqlite.Conn, query string) *sqlite.Stmt {
	t.Helper()
	st, err := db.Prepare(query)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
