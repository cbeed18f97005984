//go:build realservers

package servers

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A cluster of three answers as one, goes on with two, and takes the third back.
func TestOwnKafkaCluster(t *testing.T) {
	nodes := OwnKafkaCluster(t, 3)
	cl, err := kgo.NewClient(append(Quick(), kgo.SeedBrokers(nodes[0].Plaintext, nodes[1].Plaintext, nodes[2].Plaintext))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	name := Name(t)
	if r, err := adm.CreateTopic(t.Context(), 1, 3, nil, name); errors.Join(err, r.Err) != nil {
		t.Fatal(errors.Join(err, r.Err))
	}
	write := func() {
		t.Helper()
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: name, Value: []byte("one")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	nodes[2].Kill()
	write()
	nodes[2].Start()
	write()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		topics, err := adm.ListTopics(t.Context(), name)
		if err == nil && len(topics[name].Partitions[0].ISR) == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the third node is not in sync again: %v, %v", topics[name].Partitions[0], err)
		}
	}
}
