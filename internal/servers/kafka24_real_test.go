//go:build realservers

package servers_test

import (
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestOldBrokerKnowsNoTopicIDs(t *testing.T) {
	old := servers.OwnKafka24(t)
	cl, err := kgo.NewClient(append(servers.Quick(), kgo.SeedBrokers(old.Plaintext))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	name := servers.Name(t)
	if _, err := adm.CreateTopic(t.Context(), 2, 1, nil, name); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: name, Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	m, err := adm.Metadata(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if id := m.Topics[name].ID; id != (kadm.TopicID{}) {
		t.Errorf("topic %s has ID %s: this is no old broker", name, id)
	}
	old.Kill()
	old.Start()
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: name, Value: []byte("x")}).FirstErr(); err != nil {
		t.Errorf("after kill -9: %v", err)
	}
}

// A record of any day is taken and kept. This broker's retention begins half a minute after it, so its setting is read.
func TestOldBrokerKeepsRecordsOfAnyDay(t *testing.T) {
	old := servers.OwnKafka24(t)
	cl := client(t, old.Plaintext)
	adm := kadm.NewClient(cl)
	name := servers.Name(t)
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, name); err != nil {
		t.Fatal(err)
	}
	for _, years := range []int{-1, 1} {
		r := &kgo.Record{Topic: name, Value: []byte("x"), Timestamp: time.Now().AddDate(years, 0, 0)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Errorf("produce a record of %d years from now: %v", years, err)
		}
	}
	described, err := adm.DescribeTopicConfigs(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := described.On(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range settings.Configs {
		if c.Key == "retention.ms" && c.MaybeValue() == "-1" {
			return
		}
	}
	t.Error("a topic does not have retention.ms=-1")
}
