package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/engine"
)

// What the environment says.
var (
	brokers = strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "127.0.0.1:9092"), ",")
	topic   = cmp.Or(os.Getenv("KAFKA_TOPIC"), "flights")
	group   = fencepost.Group(cmp.Or(os.Getenv("KAFKA_GROUP"), "flight-delays"))
	dsn     = os.Getenv("DATABASE_URL")
)

// readme:start
func run(ctx context.Context) error {
	sink := mysql.Handle(dsn, addDelays)
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

func addDelays(ctx context.Context, tx *sql.Tx, rows fencepost.Rows[Flight]) error {
	minutes := make(map[string][]int64, min(400, rows.Batch().Rows())) // :: origin -> delays
	for _, flight := range rows.All() {
		minutes[flight.Origin] = append(minutes[flight.Origin], flight.Delay)
	}
	var values []any
	for _, origin := range slices.Sorted(maps.Keys(minutes)) { // one order for all workers: fewer deadlocks
		values = append(values, origin, len(minutes[origin]), sum(minutes[origin]))
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO delays (origin, flights, minutes) VALUES "+
		strings.TrimSuffix(strings.Repeat("(?, ?, ?), ", len(values)/3), ", ")+
		" ON DUPLICATE KEY UPDATE flights = flights + VALUES(flights), minutes = minutes + VALUES(minutes)", values...)
	return err // nil commits the sums and the offsets, an error neither
}

// readme:end

func sum(values []int64) (total int64) {
	for _, v := range values {
		total += v
	}
	return total
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		if wrong, ok := errors.AsType[*fencepost.UserError](err); ok && wrong.Help != "" {
			fmt.Fprintln(os.Stderr, "help:", wrong.Help)
		}
		os.Exit(1)
	}
}
