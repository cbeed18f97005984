package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/engine"
)

// What the environment says: KAFKA_BROKERS=a:9092,b:9092
var (
	brokers = strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "127.0.0.1:9092"), ",")
	topic   = cmp.Or(os.Getenv("KAFKA_TOPIC"), "flights")
	group   = fencepost.Group(cmp.Or(os.Getenv("KAFKA_GROUP"), "flight-delays"))
	dsn     = os.Getenv("DATABASE_URL")
)

// readme:start
func run(ctx context.Context) error {
	sink := postgres.Handle(dsn, addDelays)
	defer sink.Close()
	return engine.Run(ctx, engine.Config{Source: kafka.Topics(brokers, group, topic), Sink: sink})
}

// readme:end

// readme:start
// Flight is what a record says: {"origin": "ATL", "delay": 5}.
type Flight struct {
	Origin string `json:"origin"`
	Delay  int64  `json:"delay"`
}

func addDelays(ctx context.Context, tx pgx.Tx, rows fencepost.Rows[Flight]) error {
	flights, minutes := map[string]int64{}, map[string]int64{}
	for _, flight := range rows.All() {
		flights[flight.Origin]++
		minutes[flight.Origin] += flight.Delay
	}
	origins := slices.Sorted(maps.Keys(flights)) // one order for all workers: no deadlock
	_, err := tx.Exec(ctx, `
		INSERT INTO delays (origin, flights, minutes) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
		ON CONFLICT (origin) DO UPDATE
		SET flights = delays.flights + excluded.flights, minutes = delays.minutes + excluded.minutes`,
		origins, values(flights, origins), values(minutes, origins))
	return err // nil commits the sums and the offsets, an error neither
}

// readme:end

// values lists the values of some keys, in the keys' order.
func values(m map[string]int64, keys []string) []int64 {
	list := make([]int64, len(keys))
	for i, k := range keys {
		list[i] = m[k]
	}
	return list
}

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
