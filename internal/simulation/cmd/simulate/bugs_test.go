package main

import (
	"os"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/simulation/overlay"
)

// Each bug of the list can be planted: its lines are in its file, once. A change of the code that moves one is reported here.
func TestEveryBugCanBePlanted(t *testing.T) {
	t.Chdir("../../../..")
	text, err := os.ReadFile("internal/simulation/bugs.txt")
	if err != nil {
		t.Fatal(err)
	}
	bugs, err := parseBugs(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(bugs) < 40 {
		t.Errorf("the list has %d bugs, want at least 40", len(bugs))
	}
	for _, b := range bugs {
		if _, err := overlay.Files(t.TempDir(), b.edit); err != nil {
			t.Errorf("%s: %v", b.what, err)
		}
	}
}

// A bug that cannot be read is refused with its number.
func TestBugsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "# what\nfile.go", "what\nfile.go\n-a\n+b", "# what\nfile.go\n-a\nb"} {
		if _, err := parseBugs([]byte(text)); err == nil || !strings.Contains(err.Error(), "bug 1") {
			t.Errorf("%q: got %v, want an error of bug 1", text, err)
		}
	}
}

// What a failed seed says first is what the table shows.
func TestFirstBroken(t *testing.T) {
	for output, want := range map[string]string{
		"--- FAIL: TestSeed\n    simulation_test.go:29: seed 1: all applied 1s after\n    simulation_test.go:29: rows of partition 0\nFAIL": "rows of partition 0",
		"panic: law broken\n\ngoroutine 1": "panic: law broken",
		"signal: killed":                   "signal: killed",
	} {
		if got := firstBroken(output); got != want {
			t.Errorf("%q: got %q, want %q", output, got, want)
		}
	}
}
