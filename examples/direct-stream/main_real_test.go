//go:build realservers

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/trial"
	"github.com/fencepost/fencepost/ledger"
)

func TestMain(m *testing.M) { servers.Main(m) }

// begin makes a topic of three partitions with 3,000 records each, of which the first 1,200 of partition 0 are gone, and a
// database, and sets the environment for them.
func begin(t *testing.T) *pgx.Conn {
	t.Helper()
	was := []string{topic, string(group), old, server, password, hash, dsn}
	wasBrokers, wasEnsemble := brokers, ensemble
	t.Cleanup(func() {
		brokers, ensemble, topic, group, old, server, password, hash, dsn = wasBrokers, wasEnsemble, was[0], fencepost.Group(was[1]), was[2], was[3], was[4], was[5], was[6]
	})
	name := servers.Name(t)
	brokers, topic, group, hash, dsn = []string{servers.Kafka(t).Plaintext}, name, fencepost.Group(name), name, servers.Postgres(t).Database(t)
	trial.Feed(t, brokers[0], topic, 3, trial.Flights(0, 0))
	var records []*kgo.Record
	for p := range int32(3) {
		for i := range 3000 {
			records = append(records, &kgo.Record{Topic: topic, Partition: p, Value: fmt.Appendf(nil, `{"id": %d}`, i)})
		}
	}
	trial.Send(t, brokers[0], records...)
	forget(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), "CREATE TABLE payments (id bigint, part int, place bigint)"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// forget deletes the first records of partition 0, as retention does.
func forget(t *testing.T) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var before kadm.Offsets
	before.Add(kadm.Offset{Topic: topic, Partition: 0, At: 1200})
	r, err := kadm.NewClient(cl).DeleteRecords(t.Context(), before)
	if err := errors.Join(err, r.Error()); err != nil {
		t.Fatal(err)
	}
}

// verdicts is what the offsets of the old job are worth, by partition.
func verdicts(t *testing.T, at offsets) map[int32]string {
	t.Helper()
	topics := kafka.Topics(brokers, group, topic)
	defer func() { _ = topics.Leave(context.WithoutCancel(t.Context())) }()
	found, err := worth(t.Context(), topics.Cluster(), at)
	if err != nil {
		t.Fatal(err)
	}
	said := map[int32]string{}
	for tp, d := range found {
		said[tp.Partition] = d.Verdict.String()
	}
	return said
}

// rows is what is in the table: of each partition the first place and the number of rows.
func rows(t *testing.T, conn *pgx.Conn) (all []string) {
	t.Helper()
	r, err := conn.Query(t.Context(), "SELECT part || ': ' || count(*) || ' from ' || min(place) FROM payments GROUP BY part ORDER BY part")
	if err != nil {
		t.Fatal(err)
	}
	all, err = pgx.CollectRows(r, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// runTwice runs the example twice: the second run finds nothing to do.
func runTwice(t *testing.T) {
	t.Helper()
	for range 2 {
		if err := run(t.Context()); err != nil {
			t.Fatalf("run: %v", err)
		}
	}
}

// gaps are the recorded moves that passed records unapplied, or took positions back.
func gaps(t *testing.T) (all []string) {
	t.Helper()
	sink := postgres.Handle(dsn, add)
	defer sink.Close()
	history, ok := ledger.As[ledger.History](sink.Ledger())
	if !ok {
		t.Fatal("the ledger keeps no history")
	}
	for m, err := range history.Moves(t.Context(), group) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Cause != ledger.CauseCommit && m.Cause != ledger.CauseImport {
			all = append(all, fmt.Sprintf("%d: %s %d -> %d, at most %d", m.Partition, m.Cause, m.Held.Offset, m.Next.Offset, m.AtMost))
		}
	}
	return all
}

func differ(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// Pattern A: the stream begins at each until of the hash, and the hash is kept for its readers.
func TestOffsetsInRedis(t *testing.T) {
	conn := begin(t)
	old, server, password = "redis", servers.Redis(t).Addr(), servers.RedisPassword
	c := goredis.NewClient(&goredis.Options{Addr: server, Password: password})
	t.Cleanup(func() { c.Close() })
	set := map[string]any{topic + "|0": "2500|2600", topic + "|1": "2800|2914", topic + "|2": "0|3000"}
	if err := c.HSet(t.Context(), hash, set).Err(); err != nil {
		t.Fatal(err)
	}
	at, kept, err := fromRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	differ(t, "verdicts", map[int32]string{0: "weaker check", 1: "weaker check", 2: "weaker check"}, verdicts(t, at))
	runTwice(t)
	differ(t, "rows", []string{"0: 400 from 2600", "1: 86 from 2914"}, rows(t, conn))
	left, err := c.HGetAll(t.Context(), hash).Result()
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range left {
		if _, until, _ := strings.Cut(value, "|"); until != "3000" {
			t.Errorf("a reader of the hash finds %s at %s, want until 3000", field, value)
		}
	}
}

// Pattern B: what the log does not hold becomes the earliest, as a recorded move; what it holds is taken.
func TestOffsetsInZooKeeper(t *testing.T) {
	conn := begin(t)
	old, ensemble = "zookeeper", []string{servers.ZooKeeper(t).Addr()}
	c, _, err := zk.Connect(ensemble, time.Minute, zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	path := ""
	for _, name := range []string{"consumers", string(group), "offsets", topic} {
		path += "/" + name
		if _, err := c.Create(path, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) { // others share the server
			t.Fatal(err)
		}
	}
	for p, n := range []string{"410", "2914", "31007"} {
		if _, err := c.Create(fmt.Sprintf("%s/%d", path, p), []byte(n), 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	at, kept, err := fromZooKeeper(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	differ(t, "verdicts", map[int32]string{0: "aged out", 1: "weaker check", 2: "truncated"}, verdicts(t, at))
	runTwice(t)
	differ(t, "rows", []string{"0: 1800 from 1200", "1: 86 from 2914", "2: 3000 from 0"}, rows(t, conn))
	differ(t, "moves", []string{"0: gap 410 -> 1200, at most 790", "2: rewind 31007 -> 0, at most 0"}, gaps(t))
	for p := range 3 {
		n, _, err := c.Get(fmt.Sprintf("%s/%d", path, p))
		if err != nil || string(n) != "3000" {
			t.Errorf("a reader of the nodes finds partition %d at %q: %v, want 3000", p, n, err)
		}
	}
}
