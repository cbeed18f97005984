package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	driver "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/trial"
)

// begin starts a broker with a topic of the first n flights, and sets the environment for it and a file of its own.
func begin(t *testing.T, n int) {
	t.Helper()
	wasBrokers, wasPath := brokers, path
	t.Cleanup(func() { brokers, path = wasBrokers, wasPath })
	brokers, path = []string{trial.Broker(t)}, filepath.Join(t.TempDir(), "delays.db")
	trial.Feed(t, brokers[0], topic, 3, trial.Flights(0, n))
}

// sums is what the file holds, nothing while the table is not there.
func sums(t *testing.T) map[string]trial.Sum {
	t.Helper()
	conn, err := driver.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got := map[string]trial.Sum{}
	err = sqlitex.ExecuteTransient(conn, "SELECT origin, flights, minutes FROM delays", &sqlitex.ExecOptions{
		ResultFunc: func(s *driver.Stmt) error {
			got[s.ColumnText(0)] = trial.Sum{Flights: s.ColumnInt64(1), Minutes: s.ColumnInt64(2)}
			return nil
		}})
	busy := driver.ErrCode(err).ToPrimary() == driver.ResultBusy
	if err != nil && !busy && !strings.Contains(err.Error(), "no such table") {
		t.Fatal(err)
	}
	return got
}

// want compares table and ledger with the first n flights.
func want(t *testing.T, n int) {
	t.Helper()
	if diff := cmp.Diff(trial.Sums(trial.Flights(0, n)), sums(t)); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
	sink := sqlite.Handle(path, addDelays)
	defer sink.Close()
	if got := trial.Passed(t, sink.Ledger(), string(group)); got != int64(n) {
		t.Errorf("the ledger has passed %d records, want %d", got, n)
	}
}

// work runs the example until the table counts n flights, and stops it.
func work(t *testing.T, n int) {
	t.Helper()
	r := trial.Run(t, run)
	r.Until(func() bool { return trial.Total(sums(t)) >= int64(n) })
	if err := r.Stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
}

// A restart goes on exactly where the last run ended.
func TestEachFlightCountsOnceOverARestart(t *testing.T) {
	begin(t, 30_000)
	work(t, 30_000)
	want(t, 30_000)
	trial.Feed(t, brokers[0], topic, 0, trial.Flights(30_000, 40_000))
	work(t, 40_000)
	want(t, 40_000)
}

// An error behind the work takes the work back, offsets included: whatever the handler wrote is written once.
func TestHandlerThatFailsCommitsNothing(t *testing.T) {
	begin(t, 10_000)
	var calls atomic.Int64
	failing := sqlite.Handle(path, func(ctx context.Context, conn *sqlite.Conn, rows fencepost.Rows[Flight]) error {
		calls.Add(1)
		return errors.Join(addDelays(ctx, conn, rows), errors.New("no answer from the service"))
	})
	defer failing.Close()
	r := trial.Run(t, func(ctx context.Context) error {
		return engine.Run(ctx, engine.Config{Source: kafka.Topics(brokers, group, topic), Sink: failing})
	})
	r.Until(func() bool { return calls.Load() >= 3 })
	if err := r.Stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
	want(t, 0)
	work(t, 10_000)
	want(t, 10_000)
}

// A flight that the table refuses, and one that is no flight, park their partitions in front of them; every other one
// counts.
func TestRefusedFlightsStopTheirPartitionsOnly(t *testing.T) {
	begin(t, 10_000)
	trial.Send(t, brokers[0], &kgo.Record{Topic: topic, Partition: 0, Value: []byte(`{"origin":"nowhere","delay":1}`)},
		&kgo.Record{Topic: topic, Partition: 2, Value: []byte(`{"origin":"ATL","delay":"late"}`)},
		&kgo.Record{Topic: topic, Partition: 1, Value: []byte(`{"origin":"ATL","delay":null}`)})
	work(t, 10_000)
	want(t, 10_000)
}
