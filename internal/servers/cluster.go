package servers

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// OwnKafkaCluster starts a cluster of brokers for this test alone, node n at index n-1. Each is a voter, so a majority
// has to live for anything to change. Internal topics are on all nodes; the test's own as it makes them.
func OwnKafkaCluster(t testing.TB, nodes int, properties ...string) []*OwnBroker {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	var hosts, voters []string
	for n := range nodes {
		hosts = append(hosts, Address(t))
		voters = append(voters, fmt.Sprintf("%d@%s", n+1, net.JoinHostPort(hosts[n], portController)))
	}
	cluster := newUUID()
	brokers := make([]*OwnBroker, nodes)
	for n, host := range hosts {
		lines := append([]string{
			fmt.Sprintf("node.id=%d", n+1), "controller.quorum.voters=" + strings.Join(voters, ","),
			fmt.Sprintf("offsets.topic.replication.factor=%d", nodes),
			fmt.Sprintf("transaction.state.log.replication.factor=%d", nodes),
		}, properties...)
		server, err := k.newKafka(host, lines)
		if err != nil {
			t.Fatal(err)
		}
		meta := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\ndirectory.id=%s\n", cluster, n+1, newUUID())
		if err := os.WriteFile(server.folder.join("data", "meta.properties"), []byte(meta), 0o644); err != nil {
			t.Fatal(err)
		}
		server.ask = newNodeQuestion(net.JoinHostPort(host, portPlaintext))
		brokers[n] = &OwnBroker{Broker: brokerAt(host, k.tls()), Own: owned(t, server)}
	}
	StartTogether(t, brokers)
	return brokers
}

// StartTogether starts nodes that answer only once most of them live.
func StartTogether(t testing.TB, brokers []*OwnBroker) {
	t.Helper()
	errs := make([]error, len(brokers))
	var all sync.WaitGroup
	for n, b := range brokers {
		all.Go(func() { errs[n] = b.server.start(context.Background()) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// newNodeQuestion asks one node of a cluster whether it is among its brokers. What else it can do hangs on the others.
func newNodeQuestion(broker string) func(context.Context) error {
	return func(ctx context.Context) error {
		cl, err := kgo.NewClient(append(Quick(), kgo.SeedBrokers(broker))...)
		if err != nil {
			return fmt.Errorf("make client: %w", err)
		}
		defer cl.Close()
		meta, err := kadm.NewClient(cl).BrokerMetadata(ctx)
		if err != nil {
			return fmt.Errorf("ask for brokers: %w", err)
		}
		for _, b := range meta.Brokers {
			if net.JoinHostPort(b.Host, fmt.Sprint(b.Port)) == broker {
				return nil
			}
		}
		return fmt.Errorf("%s is not among the brokers yet", broker)
	}
}
