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
	"unicode/utf8"

	driver "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
)

// What the environment says.
var (
	brokers = strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "127.0.0.1:9092"), ",")
	topic   = cmp.Or(os.Getenv("KAFKA_TOPIC"), "events")
	group   = fencepost.Group(cmp.Or(os.Getenv("KAFKA_GROUP"), "messages"))
	path    = cmp.Or(os.Getenv("DATABASE"), "messages.db")
)

// readme:start
var columns = []fencepost.ColumnSpec{
	{Name: "source", Type: fencepost.Text}, // topic|partition, as pattern A names a partition
	{Name: "at", Type: fencepost.Int},
	{Name: "key", Type: fencepost.Text},
	{Name: "value", Type: fencepost.Text},
}

func handleMessage(r *fencepost.Record, row []fencepost.Column) error {
	if !utf8.Valid(r.Key) || !utf8.Valid(r.Value) {
		return errors.New("key or value is not text")
	}
	row[0].AppendText(fmt.Sprintf("%s|%d", r.Topic, r.Partition))
	row[1].AppendInt(int64(r.Offset))
	appendText(&row[2], r.Key)
	appendText(&row[3], r.Value)
	return nil
}

// readme:end

// appendText appends a text, or a null for a key or value that is not there.
func appendText(c *fencepost.Column, b []byte) {
	if b == nil {
		c.AppendNull()
		return
	}
	c.AppendBytes(b)
}

func run(ctx context.Context) error {
	into := sqlite.Config{Path: path, Table: "messages"}
	if err := makeTables(sqlite.DDL(into, columns)); err != nil {
		return err
	}
	decoder, err1 := decode.Func(columns, handleMessage)
	source, err2 := kafka.Open(kafka.Config{Brokers: brokers, Group: group, Topics: []string{topic}})
	sink, err3 := sqlite.Open(ctx, into)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	defer sink.Close()
	return engine.Run(ctx, engine.Config{Source: source, Sink: sink, Decoder: decoder, Until: engine.Until{End: true}})
}

// makeTables makes the table of messages and those of the ledger where they are not there.
func makeTables(ddl string) error {
	conn, err := driver.OpenConn(path)
	if err != nil {
		return err
	}
	return errors.Join(sqlitex.ExecuteScript(conn, ddl, nil), conn.Close())
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
