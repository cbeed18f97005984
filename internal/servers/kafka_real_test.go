//go:build realservers

package servers_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/fencepost/fencepost/internal/servers"
)

// client is a client of a broker, closed when t ends.
func client(t *testing.T, address string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(append(servers.Quick(), kgo.SeedBrokers(address)), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t *testing.T, broker servers.Broker) string {
	t.Helper()
	topic := servers.Name(t)
	if _, err := kadm.NewClient(client(t, broker.Plaintext)).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatalf("create topic: %v", err)
	}
	return topic
}

func produce(t *testing.T, cl *kgo.Client, topic string, values ...string) {
	t.Helper()
	for _, v := range values {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatalf("produce %q: %v", v, err)
		}
	}
}

// consume reads n values of partition 0 from its start.
func consume(t *testing.T, cl *kgo.Client, topic string, n int) []string {
	t.Helper()
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var values []string
	for len(values) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("consume %d of %d records: %v", len(values), n, err)
		}
		for _, r := range fetches.Records() {
			values = append(values, string(r.Value))
		}
	}
	return values
}

func TestEveryListenerCarriesRecords(t *testing.T) {
	broker := servers.Kafka(t)
	config := func(load func() (*tls.Config, error)) kgo.Opt {
		t.Helper()
		c, err := load()
		if err != nil {
			t.Fatal(err)
		}
		return kgo.DialTLSConfig(c)
	}
	admin := scram.Auth{User: servers.SCRAMUser, Pass: servers.SCRAMPassword}.AsSha512Mechanism()
	pl := plain.Auth{User: servers.PlainUser, Pass: servers.PlainPassword}.AsMechanism()
	for _, tc := range []struct {
		name, address string
		opts          []kgo.Opt
	}{
		{"plaintext", broker.Plaintext, nil},
		{"scram", broker.SASL, []kgo.Opt{config(broker.TLS.Config), kgo.SASL(admin)}},
		{"plain", broker.SASL, []kgo.Opt{config(broker.TLS.Config), kgo.SASL(pl)}},
		{"mutual tls", broker.MTLS, []kgo.Opt{config(broker.TLS.MutualConfig)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			topic := createTopic(t, broker)
			if tc.name == "plain" {
				allow(t, broker, "User:"+servers.PlainUser, topic)
			}
			cl := client(t, tc.address, tc.opts...)
			produce(t, cl, topic, "a", "b")
			if got, want := consume(t, cl, topic, 2), []string{"a", "b"}; !slices.Equal(got, want) {
				t.Errorf("consumed %q, want %q", got, want)
			}
		})
	}
}

// allow lets a user read and write a topic.
func allow(t *testing.T, broker servers.Broker, user, topic string) {
	t.Helper()
	acl := kadm.NewACLs().Allow(user).AllowHosts("*").Topics(topic).
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead, kadm.OpWrite, kadm.OpDescribe)
	results, err := kadm.NewClient(client(t, broker.Plaintext)).CreateACLs(t.Context(), acl)
	if err != nil {
		t.Fatalf("create ACLs: %v", err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatalf("create ACL for %s: %v", user, r.Err)
		}
	}
}

func TestWrongCredentialsAreRefused(t *testing.T) {
	broker := servers.Kafka(t)
	config, err := broker.TLS.Config()
	if err != nil {
		t.Fatal(err)
	}
	wrong := scram.Auth{User: servers.SCRAMUser, Pass: "wrong"}.AsSha512Mechanism()
	for name, cl := range map[string]*kgo.Client{
		"wrong password":        client(t, broker.SASL, kgo.DialTLSConfig(config), kgo.SASL(wrong)),
		"no client certificate": client(t, broker.MTLS, kgo.DialTLSConfig(config)),
		"authority not trusted": client(t, broker.SASL, kgo.DialTLSConfig(&tls.Config{})),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := cl.Ping(ctx); err == nil {
			t.Errorf("%s: the broker let us in", name)
		}
		cancel()
	}
}

func TestKafkaKeepsItsDataThroughKill(t *testing.T) {
	broker := servers.OwnKafka(t)
	topic := createTopic(t, broker.Broker)
	cl := client(t, broker.Plaintext)
	produce(t, cl, topic, "a", "b")
	id := clusterID(t, broker.Broker)

	broker.Kill()
	if broker.Running() {
		t.Fatal("the broker runs after Kill")
	}
	broker.Start()

	produce(t, cl, topic, "c")
	if got, want := consume(t, client(t, broker.Plaintext), topic, 3), []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("consumed %q after Kill and Start, want %q", got, want)
	}
	if got := clusterID(t, broker.Broker); got != id {
		t.Errorf("cluster id %s after Kill and Start, want %s", got, id)
	}
}

