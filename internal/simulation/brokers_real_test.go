//go:build realservers

package simulation

import (
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestMain(m *testing.M) { servers.Main(m) }

// What the simulated brokers do in a group is what Apache Kafka does.
func TestWhatRealBrokersDoInGroups(t *testing.T) {
	address := servers.Kafka(t).Plaintext
	askAboutGroups(t, servers.Name(t), 6*time.Second, func() *kgo.Client {
		cl, err := kgo.NewClient(append(servers.Quick(), kgo.SeedBrokers(address))...)
		if err != nil {
			t.Fatal(err)
		}
		return cl
	})
}
