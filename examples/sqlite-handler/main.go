package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/engine"
)

// What the environment says.
var (
	brokers = strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "127.0.0.1:9092"), ",")
	topic   = cmp.Or(os.Getenv("KAFKA_TOPIC"), "flights")
	group   = fencepost.Group(cmp.Or(os.Getenv("KAFKA_GROUP"), "flight-delays"))
	path    = cmp.Or(os.Getenv("DATABASE"), "delays.db")
)

// readme:start
func run(ctx context.Context) error {
	sink := sqlite.Handle(path, addDelays)
	defer sink.Close()
	return engine.Run(ctx, engine.Config{Source: kafka.Topics(brokers, group, topic), Sink: sink})
}

// readme:end

const (
	table = `CREATE TABLE IF NOT EXISTS delays (origin TEXT PRIMARY KEY CHECK (length(origin) = 3), flights INT, minutes INT)`

	upsert = `INSERT INTO delays VALUES (:origin, :flights, :minutes) ON CONFLICT (origin) DO UPDATE
SET flights = flights + excluded.flights, minutes = minutes + excluded.minutes`
)

// readme:start
// Flight is what a record says: {"origin": "ATL", "delay": 5}.
type Flight struct {
	Origin string `json:"origin"`
	Delay  int64  `json:"delay"`
}

func addDelays(_ context.Context, conn *sqlite.Conn, rows fencepost.Rows[Flight]) error {
	flights, minutes := map[string]int64{}, map[string]int64{}
	for _, flight := range rows.All() {
		flights[flight.Origin]++
		minutes[flight.Origin] += flight.Delay
	}
	if err := sqlitex.ExecuteTransient(conn, table, nil); err != nil {
		return err
	}
	for o := range flights {
		values := map[string]any{":origin": o, ":flights": flights[o], ":minutes": minutes[o]}
		if err := sqlitex.Execute(conn, upsert, &sqlitex.ExecOptions{Named: values}); err != nil {
			return err // commits neither the sums nor the offsets; nil commits both
		}
	}
	return nil
}

// readme:end

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		if fault, ok := errors.AsType[*fencepost.UserError](err); ok && fault.Help != "" {
			fmt.Fprintln(os.Stderr, "help:", fault.Help)
		}
		os.Exit(1)
	}
}
