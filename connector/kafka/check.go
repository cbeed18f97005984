package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// presence is what the brokers say of themselves.
type presence struct {
	cluster   string
	version   string // 4.3; empty: not known
	brokers   int
	answering int
	took      time.Duration
}

// Ping connects, authenticates and asks: nil, or a *fencepost.UserError with the cause.
func (s *Source) Ping(ctx context.Context) error {
	if _, f := s.probe(ctx); f != nil {
		return f
	}
	return nil
}

// probe asks the configured addresses side by side until one answers, then tries every broker where it says that it
// is to be found: a broker that answers here and advertises a name that leads nowhere is the most common error.
func (s *Source) probe(ctx context.Context) (presence, *fencepost.UserError) {
	began := time.Now()
	resp, address, fault := s.seed(ctx)
	if fault != nil {
		return presence{}, fault
	}
	p := presence{brokers: len(resp.Brokers), took: time.Since(began)}
	if resp.ClusterID != nil {
		p.cluster = *resp.ClusterID
	}
	errs := make([]error, len(resp.Brokers))
	var wait sync.WaitGroup
	for i, b := range resp.Brokers {
		wait.Go(func() {
			conn, err := s.cfg.dial(ctx, "tcp", fmt.Sprintf("%s:%d", b.Host, b.Port))
			if err == nil {
				err = conn.Close()
			}
			errs[i] = err
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err == nil {
			p.answering++
			continue
		}
		b := resp.Brokers[i]
		fault = &fencepost.UserError{Code: "advertised-unreachable", Passing: true,
			Err:  fmt.Errorf("%s answers, but its broker %d calls itself %s:%d: %w", address, b.NodeID, b.Host, b.Port, plainly(err)),
			Help: "make that name resolve here, or mend advertised.listeners on the broker"}
	}
	if p.answering > 0 {
		fault = nil // the others may be down: that is for the partitions they lead
	}
	return p, fault
}

// seed asks the configured addresses who the brokers are.
func (s *Source) seed(ctx context.Context) (*kmsg.MetadataResponse, string, *fencepost.UserError) {
	type answer struct {
		resp    *kmsg.MetadataResponse
		address string
		err     error
	}
	seeds := s.client.SeedBrokers()[:len(s.cfg.Brokers)] // once each
	answers := make(chan answer, len(seeds))
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	for i, b := range seeds {
		go func() {
			m, err := s.askSeed(asking, b, s.cfg.Brokers[i])
			answers <- answer{m, s.cfg.Brokers[i], err}
		}()
	}
	var fault *fencepost.UserError
	for range seeds {
		a := <-answers
		if a.err == nil && a.resp != nil {
			return a.resp, a.address, nil
		}
		// A refusal is worth more than silence.
		if f := s.connection(ctx, a.address, a.err); fault == nil || fault.Code == "broker-silent" {
			fault = f
		}
	}
	return nil, "", fault
}

// otherWait is how long a service may take before it is asked whether it is another one than Kafka, which waits for the end of a line, say.
const otherWait = 500 * time.Millisecond

// askSeed asks one address for metadata about no topic.
func (s *Source) askSeed(ctx context.Context, b *kgo.Broker, address string) (*kmsg.MetadataResponse, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	probe := time.AfterFunc(otherWait, func() {
		if s.cfg.speaksRedis(ctx, address) {
			cancel(errOther)
		}
	})
	defer probe.Stop()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	resp, err := b.Request(ctx, req)
	if errors.Is(context.Cause(ctx), errOther) {
		err = errOther
	}
	m, _ := resp.(*kmsg.MetadataResponse)
	return m, err
}

// brokersOnly asks metadata about no topic.
func (s *Source) brokersOnly(ctx context.Context) (metadata, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return metadata{}, err
	}
	m := metadata{brokers: len(resp.Brokers), topics: map[string]topicAnswer{}}
	if resp.ClusterID != nil {
		m.cluster = *resp.ClusterID
	}
	return m, nil
}

// version guesses the broker's release by the requests that it knows.
func (s *Source) version(ctx context.Context) string {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "fencepost", "1"
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return ""
	}
	words := strings.Fields(kversion.FromApiVersionsResponse(resp).VersionGuess())
	if len(words) == 0 {
		return ""
	}
	return strings.TrimPrefix(words[len(words)-1], "v")
}

