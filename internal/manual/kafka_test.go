//go:build realservers

package manual

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/fencepost/fencepost/internal/servers"
)

// patience bounds every wait of a script for a fact. It ends only what would never come.
const patience = 2 * time.Minute

// kafka is a script's broker.
type kafka struct {
	at  string               // addresses, with commas
	own []*servers.OwnBroker // the script's nodes; none: the shared one
}

// brokers holds each running script's. Scripts run side by side, each with its own work folder.
var brokers = newTable[*kafka]()

func broker(ts *testscript.TestScript) *kafka {
	k, ok := brokers.get(ts)
	if !ok {
		ts.Fatalf("the script has no broker: kafka, or kafka own")
	}
	return k
}

// useKafka gives the script a broker, and sets $KAFKA: the shared one, or with `own` one that it may stop and start, with
// `three` a cluster of such, with `fake` one that lies on request.
// What the script's files name is not there: topics, groups.
func useKafka(ts *testscript.TestScript, _ bool, args []string) {
	t := ts.Value(testKey{}).(testing.TB)
	k := &kafka{}
	which := ""
	if len(args) == 1 {
		which = args[0]
	}
	switch which {
	case "own":
		k.own = []*servers.OwnBroker{servers.OwnKafka(t)}
		k.at = k.own[0].Plaintext
	case "three":
		k.own = servers.OwnKafkaCluster(t, 3)
		k.at = k.own[0].Plaintext + "," + k.own[1].Plaintext + "," + k.own[2].Plaintext
	case "fake":
		k = useFake(ts)
	default:
		k.at = servers.Kafka(t).Plaintext
		k.clear(ts)
	}
	brokers.put(ts, k)
	ts.Setenv("KAFKA", k.at)
}

var groupLine = regexp.MustCompile(`(?m)^group: (\S+)`)

// clear removes the groups that the script's files name.
func (k *kafka) clear(ts *testscript.TestScript) {
	files, _ := filepath.Glob(ts.MkAbs("*.yaml"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		ts.Check(err)
		for _, m := range groupLine.FindAllSubmatch(text, -1) {
			k.with(ts, func(ctx context.Context, adm *kadm.Client) error {
				_, _ = adm.DeleteGroup(ctx, string(m[1])) // it need not be there
				return nil
			})
		}
	}
}

// with asks the broker something.
func (k *kafka) with(ts *testscript.TestScript, do func(context.Context, *kadm.Client) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cl := k.client(ts)
	defer cl.Close()
	ts.Check(do(ctx, kadm.NewClient(cl)))
}

func (k *kafka) client(ts *testscript.TestScript, opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append(append(servers.Quick(), kgo.SeedBrokers(strings.Split(k.at, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner())), opts...)...)
	ts.Check(err)
	return cl
}

// topic makes a topic anew: topic NAME PARTITIONS [CONFIG=VALUE...]. One that is there is deleted first.
func topic(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: topic NAME PARTITIONS [CONFIG=VALUE...]")
	}
	n := int(number(ts, args[1]))
	k := broker(ts)
	cl := k.client(ts)
	defer cl.Close()
	req := newTopic(ts, args[0], n, args[2:])
	var made kadm.TopicID
	k.with(ts, func(ctx context.Context, adm *kadm.Client) error {
		_, _ = adm.DeleteTopic(ctx, args[0]) // it need not be there
		if err := settled(ctx, func() error {
			r, err := req.RequestWith(ctx, cl)
			if err != nil {
				return err
			}
			made = r.Topics[0].TopicID
			return kerr.ErrorForCode(r.Topics[0].ErrorCode)
		}); err != nil {
			return err
		}
		return settled(ctx, func() error {
			topics, err := adm.ListTopics(ctx, args[0])
			if id := topics[args[0]].ID; err != nil || id != made {
				return errors.Join(err, fmt.Errorf("its ID is %s, and %s was made", id, made)) // the one before is still known
			}
			return hasPartitions(ctx, adm, args[0], n)
		})
	})
}

// newTopic is the request for a topic. Of the settings, replicas=2,3 says on which nodes its partitions are.
func newTopic(ts *testscript.TestScript, name string, partitions int, settings []string) *kmsg.CreateTopicsRequest {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, int32(partitions), 1
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		if key != "replicas" {
			t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
			continue
		}
		var nodes []int32
		for node := range strings.SplitSeq(value, ",") {
			nodes = append(nodes, int32(number(ts, node)))
		}
		t.NumPartitions, t.ReplicationFactor = -1, -1
		for p := range int32(partitions) {
			t.ReplicaAssignment = append(t.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: p, Replicas: nodes})
		}
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10_000
	req.Topics = append(req.Topics, t)
	return req
}

// replicas waits until a partition's in-sync replicas are these: isr TOPIC:P 2,3.
func replicas(ts *testscript.TestScript, _ bool, args []string) {
	topic, p := partition(ts, args[0])
	broker(ts).with(ts, func(ctx context.Context, adm *kadm.Client) error {
		return settled(ctx, func() error {
			topics, err := adm.ListTopics(ctx, topic)
			if err != nil {
				return err
			}
			d := topics[topic].Partitions[p]
			isr := slices.Sorted(slices.Values(d.ISR))
			if got := strings.Trim(strings.ReplaceAll(fmt.Sprint(isr), " ", ","), "[]"); got != args[1] || d.Leader < 0 {
				return fmt.Errorf("leader %d, in sync %s", d.Leader, got)
			}
			return nil
		})
	})
}

