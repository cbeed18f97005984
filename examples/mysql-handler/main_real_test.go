//go:build realservers

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/trial"
)

func TestMain(m *testing.M) { servers.Main(m) }

// A restart goes on exactly where the last run ended, and a handler that fails behind its work takes the work back.
func TestEachFlightCountsOnce(t *testing.T) {
	was := []string{topic, string(group), dsn}
	wasBrokers := brokers
	t.Cleanup(func() { brokers, topic, group, dsn = wasBrokers, was[0], fencepost.Group(was[1]), was[2] })
	name := servers.Name(t)
	brokers, topic, group, dsn = []string{servers.Kafka(t).Plaintext}, name, fencepost.Group(name), servers.MariaDB(t).Database(t)
	db := open(t)
	if _, err := db.ExecContext(t.Context(), "create table delays (origin char(3) primary key, flights bigint not null, minutes bigint not null)"); err != nil {
		t.Fatal(err)
	}
	trial.Feed(t, brokers[0], topic, 3, trial.Flights(0, 10_000))

	var calls atomic.Int64
	failing := mysql.Handle(dsn, func(ctx context.Context, tx *sql.Tx, rows fencepost.Rows[Flight]) error {
		calls.Add(1)
		return errors.Join(addDelays(ctx, tx, rows), errors.New("no answer from the service"))
	})
	defer failing.Close()
	r := trial.Run(t, func(ctx context.Context) error {
		return engine.Run(ctx, engine.Config{Source: kafka.Topics(brokers, group, topic), Sink: failing})
	})
	r.Until(func() bool { return calls.Load() >= 3 })
	if err := r.Stop(); err != nil {
		t.Fatalf("run with a handler that fails: %v", err)
	}
	want(t, db, 0)
	work(t, db, 10_000)
	want(t, db, 10_000)
	trial.Feed(t, brokers[0], topic, 0, trial.Flights(10_000, 15_000))
	work(t, db, 15_000)
	want(t, db, 15_000)
}

func open(t *testing.T) *sql.DB {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", fmt.Sprintf("%s@tcp(%s)%s", u.User, u.Host, u.Path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// work runs the example until the table counts n flights, and stops it.
func work(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	r := trial.Run(t, run)
	r.Until(func() bool { return trial.Total(sums(t, db)) >= int64(n) })
	if err := r.Stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
}

func want(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	if diff := cmp.Diff(trial.Sums(trial.Flights(0, n)), sums(t, db)); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
}

// sums is what the table holds.
func sums(t *testing.T, db *sql.DB) map[string]trial.Sum {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "select origin, flights, minutes from delays")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]trial.Sum{}
	for rows.Next() {
		var origin string
		var s trial.Sum
		if err := rows.Scan(&origin, &s.Flights, &s.Minutes); err != nil {
			t.Fatal(err)
		}
		got[origin] = s
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}
