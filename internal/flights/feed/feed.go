package feed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/flights"
)

// ErrTopicExists is returned by Produce, before anything is written, if it was to make a topic that is there.
var ErrTopicExists = errors.New("topic exists")

// Config says what goes where. Only Brokers is needed.
type Config struct {
	// Brokers are HOST:PORT to begin with. Needed.
	Brokers []string

	// Topic is its name. Zero: flights.
	Topic string

	// Partitions is how many the topic is made with. Zero: the topic is there already, with as many as it has.
	Partitions int32

	// Replicas is on how many brokers each partition is made. Zero: the cluster's default.
	Replicas int16

	// Flights are walked once. Zero: the first 200,000.
	Flights iter.Seq[flights.Flight]

	// Value appends the value of a flight's record, of at most 160 bytes. Zero: Flight.AppendJSON.
	Value func(b []byte, f flights.Flight) []byte

	// Compression is none, gzip, snappy, lz4 or zstd. Zero: none.
	Compression string

	// Progress receives how many are acknowledged: about every 10,000, and all at the end. It is called from one goroutine at a
	// time, and the feed waits for it. Zero: it is not called.
	Progress func(acked int64)

	// Client is added to the client's options, after ours: TLS, SASL, a dialer. Zero: nothing.
	Client []kgo.Opt
}

// Fed is what a feed has done.
type Fed struct {
	Records    int64           // acknowledged
	Partitions map[int32]int64 // :: partition -> records acknowledged
	Took       time.Duration   // from the first record to the last acknowledgement; making the topic not counted
}

// Produce makes the topic and writes the flights. When it returns without error, all are acknowledged by all in-sync
// replicas; with one, Fed still says how many were.
func Produce(ctx context.Context, cfg Config) (Fed, error) {
	if cfg.Topic == "" {
		cfg.Topic = "flights"
	}
	if cfg.Flights == nil {
		cfg.Flights = flights.First200k().All()
	}
	if cfg.Value == nil {
		cfg.Value = func(b []byte, f flights.Flight) []byte { return f.AppendJSON(b) }
	}
	cl, err := client(cfg)
	if err != nil {
		return Fed{}, fmt.Errorf("feed %s: %w", cfg.Topic, err)
	}
	defer cl.Close()
	if cfg.Partitions != 0 {
		if err := create(ctx, cl, cfg); err != nil {
			return Fed{}, fmt.Errorf("feed %s: make the topic: %w", cfg.Topic, err)
		}
	}
	fed, err := produce(ctx, cl, cfg)
	if err != nil {
		return fed, fmt.Errorf("feed %s: after %d records: %w", cfg.Topic, fed.Records, err)
	}
	return fed, nil
}

// buffered is how many records wait in the client: enough for full batches of 12 partitions, about 10 MB.
const buffered = 100_000

// codecs are Kafka's, by the names of its compression.type.
var codecs = map[string]kgo.CompressionCodec{
	"":       kgo.NoCompression(),
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func client(cfg Config) (*kgo.Client, error) {
	codec, known := codecs[cfg.Compression]
	if !known {
		return nil, fmt.Errorf("compression %q: one of none gzip snappy lz4 zstd", cfg.Compression)
	}
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("no brokers")
	}
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.DefaultProduceTopic(cfg.Topic),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(codec),
		kgo.MaxBufferedRecords(buffered),
	}, cfg.Client...)...)
}

func create(ctx context.Context, cl *kgo.Client, cfg Config) error {
	replicas := cfg.Replicas
	if replicas == 0 {
		replicas = -1
	}
	_, err := kadm.NewClient(cl).CreateTopic(ctx, cfg.Partitions, replicas, nil, cfg.Topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return ErrTopicExists
	}
	return err
}

func produce(ctx context.Context, cl *kgo.Client, cfg Config) (Fed, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun := time.Now()
	fed := Fed{Partitions: make(map[int32]int64)}
	// franz-go calls promises one after the other, and Flush returns after the last: fed needs no lock.
	acked := func(r *kgo.Record, err error) {
		if err != nil {
			cancel(err) // the first cause stays
			return
		}
		fed.Partitions[r.Partition]++
		if fed.Records++; fed.Records%10_000 == 0 && cfg.Progress != nil {
			cfg.Progress(fed.Records)
		}
	}
	page := page{value: cfg.Value}
	for f := range cfg.Flights {
		if ctx.Err() != nil {
			break
		}
		cl.Produce(ctx, page.record(f), acked)
	}
	// After a cancel this still waits for the promises of what is buffered, which end at once.
	if err := cl.Flush(context.WithoutCancel(ctx)); err != nil {
		return fed, err
	}
	fed.Took = time.Since(begun)
	if ctx.Err() != nil {
		return fed, context.Cause(ctx)
	}
	if cfg.Progress != nil {
		cfg.Progress(fed.Records)
	}
	return fed, nil
}
