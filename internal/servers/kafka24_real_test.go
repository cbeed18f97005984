//go:build realservers

package servers_test

import (
	"testing"

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
