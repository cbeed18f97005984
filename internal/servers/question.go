package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// newKafkaQuestion asks a broker for what tests will ask of it: create a topic,
// produce, join a group, commit. A listening port proves less: it opens a tenth
// of a second earlier. And about one start in twenty answers its very first
// group commit five seconds late, a wait that belongs here and not in a test.
func newKafkaQuestion(broker string) func(context.Context) error {
	return func(ctx context.Context) error {
		// A refused connection costs nothing; a client that retries on it does.
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", broker)
		if err != nil {
			return err
		}
		conn.Close()

		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		name := "servers-ready-" + newUUID()
		cl, err := kgo.NewClient(append(Quick(),
			kgo.SeedBrokers(broker),
			kgo.ConsumerGroup(name),
			kgo.ConsumeTopics(name),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.DisableAutoCommit(),
		)...)
		if err != nil {
			return fmt.Errorf("make client: %w", err)
		}
		defer cl.Close()
		adm := kadm.NewClient(cl)
		if _, err := adm.CreateTopic(ctx, 1, 1, nil, name); err != nil {
			return fmt.Errorf("create topic: %w", err)
		}
		if err := produceAndCommit(ctx, cl, name); err != nil {
			return err
		}
		// Leave nothing for tests to find.
		if err := cl.LeaveGroupContext(ctx); err != nil {
			return fmt.Errorf("leave group: %w", err)
		}
		if _, err := adm.DeleteGroup(ctx, name); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return fmt.Errorf("delete group: %w", err)
		}
		if _, err := adm.DeleteTopic(ctx, name); err != nil {
			return fmt.Errorf("delete topic: %w", err)
		}
		return nil
	}
}

func produceAndCommit(ctx context.Context, cl *kgo.Client, topic string) error {
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("ready?")}).FirstErr(); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	fetches := cl.PollRecords(ctx, 1)
	if err := fetches.Err0(); err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	if err := cl.CommitRecords(ctx, fetches.Records()...); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Quick is for the clients of a test's broker: short waits, and patience
// with a topic that was created a moment ago.
func Quick() []kgo.Opt {
	return []kgo.Opt{
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.UnknownTopicRetries(100),
	}
}
