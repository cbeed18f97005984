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
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/kafka"
	"github.com/fencepost/fencepost/sqlite"
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
	decoder, err1 := decode.JSON(decode.JSONConfig{Fields: []decode.Field{
		{Column: "origin", Type: fencepost.Text}, {Column: "delay", Type: fencepost.Int}}})
	source, err2 := kafka.Open(kafka.Config{Brokers: brokers, Group: group, Topics: []string{topic}})
	sink, err3 := sqlite.Open(ctx, sqlite.Config{Path: path, Handle: addDelays})
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	defer sink.Close()
	return engine.Run(ctx, engine.Config{Source: source, Sink: sink, Decoder: decoder})
}

// readme:end

const (
	table = `CREATE TABLE IF NOT EXISTS delays (origin TEXT PRIMARY KEY CHECK (length(origin) = 3), flights INT, minutes INT)`

	upsert = `INSERT INTO delays VALUES (:origin, :flights, :minutes) ON CONFLICT (origin) DO UPDATE
SET flights = flights + excluded.flights, minutes = minutes + excluded.minutes`
)

// readme:start
func addDelays(_ context.Context, conn *sqlite.Conn, b *fencepost.Batch) error {
	flights, minutes := map[string]int64{}, map[string]int64{}
	origin, delay := b.Column("origin"), b.Column("delay")
	for row := range b.All() {
		flights[origin.Text(row)]++
		minutes[origin.Text(row)] += delay.Int(row)
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
		if fault, ok := errors.AsType[*fencepost.Fault](err); ok && fault.Help != "" {
			fmt.Fprintln(os.Stderr, "help:", fault.Help)
		}
		os.Exit(1)
	}
}
