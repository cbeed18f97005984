package kafka

import (
	"errors"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestOpenTransactions: the oldest open transaction of a partition is named with its producer and its age; ended ones are
// none, and a topic that is not there gives no answer.
func TestOpenTransactions(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		topic := b.topic(3)
		s := b.open(Config{Topics: []string{topic}})
		b.transaction(topic, 0, 3, kgo.TryCommit)
		b.transaction(topic, 1, 3, kgo.TryAbort)
		began := time.Now()
		first := unique(t)
		for _, id := range []string{first, unique(t)} {
			cl := b.client(kgo.TransactionalID(id))
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			b.produce(cl, topic, 0, 2)
		}
		all := []fencepost.TopicPartition{tp(topic, 0), tp(topic, 1), tp(topic, 2)}
		eventually(t, "the transaction is found", func() error {
			open, err := s.OpenTransactions(t.Context(), all)
			if err != nil {
				return err
			}
			tx, ok := open[all[0]]
			if !ok || len(open) != 1 {
				return errors.New("want one, in partition 0")
			}
			if tx.ProducerID < 0 || tx.TransactionalID != first || tx.From != 4 {
				t.Errorf("got %+v, want that of %s, from 4", tx, first)
			}
			if tx.Since.Before(began.Add(-time.Minute)) || tx.Since.After(time.Now().Add(time.Minute)) {
				t.Errorf("it began at %s, want about %s", tx.Since, began)
			}
			return nil
		})
		if _, err := s.OpenTransactions(t.Context(), []fencepost.TopicPartition{tp(topic+"-none", 0)}); !errors.Is(err, fencepost.ErrNoAnswer) {
			t.Errorf("about a topic that is not there: %v, want no answer", err)
		}
	})
}
