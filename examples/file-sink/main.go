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

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
)

// What the environment says.
var (
	brokers = strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "127.0.0.1:9092"), ",")
	topic   = cmp.Or(os.Getenv("KAFKA_TOPIC"), "flights")
	group   = fencepost.Group(cmp.Or(os.Getenv("KAFKA_GROUP"), "flights-to-files"))
	dir     = cmp.Or(os.Getenv("DIR"), "flights.d")
)

// readme:start
func run(ctx context.Context) error {
	decoder, err1 := decode.JSON(decode.Config{Fields: []decode.Field{
		{Column: "origin", Type: fencepost.Text}, {Column: "delay", Type: fencepost.Int}}})
	sink, err2 := openFiles(dir, ledger.KeepMerged)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	defer sink.Close()
	return engine.Run(ctx, engine.Config{Source: kafka.Topics(brokers, group, topic), Sink: sink, Decoder: decoder})
}

// readme:end

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