// Check looks at brokers, topics and group, joins nothing and changes nothing. What lies behind a silent broker is
// left out.
func (s *Source) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	p, fault := s.probe(ctx)
	if fault != nil {
		f := finding("brokers", fault)
		f.Key = "brokers"
		return []fencepost.Finding{f}
	}
	p.version = s.version(ctx)
	name := "Apache Kafka " + p.version
	if p.version == "" {
		name = "Kafka"
	}
	found := []fencepost.Finding{{Subject: "brokers", OK: true, Text: fmt.Sprintf("%d of %d answers in %s: %s, cluster %s",
		p.answering, p.brokers, max(p.took.Round(time.Millisecond), time.Millisecond), name, p.cluster)}}
	found = append(found, s.checkTopics(ctx)...)
	if s.cfg.Group != "" {
		found = append(found, s.checkGroup(ctx))
	}
	return found
}

// finding turns an error into a line.
func finding(subject string, err error) fencepost.Finding {
	f := fencepost.Finding{Subject: subject, Text: err.Error()}
	var fault *fencepost.UserError
	if errors.As(err, &fault) {
		f.Code, f.Help, f.Facts = fault.Code, fault.Help, fault.Facts
	} else {
		f.Code = "broker-silent"
	}
	f.Silent = f.Code != "kafka-denied" && f.Code != "topic-not-found" && f.Code != "group-live"
	return f
}

func (s *Source) checkTopics(ctx context.Context) []fencepost.Finding {
	d, err := s.Describe(ctx)
	if err != nil {
		return []fencepost.Finding{finding("topic", err)}
	}
	var found []fencepost.Finding
	for _, name := range sorted(d.Errs) {
		f := finding("topic", s.topicFault(ctx, name, d.Errs[name]))
		f.Key = "topics"
		found = append(found, f)
	}
	var asks []fencepost.OffsetQuery
	for _, name := range sorted(d.Topics) {
		for p := range d.Topics[name].Partitions {
			asks = append(asks, fencepost.OffsetQuery{TopicPartition: fencepost.TopicPartition{Topic: name, Partition: p}, LeaderEpoch: fencepost.NoEpoch})
		}
	}
	bounds := s.LogOffsets(ctx, asks)
	unread := s.unreadable(ctx, sorted(d.Topics))
	for _, name := range sorted(d.Topics) {
		if unread[name] {
			f := finding("topic", s.denied("READ topic "+name))
			f.Key = "topics"
			found = append(found, f)
			continue
		}
		found = append(found, checkTopic(name, d.Topics[name], bounds))
	}
	if len(found) == 0 && s.cfg.Pattern != "" {
		found = append(found, fencepost.Finding{Subject: "topic", OK: true, Text: fmt.Sprintf("none matches %s so far; taken when one appears", s.cfg.Pattern)})
	}
	return found
}

// unreadable returns the topics that this user may describe and not read; none where the brokers do not report rights.
func (s *Source) unreadable(ctx context.Context, names []string) map[string]bool {
	const read, unknown = 1 << 3, -1 << 31 // AclOperation.READ; no authorizer, or too old
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	req.Topics = []kmsg.MetadataRequestTopic{}
	for i := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &names[i]
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return nil
	}
	found := map[string]bool{}
	for _, t := range resp.Topics {
		if t.Topic != nil && t.AuthorizedOperations != unknown && t.AuthorizedOperations&read == 0 {
			found[*t.Topic] = true
		}
	}
	return found
}

func checkTopic(name string, t fencepost.Topic, bounds map[fencepost.TopicPartition]fencepost.LogOffsets) fencepost.Finding {
	var n int64
	for p := range t.Partitions {
		b := bounds[fencepost.TopicPartition{Topic: name, Partition: p}]
		if b.Err != nil {
			return fencepost.Finding{Subject: "topic", Code: "broker-silent", Silent: true, Text: fmt.Sprintf("%s:%d: %v", name, p, b.Err)}
		}
		n += int64(b.HighWatermark - b.Earliest)
	}
	return fencepost.Finding{Subject: "topic", OK: true, Text: fmt.Sprintf("%s: %s, %s, topic ID %s",
		name, text.Plural(t.Partitions, "partition"), text.Plural(n, "offset"), t.ID)}
}