func TestKafkaStopsAndStarts(t *testing.T) {
	broker := servers.OwnKafka(t)
	topic := createTopic(t, broker.Broker)
	produce(t, client(t, broker.Plaintext), topic, "a")
	broker.Stop()
	broker.Start()
	if got, want := consume(t, client(t, broker.Plaintext), topic, 1), []string{"a"}; !slices.Equal(got, want) {
		t.Errorf("consumed %q after Stop and Start, want %q", got, want)
	}
}

func TestKafkaFrozenAnswersOnlyWhenThawed(t *testing.T) {
	broker := servers.OwnKafka(t)
	topic := createTopic(t, broker.Broker)
	cl := client(t, broker.Plaintext)
	produce(t, cl, topic, "a")

	broker.Freeze()
	if err := silent(t, cl); err == nil {
		t.Error("a frozen broker answered")
	}
	broker.Thaw()
	produce(t, client(t, broker.Plaintext), topic, "b")
}

// silent asks a broker and expects no answer within a moment.
func silent(t *testing.T, cl *kgo.Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	return cl.Ping(ctx)
}

func TestTwoBrokersAreTwoClusters(t *testing.T) {
	one, two := servers.OwnKafka(t), servers.OwnKafka(t)
	if one.Plaintext == two.Plaintext || one.DataDir == two.DataDir {
		t.Fatalf("both at %s, data in %s", one.Plaintext, one.DataDir)
	}
	if a, b := clusterID(t, one.Broker), clusterID(t, two.Broker); a == b {
		t.Errorf("both have cluster id %s", a)
	}
	for i, broker := range []*servers.OwnBroker{one, two} {
		topic := createTopic(t, broker.Broker)
		value := fmt.Sprint(i)
		produce(t, client(t, broker.Plaintext), topic, value)
		if got, want := consume(t, client(t, broker.Plaintext), topic, 1), []string{value}; !slices.Equal(got, want) {
			t.Errorf("broker %d: consumed %q, want %q", i, got, want)
		}
	}
}

func TestKafkaStartsClean(t *testing.T) {
	broker := servers.OwnKafka(t)
	adm := kadm.NewClient(client(t, broker.Plaintext))
	topics, err := adm.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(topics) > 0 {
		t.Errorf("topics of a new broker: %v", topics.Names())
	}
	groups, err := adm.ListGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(groups) > 0 {
		t.Errorf("groups of a new broker: %v", groups.Groups())
	}
}

func TestOwnPropertiesWin(t *testing.T) {
	broker := servers.OwnKafka(t, "auto.create.topics.enable=true")
	topic := servers.Name(t)
	produce(t, client(t, broker.Plaintext, kgo.AllowAutoTopicCreation()), topic, "a")
}

// A record of any day is taken and kept, so that no test turns red with the calendar. Retention is seen to run: it deletes
// the record of a topic that asks for it, and then once more, which takes it past every other topic.
func TestRecordsOfAnyDayAreKept(t *testing.T) {
	broker := servers.Kafka(t)
	cl := client(t, broker.Plaintext)
	adm := kadm.NewClient(cl)
	kept, short := createTopic(t, broker), servers.Name(t)+"-short"
	for _, years := range []int{-30, -1, 1, 30} {
		r := &kgo.Record{Topic: kept, Value: []byte("a"), Timestamp: time.Now().AddDate(years, 0, 0)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatalf("produce a record of %d years from now: %v", years, err)
		}
	}
	aSecond := "1000"
	if _, err := adm.CreateTopic(t.Context(), 1, 1, map[string]*string{"retention.ms": &aSecond}, short); err != nil {
		t.Fatal(err)
	}
	for pass := range int64(2) {
		r := &kgo.Record{Topic: short, Value: []byte("a"), Timestamp: time.Now().AddDate(-1, 0, 0)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for earliest(t, adm, short) <= pass {
			time.Sleep(20 * time.Millisecond)
		}
	}
	if got := earliest(t, adm, kept); got != 0 {
		t.Errorf("the log begins at %d: retention deleted what lies before", got)
	}
}

// earliest is where partition 0 of a topic begins.
func earliest(t *testing.T, adm *kadm.Client, topic string) int64 {
	t.Helper()
	listed, err := adm.ListStartOffsets(t.Context(), topic)
	if err := errors.Join(err, listed.Error()); err != nil {
		t.Fatal(err)
	}
	return listed[topic][0].Offset
}

func clusterID(t *testing.T, broker servers.Broker) string {
	t.Helper()
	metadata, err := kadm.NewClient(client(t, broker.Plaintext)).BrokerMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return metadata.Cluster
}
