//go:build realservers

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/logs"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/wire"
)

// cluster is a scene on three brokers of its own, with a worker that runs while they break.
type cluster struct {
	*scene
	nodes []*servers.OwnBroker // node n at n-1
	said  *logged
	wk    *worker
	rows  map[fencepost.TopicPartition]int64 // how many records each partition got
}

// newCluster starts the brokers. Their clients know all of them.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{nodes: servers.OwnKafkaCluster(t, 3, "unclean.leader.election.enable=true"), rows: map[fencepost.TopicPartition]int64{}}
	c.scene = newScene(t, c.nodes[0].Broker, newPostgresStore(t, seenDDL))
	c.cl = c.client(kgo.SeedBrokers(c.addresses()...), kgo.RecordDeliveryTimeout(patience))
	c.adm = kadm.NewClient(c.cl)
	return c
}

func (c *cluster) addresses() (list []string) {
	for _, n := range c.nodes {
		list = append(list, n.Plaintext)
	}
	return list
}

// on makes a topic of one partition, whose replicas are on these nodes.
func (c *cluster) on(name string, nodes ...int32) fencepost.TopicPartition {
	c.t.Helper()
	least := "1"
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: name, NumPartitions: -1, ReplicationFactor: -1,
		ReplicaAssignment: []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: nodes}},
		Configs:           []kmsg.CreateTopicsRequestTopicConfig{{Name: "min.insync.replicas", Value: &least}}}}
	eventually(c.t, "topic "+name+" is made", func() error {
		made, err := req.RequestWith(c.t.Context(), c.cl)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(made.Topics[0].ErrorCode); !errors.Is(err, kerr.TopicAlreadyExists) {
			return err
		}
		return nil
	})
	tp := at(name, 0)
	c.inSync(tp, nodes...)
	return tp
}

// inSync waits until these replicas of a partition are in sync, and one of them leads.
func (c *cluster) inSync(tp fencepost.TopicPartition, nodes ...int32) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%v of %s are in sync", nodes, tp), func() error {
		d, err := c.detail(tp)
		if got := slices.Sorted(slices.Values(d.ISR)); err == nil && (!slices.Equal(got, nodes) || d.Leader < 0) {
			err = fmt.Errorf("they are %v, and %d leads", got, d.Leader)
		}
		return err
	})
}

func (c *cluster) detail(tp fencepost.TopicPartition) (kadm.PartitionDetail, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()
	topics, err := c.adm.ListTopics(ctx, tp.Topic)
	return topics[tp.Topic].Partitions[tp.Partition], err
}

// leader is the node that leads a partition.
func (c *cluster) leader(tp fencepost.TopicPartition) *servers.OwnBroker {
	c.t.Helper()
	var node int32
	eventually(c.t, fmt.Sprintf("%s has a leader", tp), func() error {
		d, err := c.detail(tp)
		if node = d.Leader; err == nil && node < 0 {
			err = errors.New("none leads")
		}
		return err
	})
	return c.nodes[node-1]
}

// controller is the node that leads the controllers' quorum.
func (c *cluster) controller() (node int32) {
	c.t.Helper()
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{}}}}
	eventually(c.t, "the quorum has a leader", func() error {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		defer cancel()
		told, err := req.RequestWith(ctx, c.cl)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(told.ErrorCode); err != nil {
			return err
		}
		p := told.Topics[0].Partitions[0]
		if node = p.LeaderID; node <= 0 {
			return errors.Join(kerr.ErrorForCode(p.ErrorCode), errors.New("none leads"))
		}
		return nil
	})
	return node
}

// applied appends records, waits until they are applied, each once, and returns how long that took since the brokers had the first of them.
func (c *cluster) applied(tps ...fencepost.TopicPartition) time.Duration {
	c.t.Helper()
	var acknowledged time.Time
	for _, tp := range tps {
		c.produce(tp, "a")
		if acknowledged.IsZero() {
			acknowledged = time.Now()
		}
		c.produce(tp, "b", "c")
		c.rows[tp] += 3
	}
	for _, tp := range tps {
		c.eventuallyRows(tp, span(0, c.rows[tp])...)
	}
	return time.Since(acknowledged)
}

// logged is what a worker's log says, from WARN on.
type logged struct{ tail }

// warned waits until the log has a line with these words.
func (l *logged) warned(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the log says %q", words), func() error {
		said := l.String()
		for line := range strings.Lines(said) {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return nil
			}
		}
		return fmt.Errorf("it says\n%s", said)
	})
}

