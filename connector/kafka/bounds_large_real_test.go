//go:build realservers

package kafka

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// 10,000 partitions of Apache Kafka, which takes most of a minute to make them; the goal is 150 ms.
func BenchmarkBoundsReal(b *testing.B) {
	b.Setenv("_JAVA_OPTIONS", "-Xmx1500m") // in a small heap half of the time is the collection of garbage
	own := servers.OwnKafka(b, "broker.session.timeout.ms=60000", "broker.heartbeat.interval.ms=5000")
	cl, err := kgo.NewClient(kgo.SeedBrokers(own.Plaintext))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var names []string
	for n := range 100 {
		names = append(names, fmt.Sprintf("t%03d", n))
	}
	for batch := range slices.Chunk(names, 10) { // the controller refuses 10,000 partitions in one request
		rs, err := adm.CreateTopics(b.Context(), 100, 1, nil, batch...)
		if err := errors.Join(err, rs.Error()); err != nil {
			b.Fatal(err)
		}
	}
	within(b, 2*time.Minute, "the topics are led", func() error {
		l, err := adm.ListEndOffsets(b.Context(), names...)
		if err != nil {
			return err
		}
		return l.Error()
	})
	askAll(b, []string{own.Plaintext}, names, 100)
}