// deleteTopic deletes a topic: delete-topic NAME.
func deleteTopic(ts *testscript.TestScript, _ bool, args []string) {
	broker(ts).with(ts, func(ctx context.Context, adm *kadm.Client) error {
		_, err := adm.DeleteTopic(ctx, args[0])
		return err
	})
}

// partitions adds partitions to a topic: partitions NAME COUNT.
func partitions(ts *testscript.TestScript, _ bool, args []string) {
	n := int(number(ts, args[1]))
	broker(ts).with(ts, func(ctx context.Context, adm *kadm.Client) error {
		if _, err := adm.UpdatePartitions(ctx, n, args[0]); err != nil {
			return err
		}
		return settled(ctx, func() error { return hasPartitions(ctx, adm, args[0], n) })
	})
}

func hasPartitions(ctx context.Context, adm *kadm.Client, topic string, n int) error {
	l, err := adm.ListEndOffsets(ctx, topic)
	if got := len(l[topic]); err == nil && got != n {
		return fmt.Errorf("it has %d partitions", got)
	}
	return errors.Join(err, l.Error())
}

// settled asks again until a broker knows.
func settled(ctx context.Context, holds func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// produce appends records: produce TOPIC:P COUNT [TIME]. Each is {"id": its number}; TIME is RFC 3339, or -3h: so long
// ago.
func produce(ts *testscript.TestScript, _ bool, args []string) {
	k := broker(ts)
	cl := k.client(ts)
	defer cl.Close()
	write(ts, cl, records(ts, args)) // acknowledged by all replicas in sync, so that a test knows where each log ends
}

func records(ts *testscript.TestScript, args []string) []*kgo.Record {
	topic, p := partition(ts, args[0])
	var at time.Time
	if len(args) > 2 {
		at = instant(ts, args[2])
	}
	rs := make([]*kgo.Record, number(ts, args[1]))
	for i := range rs {
		rs[i] = &kgo.Record{Topic: topic, Partition: p, Timestamp: at, Value: fmt.Appendf(nil, `{"id": %d}`, i)}
	}
	return rs
}

func instant(ts *testscript.TestScript, text string) time.Time {
	if ago, err := time.ParseDuration(text); err == nil {
		return time.Now().Add(ago)
	}
	at, err := time.Parse(time.RFC3339, text)
	ts.Check(err)
	return at
}

func write(ts *testscript.TestScript, cl *kgo.Client, rs []*kgo.Record) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(cl.ProduceSync(ctx, rs...).FirstErr())
}

// transaction appends records in one: transaction commit|abort TOPIC:P COUNT.
func transaction(ts *testscript.TestScript, _ bool, args []string) {
	k := broker(ts)
	cl := k.client(ts, kgo.TransactionalID(filepath.Base(ts.MkAbs("."))+args[1]))
	defer cl.Close()
	ts.Check(cl.BeginTransaction())
	write(ts, cl, records(ts, args[1:]))
	ts.Check(cl.EndTransaction(context.Background(), kgo.TransactionEndTry(args[0] == "commit")))
}

// deleteRecords moves a partition's earliest record: delete-records TOPIC:P BEFORE.
func deleteRecords(ts *testscript.TestScript, _ bool, args []string) {
	topic, p := partition(ts, args[0])
	var os kadm.Offsets
	os.Add(kadm.Offset{Topic: topic, Partition: p, At: number(ts, args[1])})
	broker(ts).with(ts, func(ctx context.Context, adm *kadm.Client) error {
		r, err := adm.DeleteRecords(ctx, os)
		return errors.Join(err, r.Error())
	})
}

// commitOffset commits to a Kafka group as another program would: commit-offset GROUP TOPIC:P OFFSET.
func commitOffset(ts *testscript.TestScript, _ bool, args []string) {
	topic, p := partition(ts, args[1])
	os := kadm.Offsets{}
	os.Add(kadm.Offset{Topic: topic, Partition: p, At: number(ts, args[2]), LeaderEpoch: -1})
	broker(ts).with(ts, func(ctx context.Context, adm *kadm.Client) error { return adm.CommitAllOffsets(ctx, args[0], os) })
}

// kafkaTool runs one of Kafka's own tools and keeps what it prints: kafka-tool FILE CLASS ARGUMENTS...
func kafkaTool(ts *testscript.TestScript, _ bool, args []string) {
	out := servers.KafkaTool(ts.Value(testKey{}).(testing.TB), args[1], args[2:]...)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out), 0o644))
}

// life stops and starts the script's own broker, or a node of its cluster: server stop|kill|start [NODE].
func life(ts *testscript.TestScript, _ bool, args []string) {
	nodes, n := broker(ts).own, int64(1)
	if len(args) == 2 {
		n = number(ts, args[1])
	}
	if int64(len(nodes)) < n {
		ts.Fatalf("the script has %d brokers of its own", len(nodes))
	}
	switch own := nodes[n-1]; args[0] {
	case "stop":
		own.Stop()
	case "kill":
		own.Kill()
	case "start":
		own.Start()
	default:
		ts.Fatalf("usage: server stop|kill|start [NODE]")
	}
}

func partition(ts *testscript.TestScript, s string) (string, int32) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		ts.Fatalf("%q: want TOPIC:PARTITION", s)
	}
	return s[:i], int32(number(ts, s[i+1:]))
}

func number(ts *testscript.TestScript, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	ts.Check(err)
	return n
}