// topicFault names what is wrong with a topic, with a topic whose name is nearly the same, or the ACLs that it takes.
func (s *Source) topicFault(ctx context.Context, name string, err error) error {
	if errors.Is(err, fencepost.ErrNoTopic) {
		var near map[string]string
		if m, err := s.metadata(ctx, nil); err == nil {
			if other := nearest(name, sorted(m.topics)); other != "" {
				near = fact("near", other)
			}
		}
		return &fencepost.UserError{Code: "topic-not-found", Err: fmt.Errorf("the cluster has no topic %s", name), Facts: near}
	}
	if strings.Contains(err.Error(), "not authorised") {
		return s.denied(fmt.Sprintf("DESCRIBE topic %s", name))
	}
	return err
}

func (s *Source) checkGroup(ctx context.Context) fencepost.Finding {
	mirrored, err := s.CommittedOffsets(ctx, s.cfg.Group)
	if err != nil {
		return finding("group", s.asWorker(err))
	}
	members, err := s.Members(ctx)
	if err != nil {
		return finding("group", s.asWorker(err))
	}
	if !s.cfg.explicit() {
		if fault := s.stranger(ctx); fault != nil {
			return finding("group", fault)
		}
	}
	how := "protocol " + s.cfg.Protocol.String()
	if s.cfg.explicit() {
		how = "its partitions are taken without joining it"
		if len(members) > 0 {
			return finding("group", s.groupLive(len(members)))
		}
	}
	stands := fmt.Sprintf("%s is new; %s", s.cfg.Group, how)
	if len(mirrored) > 0 || len(members) > 0 {
		stands = fmt.Sprintf("%s holds offsets of %s, %s; %s", s.cfg.Group, text.Plural(len(mirrored), "partition"), text.Plural(len(members), "live member"), how)
	}
	return fencepost.Finding{Subject: "group", OK: true, Text: stands}
}

// asWorker is what a worker is told, who needs READ where DESCRIBE was enough for the question.
func (s *Source) asWorker(err error) error {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok && f.Code == "kafka-denied" {
		return s.denied(fmt.Sprintf("READ group %s", s.cfg.Group))
	}
	return err
}

// sorted lists a map's names.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// nearest is the name that a typing error away from word; empty if none is that near.
func nearest(word string, names []string) string {
	best, least := "", len(word)/3+1
	for _, name := range names {
		if d := text.Distance(word, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// stranger returns why this source could not join its group as it is now: it is a share group, or its live members assign partitions by a
// strategy that ours does not know. A broker that does not answer the question has no say: joining would tell.
func (s *Source) stranger(ctx context.Context) *fencepost.UserError {
	adm, name := kadm.NewClient(s.client), string(s.cfg.Group)
	if shared := s.shareGroups(ctx, name)[name]; shared.Err == nil && shared.GroupState != "" && shared.GroupState != "Dead" {
		return &fencepost.UserError{Code: "group-live", Help: "another group",
			Err: fmt.Errorf("group %s is a share group (KIP-932), of %s", name, text.Plural(len(shared.Members), "member"))}
	}
	classic, err := again(s, func() (kadm.DescribedGroups, error) { return adm.DescribeGroups(ctx, name) })
	if err != nil || classic[name].Err != nil || s.cfg.Protocol != Cooperative {
		return nil
	}
	is := classic[name]
	if len(is.Members) == 0 || is.Protocol == "" || is.Protocol == kgo.CooperativeStickyBalancer().ProtocolName() {
		return nil
	}
	return &fencepost.UserError{Code: "group-live", Help: "stop them; or another group",
		Err: fmt.Errorf("group %s has %s of another protocol (%s)", name, text.Plural(len(is.Members), "live member"), is.Protocol)}
}
