package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/trial"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// A restart goes on exactly where the last run ended, whatever a killed one left behind the last commit.
func TestEachFlightCountsOnceOverARestart(t *testing.T) {
	wasBrokers, wasDir := brokers, dir
	t.Cleanup(func() { brokers, dir = wasBrokers, wasDir })
	brokers, dir = []string{trial.Broker(t)}, filepath.Join(t.TempDir(), "flights.d")
	trial.Feed(t, brokers[0], topic, 3, trial.Flights(0, 3_000))
	work(t, 3_000)
	for _, name := range []string{"rows.jsonl", "commits.jsonl"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString(`{"origin":"torn","version":1,"rows":99999`)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	trial.Feed(t, brokers[0], topic, 0, trial.Flights(3_000, 4_000))
	work(t, 4_000)
	if diff := cmp.Diff(trial.Sums(trial.Flights(0, 4_000)), sums(t)); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
}

// work runs the example until n flights count, and stops it.
func work(t *testing.T, n int) {
	t.Helper()
	r := trial.Run(t, run)
	r.Until(func() bool {
		_, err := os.Stat(filepath.Join(dir, "commits.jsonl"))
		return err == nil && trial.Total(sums(t)) >= int64(n)
	})
	if err := r.Stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
}

// sums is what the rows that count add up to.
func sums(t *testing.T) map[string]trial.Sum {
	t.Helper()
	got := map[string]trial.Sum{}
	for _, line := range (store{dir}).lines(t) {
		var r struct {
			Origin string `json:"origin"`
			Delay  int64  `json:"delay"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		s := got[r.Origin]
		got[r.Origin] = trial.Sum{Flights: s.Flights + 1, Minutes: s.Minutes + r.Delay}
	}
	return got
}

// Text that is not UTF-8 is refused: JSON would put another text in its place. So is a name of that kind, before two of
// them become one.
func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	f, err := openFiles(t.TempDir(), ledger.KeepAll)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tp := fencepost.TopicPartition{Topic: "flights"}
	as := ledger.Actor{Group: "g"}
	start := ledger.Move{TopicPartition: tp, Cause: ledger.CauseStart, Partitions: 1, Next: ledger.Position{Fence: 7, LeaderEpoch: fencepost.NoEpoch}}
	if err := f.Move(t.Context(), as, []ledger.Move{start}); err != nil {
		t.Fatal(err)
	}
	c := sinktest.Commit(sinktest.Span{TopicPartition: tp, Held: start.Next, Until: 1})
	c.Columns[0].Truncate(0)
	c.Columns[0].AppendText("\xff")
	if err := f.Commit(context.Background(), as, c); err == nil || err.Error() != "column value at flights:0, offset 0 is not UTF-8, which JSON text must be" {
		t.Errorf("commit of a text that is not UTF-8: %v", err)
	}
	other := ledger.Actor{Group: "\xff"}
	if err := f.Move(t.Context(), other, []ledger.Move{start}); err == nil {
		t.Error("a group whose name is not UTF-8 begins, want an error")
	}
}
