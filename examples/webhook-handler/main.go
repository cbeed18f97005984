package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/atleastonce"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/sink"
)

// What the environment says.
var (
	brokers  = strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "127.0.0.1:9092"), ",")
	topic    = cmp.Or(os.Getenv("KAFKA_TOPIC"), "events")
	group    = fencepost.Group(cmp.Or(os.Getenv("KAFKA_GROUP"), "events-to-webhook"))
	server   = cmp.Or(os.Getenv("REDIS"), "127.0.0.1:6379")
	password = os.Getenv("REDIS_PASSWORD")
	hash     = cmp.Or(os.Getenv("REDIS_HASH"), "events-to-webhook")
	url      = cmp.Or(os.Getenv("WEBHOOK"), "http://127.0.0.1:8080/")
)

// readme:start
func run(ctx context.Context) error {
	ledger, err1 := redis.OpenLedger(redis.Config{Addr: server, Password: password, Key: hash})
	source, err2 := kafka.Open(kafka.Config{Brokers: brokers, Group: group, Topics: []string{topic}})
	decoder, err3 := decode.Raw(fencepost.ColumnSpec{Name: "value", Type: fencepost.Bytes})
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	defer ledger.Close()
	return engine.Run(ctx, engine.Config{Source: source, Decoder: decoder, Sink: atleastonce.Handle(ledger, sendAll),
		Batch: engine.BatchBounds{Records: 20}, Until: engine.Until{End: true}})
}

// readme:end

// readme:start

// Event is a record's value as it is.
type Event struct {
	Value []byte `json:"value"`
}

// sendAll is the effect: nil says that all records of the batch have arrived. Then their offsets go to Redis.
func sendAll(ctx context.Context, rows fencepost.Rows[Event]) error {
	for at, event := range rows.All() {
		key := fmt.Sprintf("%s|%d|%d", at.Topic, at.Partition, at.Offset)
		if err := send(ctx, key, event.Value); err != nil {
			return err
		}
	}
	return nil
}

// readme:end

// send posts one record.
func send(ctx context.Context, key string, value []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(value))
	if err != nil {
		return &fencepost.UserError{Code: "webhook-invalid", Err: err, Help: "mend WEBHOOK"}
	}
	req.Header.Set("Idempotency-Key", key)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch code := answer.StatusCode; {
	case code == http.StatusBadRequest || code == http.StatusUnprocessableEntity:
		return &sink.Rejected{Code: fmt.Sprint(code), Reason: "the webhook does not take record " + key}
	case code < 200 || code > 299:
		return fmt.Errorf("send %s: the webhook answers %s", key, answer.Status)
	}
	return nil
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
