package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/quickstart"
)

// TestQuickstartRunsThisProgram: the workers are the verbs run and quickstart control, and the director understands
// what they say. Whether a single kill hits a worker at work, and whether the control doubles by it, is left to chance; package quickstart tests the
// proof.
func TestQuickstartRunsThisProgram(t *testing.T) {
	t.Parallel()
	var out, story bytes.Buffer
	a := &app{stdout: &out, stderr: &story, program: "fencepost", output: "table", color: "auto"}
	dir := filepath.Join(t.TempDir(), "it's here")
	cfg, err := a.quickstartConfig(quickstartFlags{dir: dir, seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	var report quickstart.Report
	cfg.Report = func(r quickstart.Report) { report = r }
	cfg.Kills, cfg.Rate = 1, 500
	cfg.Flights = func(yield func(flights.Flight) bool) {
		n := 0
		for f := range flights.First200k().All() {
			if n++; n > 3_000 || !yield(f) {
				return
			}
		}
	}
	if err := quickstart.Run(t.Context(), cfg); err != nil && !errors.Is(err, quickstart.ErrNotProven) {
		t.Fatalf("%v\n%s", err, story.String())
	}
	t.Logf("\n%s%s", story.String(), out.String())
	if report.Run.Sums != report.Truth || report.Truth.Rows != 3_000 || report.Control.Missing != 0 {
		t.Errorf("the rows are not the truth: %+v", report)
	}
	if len(report.Run.Kills) != 1 || len(report.Control.Kills) != 1 {
		t.Errorf("kills: %+v in the run, %+v in the control; want one each", report.Run.Kills, report.Control.Kills)
	}
	if want := "'" + strings.ReplaceAll(dir, "'", `'\''`) + "'"; !strings.Contains(out.String(), " --dir "+want+" --seed 3 --keep") {
		t.Errorf("what to type next does not name the folder as %s:\n%s", want, out.String())
	}
	// H13: of a broker that is kept, what is printed shows something, and says how to have it again.
	kept := a.quickstartNext(quickstartFlags{dir: dir, keep: true}, "q", "127.0.0.1:19092")
	for i, want := range []string{"fencepost check q/pipeline.yaml", "fencepost offsets show q/pipeline.yaml", "fencepost audit q/pipeline.yaml"} {
		if got := kept[len(kept)-4+i].Command; got != want {
			t.Errorf("next: got %s, want %s", got, want)
		}
	}
	if got := cfg.Again("q", "127.0.0.1:19092"); got != "fencepost broker --dir q/broker --listen 127.0.0.1:19092" {
		t.Errorf("again: %s", got)
	}
	// What it leaves behind is a file that check reads; its broker is gone.
	var answer, errs bytes.Buffer
	code := run(context.Background(), []string{"fencepost", "check", filepath.Join(dir, "pipeline.yaml"), "--timeout", "1s"}, &answer, &errs)
	if code != 1 || !strings.Contains(answer.String(), "file      ok   5 columns from json, sink sqlite") || !strings.Contains(answer.String(), "broker-silent") {
		t.Errorf("check of what it left: exit %d\n%s%s", code, answer.String(), errs.String())
	}
}

// TestQuickstartExits: 0 only if the proof holds.
func TestQuickstartExits(t *testing.T) {
	for want, err := range map[int]error{
		0: nil, 3: errors.Join(quickstart.ErrNotProven, nil), 1: quickstart.ErrCutShort,
		4: &fencepost.UserError{Code: "folder-foreign", Err: errors.New("it holds a letter"), Exit: 4},
	} {
		a := &app{stdout: io.Discard, stderr: io.Discard, program: "fencepost", color: "auto"}
		if got := a.fail(quickstartExit(err)); got != want {
			t.Errorf("%v: exit %d, want %d", err, got, want)
		}
	}
}

// TestDefaultFolder: where the working directory cannot be written, the folder is a temporary one.
func TestDefaultFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := defaultFolder(); got != quickstartFolder {
		t.Errorf("in a writable place: got %s", got)
	}
	if _, err := os.Stat(quickstartFolder); err != nil {
		t.Error(err)
	}
	here := t.TempDir()
	t.Chdir(here)
	if err := os.Remove(here); err != nil { // nothing can be made in a place that is gone
		t.Fatal(err)
	}
	if got := defaultFolder(); got != filepath.Join(os.TempDir(), quickstartFolder) {
		t.Errorf("in a place where nothing can be made: got %s", got)
	}
}
