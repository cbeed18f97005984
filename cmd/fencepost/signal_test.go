//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/internal/flights/feed"
)

// running is a process that has begun to take flights from a broker of its own into the SQLite file db.
type running struct {
	*exec.Cmd
	lines  <-chan string
	broker *broker.Broker
	db     string
}

// startFlights starts a run that takes 2,000 flights a second, and waits for its first commit.
func startFlights(t *testing.T, more string) running {
	t.Helper()
	dir := t.TempDir()
	b, err := broker.Start(broker.Config{Dir: filepath.Join(dir, "kafka")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if _, err := feed.Produce(t.Context(), feed.Config{Brokers: []string{b.Addr()}, Partitions: 1,
		Flights: first(20_000)}); err != nil {
		t.Fatal(err)
	}
	file, db := filepath.Join(dir, "flights.yaml"), filepath.Join(dir, "flights.db")
	text := "group: flights\nsource: {brokers: ['" + b.Addr() + "'], topics: [flights]}\nschema: {origin: text}\n" +
		"sink: {sqlite: {path: " + db + ", table: flights}}\nbatch: {records: 100}\nrate: 2000\nlog_format: json\n" + more
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	conn := open(t, db)
	if err := sqlitex.ExecuteScript(conn, "CREATE TABLE flights (origin TEXT);", nil); err != nil {
		t.Fatal(err)
	}
	cmd, lines := startRun(t, file)
	wait(t, lines, "batch committed")
	return running{cmd, lines, b, db}
}

func open(t *testing.T, db string) *sqlite.Conn {
	t.Helper()
	conn, err := sqlite.OpenConn(db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestH6StopWhileBrokersAreAway: brokers that are gone are said, with what to do, and a stop then is a stop: everything that was
// applied is committed, and the exit code is 0.
func TestH6StopWhileBrokersAreAway(t *testing.T) {
	t.Parallel() // it waits for brokers that are not there
	p := startFlights(t, "watch: 1s\n")
	if err := p.broker.Close(); err != nil {
		t.Fatal(err)
	}
	wait(t, p.lines, `"msg":"no broker answers"`)
	wait(t, p.lines, `"lag":"unknown"`)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wait(t, p.lines, `"msg":"left behind"`)
	wait(t, p.lines, `"msg":"stopped"`)
	if err := p.Wait(); err != nil {
		t.Errorf("stopped while the brokers were away: %v, want exit 0", err)
	}
}

// TestSecondSignal: while a stop waits for the database, a second signal ends the process at once, by the signal's
// own effect.
func TestSecondSignal(t *testing.T) {
	p := startFlights(t, "")
	conn := open(t, p.db)
	if err := sqlitex.ExecuteTransient(conn, "BEGIN IMMEDIATE", nil); err != nil { // now no commit gets through
		t.Fatal(err)
	}
	for _, want := range []string{"draining", ""} {
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if want != "" {
			wait(t, p.lines, want)
		}
	}
	_ = p.Wait() // it says how the process died; that is looked at next
	status := p.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("got %v, want dead of SIGTERM", p.ProcessState)
	}
}

// startRun starts this program in a process of its own, and gives the lines that it logs.
func startRun(t *testing.T, file string) (*exec.Cmd, <-chan string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = []string{"fencepost", "run", file, "-v"}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 10_000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return cmd, lines
}

// wait reads lines until one holds one of the words.
func wait(t *testing.T, lines <-chan string, words ...string) {
	t.Helper()
	deadline := time.After(patience)
	var seen []string
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("it ended before it said %q:\n%s", words, strings.Join(seen, "\n"))
			}
			seen = append(seen, line)
			for _, w := range words {
				if strings.Contains(line, w) {
					return
				}
			}
		case <-deadline:
			t.Fatalf("%s went by, and it did not say %q:\n%s", patience, words, strings.Join(seen, "\n"))
		}
	}
}
