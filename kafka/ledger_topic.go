package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// home finds the ledger's topic, and creates it where there is none.
func (l *Ledger) home(ctx context.Context) (home, error) {
	l.where.Lock()
	known := l.where.home
	l.where.Unlock()
	if known != nil {
		return *known, nil
	}
	for try := 1; ; try++ {
		m, err := l.source.metadataSoon(ctx, []string{l.cfg.Topic})
		if err != nil {
			return home{}, l.source.unreachable(ctx, err)
		}
		t := m.topics[l.cfg.Topic]
		switch {
		case errors.Is(t.err, fencepost.ErrNoTopic):
			if err := l.create(ctx); err != nil {
				return home{}, err
			}
		case t.err != nil && strings.Contains(t.err.Error(), "not authorised"):
			return home{}, l.denied(fmt.Sprintf("DESCRIBE topic %s, which holds the ledger", l.cfg.Topic), "")
		case t.err != nil:
			return home{}, t.err
		case len(t.leaders) > 1:
			return home{}, l.unfit(fmt.Sprintf("it has %d partitions, a ledger has one", len(t.leaders)))
		case t.id == (fencepost.TopicID{}):
			return home{}, l.unfit("these brokers have no topic IDs: a ledger needs Kafka 3.0 or later")
		case len(t.leaders) == 1 && t.leaders[0] >= 0:
			h := home{id: t.id, cluster: m.cluster, leader: t.leaders[0]}
			if err := l.checkTopic(ctx); err != nil {
				return home{}, err
			}
			l.where.Lock()
			l.where.home = &h
			l.where.Unlock()
			return h, nil
		}
		if err := pause(ctx, backoff(try)); err != nil {
			return home{}, fmt.Errorf("ledger topic %s has no leader: %w", l.cfg.Topic, err)
		}
	}
}

// create makes the topic. Its clock is the broker's.
func (l *Ledger) create(ctx context.Context) error {
	compact, clock := "compact", "LogAppendTime"
	replicas := l.cfg.Replicas
	if replicas == 0 {
		replicas = -1
	}
	r, err := kadm.NewClient(l.source.client).CreateTopic(ctx, 1, replicas,
		map[string]*string{"cleanup.policy": &compact, "message.timestamp.type": &clock}, l.cfg.Topic)
	if err == nil {
		err = r.Err
	}
	switch {
	case err == nil, errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.PolicyViolation):
		return l.denied(fmt.Sprintf("CREATE topic %s, which holds the ledger", l.cfg.Topic), "")
	}
	return fmt.Errorf("create ledger topic %s: %w", l.cfg.Topic, err)
}

// checkTopic refuses a topic that forgets: with another policy than compaction, positions would be deleted by age. A
// user who may not ask takes it as it is.
func (l *Ledger) checkTopic(ctx context.Context) error {
	cs, err := kadm.NewClient(l.source.client).DescribeTopicConfigs(ctx, l.cfg.Topic)
	if err != nil {
		return nil
	}
	for _, c := range cs {
		for _, e := range c.Configs {
			if c.Err == nil && e.Key == "cleanup.policy" && e.Value != nil && *e.Value != "compact" {
				return l.unfit("its cleanup.policy is " + *e.Value + ": it would forget positions")
			}
		}
	}
	return nil
}

func (l *Ledger) unfit(why string) error {
	return &fencepost.Fault{Code: "ledger-topic-unfit", Exit: 4, Err: fmt.Errorf("topic %s can not hold a ledger: %s", l.cfg.Topic, why),
		Help: fmt.Sprintf("kafka-configs --bootstrap-server %s --alter --topic '%s' --add-config cleanup.policy=compact; or name another topic",
			l.cfg.Brokers[0], l.cfg.Topic)}
}

func (l *Ledger) denied(what string, g fencepost.Group) *fencepost.Fault {
	head := fmt.Sprintf("kafka-acls --bootstrap-server %s --add --allow-principal User:%s", l.cfg.Brokers[0], l.source.user())
	name := string(g)
	if name == "" {
		name = "GROUP"
	}
	return &fencepost.Fault{Code: "kafka-denied", Err: fmt.Errorf("user %s may not %s", l.source.user(), what),
		Help: fmt.Sprintf("%s --operation Create --operation Describe --operation Read --operation Write --topic '%s'\n"+
			"%s --operation Write --operation Describe --transactional-id '%s'\n"+
			"%s --operation Read --group '%s'; and READ on the topics of its offsets", head, l.cfg.Topic, head, l.cfg.Topic+"-"+name, head, name)}
}

// fault makes a Fault of what brokers refused, where it is one; else the error as it is.
func (l *Ledger) fault(ctx context.Context, err error, g fencepost.Group) error {
	var f *fencepost.Fault
	var refused *fencepost.Refused
	switch {
	case err == nil, errors.As(err, &f), errors.As(err, &refused), errors.Is(err, fencepost.ErrUnknown):
		return err
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return l.denied("WRITE transactional ID "+l.transactionalID(g), g)
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return l.denied("READ group "+string(g), g)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return l.denied("WRITE topic "+l.cfg.Topic+", or READ a topic of its offsets", g)
	case connects(err):
		return l.source.unreachable(ctx, err)
	}
	return err
}

// movedAway reports whether a broker says that it is not the one to ask, or not yet.
func movedAway(err error) bool {
	for _, e := range []error{kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.NotLeaderForPartition,
		kerr.LeaderNotAvailable, kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// silent reports whether there was no answer.
func silent(err error) bool {
	var n net.Error
	return errors.As(err, &n) || kgo.IsRetryableBrokerErr(err) || errors.Is(err, errNoReply) || errors.Is(err, context.DeadlineExceeded)
}

// unfencedLive refuses to move what other programs' live workers would overwrite.
func unfencedLive(broker string, g fencepost.Group, members int) *fencepost.Fault {
	return &fencepost.Fault{Code: "group-live", Exit: 4, Help: "stop them; or a ledger in the sink, where set is safe",
		Err: fmt.Errorf("kafka://%s?group=%s has %s, and Kafka has no Fence", broker, g, text.Plural(members, "live member"))}
}
