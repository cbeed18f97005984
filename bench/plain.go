package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// plainFlight is a record as encoding/json reads it.
type plainFlight struct {
	Date        string `json:"date"`
	Delay       int64  `json:"delay"`
	Distance    int64  `json:"distance"`
	Origin      string `json:"origin"`
	Destination string `json:"destination"`
}

// plain is the program that a Go developer writes first: franz-go, encoding/json, CopyFrom, offsets committed to the
// group afterwards. At least once: a crash between the two repeats a batch. It ends once it has copied want records.
func plain(ctx context.Context, brokers, group, topic, dsn string, batch, want int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer cl.Close()
	db, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	var rows [][]any
	var last []*kgo.Record
	flush := func() error {
		if _, err := db.CopyFrom(ctx, pgx.Identifier{"flights"}, []string{"date", "delay", "distance", "origin", "destination"},
			pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		err := cl.CommitRecords(ctx, last...)
		rows, last = rows[:0], last[:0]
		return err
	}
	for n := 0; n < want; {
		fetches := cl.PollRecords(ctx, batch-len(rows))
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, r := range fetches.Records() {
			var f plainFlight
			if err := json.Unmarshal(r.Value, &f); err != nil {
				return fmt.Errorf("record at %d: %w", r.Offset, err)
			}
			t, err := time.Parse("2006-01-02T15:04:05", f.Date)
			if err != nil {
				return err
			}
			rows = append(rows, []any{t, f.Delay, f.Distance, f.Origin, f.Destination})
			last = append(last, r)
		}
		n += fetches.NumRecords()
		if len(rows) >= batch || n >= want {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return nil
}
