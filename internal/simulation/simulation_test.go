package simulation

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestSeed simulates the seed of the environment, and writes its history where that says.
func TestSeed(t *testing.T) {
	text := os.Getenv("SIMULATION_SEED")
	if text == "" {
		t.Skip("SIMULATION_SEED names no seed: make sim")
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if !repeatable {
		t.Fatal("this program is not built to be repeatable: make sim")
	}
	r := Run(t, seed)
	if dir := os.Getenv("SIMULATION_HISTORIES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, text+".txt"), []byte(r.Plan.String()+"\n"+r.History), 0o644); err != nil {
			t.Error(err)
		}
	}
	report(t, r)
}

// report fails the test for what does not hold, and shows the history.
func report(t *testing.T, r Result) {
	t.Helper()
	t.Logf("%s: %d commits, all applied %s after the last fault", r.Plan, r.Commits, r.Took)
	for _, f := range r.Faults {
		t.Error(f)
	}
	late := t.Error
	if os.Getenv("SIMULATION_EXACT") == "1" {
		late = t.Log
	}
	for _, f := range r.Late {
		late("late: " + f)
	}
	if t.Failed() && os.Getenv("SIMULATION_HISTORIES") == "" {
		t.Logf("what happened:\n%s", r.History)
	}
}
