//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
)

// TestSetOnARunningPipeline rewinds a worker under load by 1,000 offsets a partition, and again when it is idle. It is
// never restarted; of each partition exactly those offsets are applied once more, and nothing is lost; moves lists it.
func TestSetOnARunningPipeline(t *testing.T) {
	t.Parallel()
	const partitions = 3
	dir := t.TempDir()
	b, err := broker.Start(broker.Config{Dir: filepath.Join(dir, "kafka")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	file, db := filepath.Join(dir, "flights.yaml"), filepath.Join(dir, "flights.db")
	text := "group: flights\nsource: {brokers: ['" + b.Addr() + "'], topics: [flights]}\nschema: {origin: text}\n" +
		"sink: {sqlite: {path: " + db + ", table: flights}}\nbatch: {records: 500}\nwatch: 300ms\nkeep_commits: all\nlog_format: json\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.OpenConn(db)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := sqlitex.ExecuteScript(conn, "CREATE TABLE flights (origin TEXT, _topic TEXT, _partition INTEGER, _offset INTEGER);", nil); err != nil {
		t.Fatal(err)
	}
	conn.SetBusyTimeout(patience)

	produced := produceUntil(t, b.Addr(), partitions)
	cmd, lines := startRun(t, file)
	wait(t, lines, "batch committed")
	rows := func() int64 { return queryInt(t, conn, "SELECT count(*) FROM flights") }
	reach(t, "10,000 records", func() bool { return rows() > 10_000 })
	during := set(t, file, "-1000", "wrong rate")
	total := produced()
	reach(t, "all records, and the rewound ones again", func() bool { return rows() == total+partitions*1000 })
	idle := set(t, file, "-1000", "once more, idle")
	reach(t, "the rewound ones a second time", func() bool { return rows() == total+2*partitions*1000 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the worker ended with %v, want 0", err)
	}

	if n := queryInt(t, conn, "SELECT count(*) FROM (SELECT DISTINCT _partition, _offset FROM flights)"); n != total {
		t.Errorf("%d records of %d are in the table: some were lost", n, total)
	}
	for p := range int64(partitions) {
		for _, m := range []map[int64]span{during, idle} {
			if m[p].until-m[p].from != 1000 {
				t.Errorf("flights:%d went back from %d to %d, want by 1,000", p, m[p].until, m[p].from)
			}
		}
		// One row for each record, one more for each rewind that covers it, and none besides.
		wrong := queryInt(t, conn, fmt.Sprintf(`SELECT count(*) FROM (SELECT _offset, count(*) n FROM flights WHERE _partition = %d GROUP BY 1)
  WHERE n <> 1 + (_offset >= %d AND _offset < %d) + (_offset >= %d AND _offset < %d)`, p, during[p].from, during[p].until, idle[p].from, idle[p].until))
		if wrong != 0 {
			t.Errorf("flights:%d: %d offsets were not applied as often as the rewinds say", p, wrong)
		}
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"fencepost", "moves", file}, &out, &out); code != 0 || strings.Count(out.String(), "rewind") != 2*partitions {
		t.Errorf("moves: exit %d, want 0 and six rewinds:\n%s", code, &out)
	}
}

// produceUntil makes the topic, and writes flights into it without end, until the function is called that it returns: how many.
func produceUntil(t *testing.T, addr string, partitions int32) (end func() int64) {
	t.Helper()
	if _, err := feed.Produce(t.Context(), feed.Config{Brokers: []string{addr}, Partitions: partitions, Flights: first(0)}); err != nil {
		t.Fatal(err)
	}
	ended, n := make(chan struct{}), int64(0)
	endless := func(yield func(flights.Flight) bool) {
		for {
			for f := range first(1_000) {
				if n++; !yield(f) {
					return
				}
			}
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	failed := make(chan error, 1)
	go func() {
		_, err := feed.Produce(t.Context(), feed.Config{Brokers: []string{addr}, Flights: endless})
		failed <- err
	}()
	return func() int64 {
		close(ended)
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		return n
	}
}

type span struct{ from, until int64 }

// set rewinds all partitions by the command, and returns what it moved. :: partition -> the offsets to be applied again
func set(t *testing.T, file, to, why string) map[int64]span {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(context.Background(), []string{"fencepost", "offsets", "set", file, "--to", to, "--why", why, "--execute", "-o", "json"}, &out, &errs)
	if code != 0 {
		t.Fatalf("offsets set: exit %d\n%s%s", code, &out, &errs)
	}
	var done struct {
		Verified bool
		Moves    []struct {
			Partition  int64
			Held, Next struct{ Offset int64 }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &done); err != nil || !done.Verified {
		t.Fatalf("offsets set said %s: %v", &out, err)
	}
	moved := map[int64]span{}
	for _, m := range done.Moves {
		moved[m.Partition] = span{m.Next.Offset, m.Held.Offset}
	}
	return moved
}

func queryInt(t *testing.T, conn *sqlite.Conn, query string) (n int64) {
	t.Helper()
	err := sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		n = s.ColumnInt64(0)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reach waits for what another process does, of which it sends no news.
func reach(t *testing.T, what string, there func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !there() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
