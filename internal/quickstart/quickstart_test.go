//go:build unix

package quickstart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/flights"
)

// first is the first n flights.
func first(n int) iter.Seq[flights.Flight] {
	return func(yield func(flights.Flight) bool) {
		left := n
		for f := range flights.First200k().All() {
			if left--; left < 0 || !yield(f) {
				return
			}
		}
	}
}

// small is a quickstart of a few seconds, whose workers are this test binary.
func small(t *testing.T, out, story *bytes.Buffer) Config {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	as := func(plays string) func(string) Program {
		return func(file string) Program {
			return Program{Path: exe, Args: []string{exe, file}, Env: append(os.Environ(), playsEnv+"="+plays)}
		}
	}
	return Config{Dir: filepath.Join(t.TempDir(), "a folder"), Seed: 1, Flights: first(6_000), Kills: 5, Rate: 600,
		Worker: as("run"), Control: as("control"), Out: out, Err: story}
}

// TestWholeProof kills real processes, and runs twice into the same folder.
func TestWholeProof(t *testing.T) {
	t.Parallel()
	var out, story bytes.Buffer
	cfg := small(t, &out, &story)
	var report Report
	cfg.Report = func(r Report) { report = r }
	if err := Run(t.Context(), cfg); err != nil {
		t.Fatalf("%v\n%s%s", err, story.String(), out.String())
	}
	t.Logf("\n%s%s", story.String(), out.String())
	for _, want := range []string{
		`(?m)^6,000 flights, embedded broker to SQLite, 1,800/s so that there is time to kill\. Seed 1\.$`,
		`(?m)^ *[0-9.]+s  produced  6,000 records to topic flights, 4 partitions, keyed by origin$`,
		`(?m)^ *[0-9.]+s  kill -9   worker [123] \(pid \d+\) at +[0-9,]+ rows; back after [0-9.]+m?s$`,
		`(?m)^ *[0-9.]+s  finished  5 kills, lag 0$`,
	} {
		if !regexp.MustCompile(want).MatchString(story.String()) {
			t.Errorf("the story has no line %s", want)
		}
	}
	truth := flights.TruthOf(first(6_000))
	for _, want := range []string{
		fmt.Sprintf(`(?m)^fencepost +6,000 +.* +%d  equal$`, len(truth.Origins)),
		`(?m)^control +[0-9,]+ .* rows? doubled, by [1-5] of 5 kills$`,
		`(?m)^chain +[0-9, +]+ offsets, \d+ commits: no hole, no overlap$`,
		`(?m)^PROVEN        5 workers killed, 0 rows lost, 0 rows doubled`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the proof has no line %s", want)
		}
	}
	switch {
	case !report.Proven || report.Run.Sums != report.Truth || report.Truth.Rows != 6_000:
		t.Errorf("the report says %+v", report)
	case report.Control.Rows != 6_000+report.Control.Doubled || report.Control.Doubled == 0:
		t.Errorf("the control has %d rows and %d doubled", report.Control.Rows, report.Control.Doubled)
	}
	for _, k := range append(report.Run.Kills, report.Control.Kills...) {
		if !k.Hit || alive(k.PID) {
			t.Errorf("kill of pid %d: hit is %v, alive is %v", k.PID, k.Hit, alive(k.PID))
		}
	}
	text, err := os.ReadFile(filepath.Join(cfg.Dir, pipelineName))
	if err != nil || !strings.Contains(string(text), "log_format: auto") {
		t.Errorf("the pipeline file is not for people: %v\n%s", err, text)
	}
}

// TestRunThatDoublesIsNotProven: workers that commit rows and offsets apart are found out.
func TestRunThatDoublesIsNotProven(t *testing.T) {
	t.Parallel()
	var out, story bytes.Buffer
	cfg := small(t, &out, &story)
	cfg.Worker = cfg.Control
	var report Report
	cfg.Report = func(r Report) { report = r }
	if err := Run(t.Context(), cfg); !errors.Is(err, ErrNotProven) {
		t.Fatalf("got %v, want ErrNotProven\n%s%s", err, story.String(), out.String())
	}
	if !regexp.MustCompile(`(?m)^NOT PROVEN    [\d,]+ rows doubled; delays: `).MatchString(out.String()) {
		t.Errorf("the proof does not say what speaks against it:\n%s", out.String())
	}
	if report.Proven || report.Exit != 3 || report.Run.Doubled == 0 || report.Run.Rows != report.Truth.Rows+report.Run.Doubled {
		t.Errorf("the report says %+v", report)
	}
}

// TestCutShort ends a run while its workers work: nothing is left, and nothing is called proven.
func TestCutShort(t *testing.T) {
	var out, story bytes.Buffer
	cfg := small(t, &out, &story)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var pids []int
	cfg.Err = onWrite(func(text []byte) {
		story.Write(text)
		if pid := killed.FindSubmatch(text); pid != nil {
			n := 0
			fmt.Sscan(string(pid[1]), &n)
			pids = append(pids, n)
			cancel()
		}
	})
	err := Run(ctx, cfg)
	if !errors.Is(err, ErrCutShort) {
		t.Fatalf("got %v, want ErrCutShort\n%s", err, story.String())
	}
	if out.Len() != 0 || !strings.Contains(story.String(), "stopped   workers and broker have ended; nothing is proven") {
		t.Errorf("it says\n%s%s", story.String(), out.String())
	}
	if left := childrenLeft(t); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	if len(pids) == 0 {
		t.Error("no kill was told, so nothing was at work")
	}
}

var killed = regexp.MustCompile(`pid (\d+)`)

type onWrite func([]byte)

func (f onWrite) Write(b []byte) (int, error) { f(b); return len(b), nil }

// TestWorkerThatFails: its last message is reported, and the others are ended.
func TestWorkerThatFails(t *testing.T) {
	var out, story bytes.Buffer
	cfg := small(t, &out, &story)
	good := cfg.Worker
	cfg.Worker = func(file string) Program { return good(file + ".missing") }
	began := time.Now()
	err := Run(t.Context(), cfg)
	wantFault(t, err, "worker-failed", 0)
	if err == nil || !strings.Contains(err.Error(), "ended with exit status 1: run failed: ") || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v, want what the worker said", err)
	}
	if took := time.Since(began); took >= stall {
		t.Errorf("it took %s to tell, as long as to wait for a commit", took)
	}
	if left := childrenLeft(t); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}