// minute is how long all brokers are down: a minute where a sweep was asked for, and less in each run.
func minute() time.Duration {
	if os.Getenv(envSweep) != "" {
		return time.Minute
	}
	return 8 * time.Second
}

// TestBrokersBreakUnderAWorker breaks a cluster of three under a running worker: the leader of a partition is killed, the controller moves,
// all brokers are away for a while, and a replica that had fallen behind is elected. What is not lost is applied once, by itself; what
// was applied and is lost parks its partition, and no other.
func TestBrokersBreakUnderAWorker(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	name := servers.Name(t)
	whole, unclean := c.on(name+"-whole", 1, 2, 3), c.on(name+"-unclean", 2, 3)
	c.said = &logged{}
	c.wk = c.run([]string{whole.Topic, unclean.Topic}, func(set *setup) {
		set.kafka.Brokers = c.addresses()
		hear := set.engine.Events
		log := logs.New(logs.Config{Out: c.said, Group: c.group})
		set.engine.Events = func(e engine.Event) { hear(e); log.Event(e) }
	})
	c.applied(whole, unclean)

	c.breaks("the leader of a partition is killed", func() { c.leader(whole).Kill() }, whole)
	c.heal(whole, 1, 2, 3)
	c.breaks("the controller is killed", func() {
		was := c.controller()
		c.nodes[was-1].Kill()
		eventually(t, "another controller leads", func() error {
			if c.controller() == was {
				return errors.New("it is the one that was killed")
			}
			return nil
		})
	}, whole)
	c.heal(whole, 1, 2, 3)
	c.breaks("all brokers are away for "+minute().String(), func() {
		for _, n := range c.nodes {
			n.Kill()
		}
		c.said.warned(t, "level=WARN", "no broker answers")
		time.Sleep(minute())
		servers.StartTogether(t, c.nodes)
	}, whole, unclean)

	c.heal(unclean, 2, 3)
	c.nodes[2].Kill()
	c.inSync(unclean, 2)
	c.applied(unclean) // which node 3 does not have
	end := c.rows[unclean]
	c.nodes[1].Kill()
	c.nodes[2].Start()
	if p := c.wk.parked(unclean, "truncated"); p.Offset != fencepost.Offset(end) {
		t.Errorf("parked at %d, want %d", p.Offset, end)
	}
	c.said.warned(t, "level=ERROR", "partition parked", "code=truncated")
	c.nodes[1].Start()
	c.applied(whole) // the others go on
	c.wantRows(unclean, span(0, end)...)
	c.wk.end()
	c.wantMoves("start 0 absent>0 0", "start 0 absent>0 0")
}

// breaks does something to the brokers, and wants new records applied afterwards. The time is that since the brokers take records again.
func (c *cluster) breaks(what string, do func(), tps ...fencepost.TopicPartition) {
	c.t.Helper()
	do()
	c.t.Logf("%s: applied %s after the brokers took the first record", what, c.applied(tps...).Round(time.Millisecond))
}

// heal starts the nodes that are down.
func (c *cluster) heal(tp fencepost.TopicPartition, nodes ...int32) {
	c.t.Helper()
	for _, n := range c.nodes {
		if !n.Running() {
			n.Start()
		}
	}
	c.inSync(tp, nodes...)
}

// TestRecordsAreDeletedInFrontOfAWorker: while a worker does not reach its broker, the records that it has not read are deleted, past its
// position. That is seen when the broker is back: the partition parks, its loss is exact, and the others go on.
func TestRecordsAreDeletedInFrontOfAWorker(t *testing.T) {
	t.Parallel()
	broker := servers.OwnKafka(t)
	way := servers.SeededProxy(t, broker.ProxyAt, broker.Proxied, 1)
	s := newScene(t, broker.Broker, newPostgresStore(t, seenDDL))
	name := s.topic(2)
	one, other := at(name, 0), at(name, 1)
	wk := s.run([]string{name}, func(set *setup) { set.kafka.Brokers = []string{way.Addr()} })
	s.fill(one, 3)
	s.fill(other, 3)
	s.eventuallyRows(one, span(0, 3)...)
	s.eventuallyRows(other, span(0, 3)...)
	way.Set(wire.Fault{Refuse: true})
	s.fill(one, 7)
	s.fill(other, 2)
	s.deleteBefore(one, 8)
	way.Mend()
	if p := wk.parked(one, "aged-out"); p.Offset != 3 || p.Lost != 5 {
		t.Errorf("parked at %d, lost %d, want at 3, and 5", p.Offset, p.Lost)
	}
	s.eventuallyRows(other, span(0, 5)...)
	wk.end()
	s.wantRows(one, span(0, 3)...)
}
