//go:build realservers

package kafka

import (
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkLedgerCommit is one commit of so many partitions: a transaction, with the copies in the group.
func BenchmarkLedgerCommit(b *testing.B) {
	addrs := []string{servers.Kafka(b).Plaintext}
	for _, n := range []int32{12, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
			if err != nil {
				b.Fatal(err)
			}
			defer cl.Close()
			name := fmt.Sprintf("bench-%d-%d", n, b.N)
			if n <= 1000 { // more are too many for one broker: they have positions and no copies
				if r, err := kadm.NewClient(cl).CreateTopic(b.Context(), n, 1, nil, name); err != nil || r.Err != nil {
					b.Fatal(err, r.Err)
				}
			}
			l, err := OpenLedger(LedgerConfig{Brokers: addrs, Topic: "ledger-" + name})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			w := fencepost.Writer{Group: fencepost.Group(name)}
			moves := make([]fencepost.Move, n)
			for p := range moves {
				moves[p] = fencepost.Move{TopicPartition: tp(name, int32(p)), Cause: fencepost.CauseStart,
					Next: fencepost.Position{LeaderEpoch: fencepost.NoEpoch, Fence: newFence(), TopicID: fencepost.TopicID{1}}}
			}
			if err := l.Move(b.Context(), w, moves); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for p := range moves {
					m := &moves[p]
					m.Held, m.Cause = m.Next, fencepost.CauseCommit
					m.Next = m.Held.Advance(m.Held.Offset+1, fencepost.NoEpoch)
				}
				if err := l.Move(b.Context(), w, moves); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
