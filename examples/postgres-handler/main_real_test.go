//go:build realservers

package main

import (
	"context"
	_ "embed"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/trial"
)

//go:embed tables.sql
var tables string

func TestMain(m *testing.M) { servers.Main(m) }

// world is a database with the example's table, and a topic of its own for which the environment is set.
type world struct {
	t    *testing.T
	conn *pgx.Conn
}

func newWorld(t *testing.T, all int) *world {
	t.Helper()
	was := []any{brokers, topic, group, dsn}
	t.Cleanup(func() {
		brokers, topic, group, dsn = was[0].([]string), was[1].(string), was[2].(fencepost.Group), was[3].(string)
	})
	name := servers.Name(t)
	brokers, topic, group, dsn = []string{servers.Kafka(t).Plaintext}, name, fencepost.Group(name), servers.Postgres(t).Database(t)
	w := &world{t: t}
	var err error
	if w.conn, err = pgx.Connect(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.conn.Close(context.Background()) })
	w.exec(tables)
	trial.Feed(t, brokers[0], topic, 3, trial.Flights(0, all))
	return w
}

func (w *world) exec(sql string) {
	w.t.Helper()
	if _, err := w.conn.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatal(err)
	}
}

// sums is what the table holds.
func (w *world) sums() map[string]trial.Sum {
	w.t.Helper()
	rows, err := w.conn.Query(w.t.Context(), "select origin, flights, minutes from delays")
	if err != nil {
		w.t.Fatal(err)
	}
	sums := map[string]trial.Sum{}
	var origin string
	var s trial.Sum
	_, err = pgx.ForEachRow(rows, []any{&origin, &s.Flights, &s.Minutes}, func() error {
		sums[origin] = s
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return sums
}

// want compares table and ledger with the first n flights, and with extra flights of one origin.
func (w *world) want(n int, extra ...string) {
	w.t.Helper()
	want := trial.Sums(trial.Flights(0, n))
	for _, origin := range extra {
		s := want[origin]
		want[origin] = trial.Sum{Flights: s.Flights + 1, Minutes: s.Minutes + 1}
	}
	if diff := cmp.Diff(want, w.sums()); diff != "" {
		w.t.Errorf("delays (-want +got):\n%s", diff)
	}
	sink := postgres.Handle(dsn, addDelays)
	defer sink.Close()
	if got := trial.Passed(w.t, sink.Ledger(), string(group)); got != int64(n+len(extra)) {
		w.t.Errorf("the ledger has passed %d records, want %d", got, n+len(extra))
	}
}

// work runs the example until the table counts n flights, and stops it.
func (w *world) work(n int) {
	w.t.Helper()
	r := trial.Run(w.t, run)
	r.Until(func() bool { return trial.Total(w.sums()) >= int64(n) })
	if err := r.Stop(); err != nil {
		w.t.Fatalf("run: %v", err)
	}
}

// A restart goes on exactly where the last run ended.
func TestEachFlightCountsOnceOverARestart(t *testing.T) {
	w := newWorld(t, 30_000)
	w.work(30_000)
	w.want(30_000)
	trial.Feed(t, brokers[0], topic, 0, trial.Flights(30_000, 40_000))
	w.work(40_000)
	w.want(40_000)
}

// An error behind the work takes the work back, offsets included: whatever the handler wrote is written once.
func TestHandlerThatFailsCommitsNothing(t *testing.T) {
	const all = 10_000
	w := newWorld(t, all)
	var calls atomic.Int64
	failing := postgres.Handle(dsn, func(ctx context.Context, tx pgx.Tx, rows fencepost.Rows[Flight]) error {
		calls.Add(1)
		return errors.Join(addDelays(ctx, tx, rows), errors.New("no answer from the service"))
	})
	defer failing.Close()
	r := trial.Run(t, func(ctx context.Context) error {
		return engine.Run(ctx, engine.Config{Source: kafka.Topics(brokers, group, topic), Sink: failing})
	})
	r.Until(func() bool { return calls.Load() >= 3 })
	if err := r.Stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
	w.want(0)
	w.work(all)
	w.want(all)
}

// Without its table the example ends with that error; nothing is committed, and with the table it goes on exactly.
func TestMissingTableEndsTheRun(t *testing.T) {
	w := newWorld(t, 10_000)
	w.work(10_000)
	w.exec("alter table delays rename to away")
	trial.Feed(t, brokers[0], topic, 0, trial.Flights(10_000, 12_000))
	err := trial.Run(t, run).Wait()
	if fault, ok := errors.AsType[*fencepost.UserError](err); !ok || fault.Code != "table-not-found" || fault.Help == "" {
		t.Errorf("without its table: got %v, want table-not-found with a remedy", err)
	}
	w.exec("alter table away rename to delays")
	w.want(10_000)
	w.work(12_000)
	w.want(12_000)
}

// A flight that the table refuses parks its partition in front of it, and every other flight counts.
func TestRefusedFlightStopsItsPartitionOnly(t *testing.T) {
	const all = 10_000
	w := newWorld(t, all)
	trial.Send(t, brokers[0], &kgo.Record{Topic: topic, Partition: 1, Value: []byte(`{"origin":"atl","delay":1}`)})
	w.work(all)
	w.want(all)
	w.exec("alter table delays drop constraint delays_origin_check")
	w.work(all + 1)
	w.want(all, "atl")
}
