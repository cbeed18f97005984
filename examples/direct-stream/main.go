package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/connector/zookeeper"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// What the environment says: the old job's settings, and ours.
var (
	brokers  = strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "127.0.0.1:9092"), ",")
	topic    = cmp.Or(os.Getenv("KAFKA_TOPIC"), "payments")
	group    = fencepost.Group(cmp.Or(os.Getenv("KAFKA_GROUP"), "payments-agg"))
	old      = cmp.Or(os.Getenv("OLD"), "redis")
	server   = cmp.Or(os.Getenv("REDIS"), "127.0.0.1:6379")
	password = os.Getenv("REDIS_PASSWORD")
	hash     = cmp.Or(os.Getenv("REDIS_HASH"), "stream:payments")
	ensemble = strings.Split(cmp.Or(os.Getenv("ZOOKEEPER"), "127.0.0.1:2181"), ",")
	dsn      = os.Getenv("DATABASE_URL")
)

// offsets is where each partition goes on.
type offsets map[fencepost.TopicPartition]fencepost.Offset

// place is where the old job keeps its offsets. Its readers may go on reading there.
type place interface {
	engine.Mirror
	Close() error
}

// readme:start

// fromRedis reads the hash of pattern A: field topic|partition, value from|until.
func fromRedis(ctx context.Context) (offsets, place, error) {
	settings := redis.Config{Addr: server, DB: 0, Password: password, Timeout: 5 * time.Second}
	layout, err := redis.OpenLayout(settings, redis.LayoutConfig{Name: "pattern-a", Key: hash})
	if err != nil {
		return nil, nil, err
	}
	left, err := layout.Foreign(ctx)
	at := offsets{}
	for _, e := range left.Entries {
		at[e.TopicPartition] = e.Until // next to read; e.From, if the job saves before its results
	}
	return at, layout.(place), err
}

// fromZooKeeper reads the nodes of pattern B: /consumers/GROUP/offsets/TOPIC/PARTITION.
func fromZooKeeper(ctx context.Context) (offsets, place, error) {
	settings := zookeeper.Config{Servers: ensemble, Timeout: 5 * time.Second}
	layout, err := zookeeper.OpenLayout(settings, zookeeper.LayoutConfig{Form: zookeeper.FormConsumers, Group: group})
	if err != nil {
		return nil, nil, err
	}
	left, err := layout.Foreign(ctx)
	at := offsets{}
	for _, e := range left.Entries {
		at[e.TopicPartition] = e.Until // next to read; e.Until + 1, if the job stores the last record that it has done
	}
	return at, layout.(place), err
}

// readme:end

// readme:start

// worth holds stored offsets against the log, as pattern B does: metadata, leaders, the earliest and latest offset of each
// partition. Below and above are invalid and become earliest; a loss counts only if the brokers say it twice.
func worth(ctx context.Context, cluster source.Cluster, stored offsets) (map[fencepost.TopicPartition]ledger.Decision, error) {
	var asks []fencepost.OffsetQuery
	for tp := range stored {
		asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch})
	}
	first := cluster.LogOffsets(ctx, asks)
	policy := ledger.EarliestEverywhere(ledger.StartAt{})
	found := map[fencepost.TopicPartition]ledger.Decision{}
	for tp, offset := range stored {
		s := ledger.Stored{TopicPartition: tp, Position: ledger.Position{Offset: offset, LeaderEpoch: fencepost.NoEpoch, Fence: 1}, Mirror: -1}
		answers := []ledger.Answer{{LogOffsets: first[tp]}}
		d := ledger.Reconcile(s, answers, policy)
		if d.Action == ledger.AskAgain {
			second := cluster.LogOffsets(ctx, []fencepost.OffsetQuery{{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch}})
			d = ledger.Reconcile(s, append(answers, ledger.Answer{LogOffsets: second[tp]}), policy)
		}
		if d.Action == ledger.Wait {
			return nil, fmt.Errorf("%s: %s", tp, d.Reason)
		}
		found[tp] = d
	}
	return found, nil
}

// readme:end

// readme:start

// takeOver makes the old offsets the beginning of a group that the ledger does not know: all of them, or none.
func takeOver(ctx context.Context, to ledger.Ledger, about source.Description, at offsets) error {
	known, err := to.Read(ctx, group)
	if err != nil || !known.Empty() {
		return err
	}
	var moves []ledger.Move
	for tp, offset := range at {
		now := about.Topics[tp.Topic]
		moves = append(moves, ledger.Move{TopicPartition: tp, Cause: ledger.CauseImport, Why: "the old job is retired", Partitions: now.Partitions,
			Next: ledger.Position{Offset: offset, LeaderEpoch: fencepost.NoEpoch, Fence: ledger.NewFence(rand.Uint64()), TopicID: now.ID}})
	}
	return to.Move(ctx, ledger.Actor{Group: group, ClusterID: about.ClusterID, Who: "direct-stream"}, moves)
}

// readme:end

// run reads what the old job left, says what it is worth, and goes on there.
func run(ctx context.Context) error {
	read := fromRedis
	if old == "zookeeper" {
		read = fromZooKeeper
	}
	at, kept, err := read(ctx)
	if err != nil {
		return err
	}
	defer kept.Close()
	return goOn(ctx, at, kept)
}

// readme:start
func goOn(ctx context.Context, at offsets, kept place) error {
	topics := kafka.Topics(brokers, group, topic)
	sink := postgres.Handle(dsn, add)
	defer sink.Close()
	about, err1 := topics.Cluster().Describe(ctx)
	found, err2 := worth(ctx, topics.Cluster(), at)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for tp, d := range found {
		fmt.Println(tp, at[tp], d.Verdict, d.Reason)
	}
	if err := takeOver(ctx, sink.Ledger(), about, at); err != nil {
		return err
	}
	return engine.Run(ctx, engine.Config{Source: topics, Sink: sink, Resume: true, Until: engine.Until{End: true},
		Policy: ledger.EarliestEverywhere(ledger.StartAt{}), Mirrors: []engine.Mirror{kept}})
}

// readme:end

// Payment is what a record says: {"id": 7}.
type Payment struct {
	ID int64 `json:"id"`
}

// add is the job's work: its rows, and in the same transaction the offsets.
func add(ctx context.Context, tx pgx.Tx, rows fencepost.Rows[Payment]) error {
	var all [][]any
	for at, p := range rows.All() {
		all = append(all, []any{p.ID, at.Partition, int64(at.Offset)})
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"payments"}, []string{"id", "part", "place"}, pgx.CopyFromRows(all))
	return err
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
