package kafka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topics is which incarnation of each topic the client reads. The client never takes up a recreated topic by itself:
// it asks for the old ID for ever. So this package looks at topic IDs, and takes a topic up anew when its ID changed.
type topics struct {
	pattern *regexp.Regexp // nil: by name
	kick    chan struct{}  // a topic is suspected

	mu struct {
		sync.Mutex
		known map[string]*topic            // :: consumed topic -> what is known of it
		ids   map[string]fencepost.TopicID // :: any topic seen -> its latest ID
	}
}

type topic struct {
	reading    fencepost.TopicID // what the client reads; zero: not known yet
	partitions int32
	suspect    bool   // a fetch answered that its ID is unknown
	consumed   bool   // by pattern: the client consumes it
	told       string // the error that was logged last, with no partition held to fail
}

func newTopics(c Config) *topics {
	t := &topics{kick: make(chan struct{}, 1)}
	if c.Pattern != "" {
		t.pattern = regexp.MustCompile(c.Pattern)
	}
	t.mu.known = map[string]*topic{}
	t.mu.ids = map[string]fencepost.TopicID{}
	return t
}

// wake makes the watch look now.
func (t *topics) wake() {
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// fetched notes under which ID the client reads a topic.
func (t *topics) fetched(name string, id fencepost.TopicID) {
	if id == (fencepost.TopicID{}) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.mu.known[name]; k == nil {
		t.mu.known[name] = &topic{reading: id}
	} else if k.reading != id {
		k.reading = id
	}
}

// suspect notes that a broker does not know the topic as the client reads it.
func (t *topics) suspect(name string) {
	t.mu.Lock()
	if k := t.mu.known[name]; k != nil {
		k.suspect = true
	}
	t.mu.Unlock()
	t.wake()
}

// news reports whether an error of a topic differs from the one before.
func (t *topics) news(name string, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.mu.known[name]
	if k == nil {
		k = &topic{}
		t.mu.known[name] = k
	}
	was := k.told
	k.told = err.Error()
	return was != k.told
}

// suspects reports whether any topic is waited for.
func (t *topics) suspects() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range t.mu.known {
		if k.suspect {
			return true
		}
	}
	return false
}

// seen records a metadata answer, and wakes the watch if a consumed topic is another one now.
func (t *topics) seen(answers map[string]topicAnswer) {
	t.mu.Lock()
	changed := false
	for name, a := range answers {
		if a.err != nil {
			continue
		}
		t.mu.ids[name] = a.id
		if k := t.mu.known[name]; k != nil && k.reading != (fencepost.TopicID{}) && k.reading != a.id {
			changed = true
		}
	}
	t.mu.Unlock()
	if changed {
		t.wake()
	}
}

// id is the latest ID that any broker reported.
func (t *topics) id(name string) fencepost.TopicID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.ids[name]
}

// changes is what a look at the metadata found.
type changes struct {
	added     []string // found by pattern, not consumed yet
	recreated []string // another incarnation now
	grown     bool     // some topic has more partitions
}

// compare takes over what the brokers say and returns what changed.
func (t *topics) compare(answers map[string]topicAnswer) (c changes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, a := range answers {
		if a.err != nil {
			continue
		}
		k := t.mu.known[name]
		if k == nil {
			k = &topic{}
			t.mu.known[name] = k
		}
		if t.pattern != nil && !k.consumed {
			k.consumed = true
			c.added = append(c.added, name)
		}
		n := int32(len(a.leaders))
		c.grown = c.grown || k.partitions != 0 && n > k.partitions
		k.partitions = n
		if k.suspect || k.reading != (fencepost.TopicID{}) && k.reading != a.id {
			c.recreated = append(c.recreated, name)
		}
		k.reading, k.suspect = a.id, false
	}
	slices.Sort(c.added)
	slices.Sort(c.recreated)
	return c
}

// watch looks at the consumed topics until ctx ends.
func (s *Source) watch(ctx context.Context) {
	for {
		s.look(ctx)
		wait := s.cfg.Watch
		if s.topics.suspects() { // deleted, or seen by a broker that lags
			wait = min(wait, 500*time.Millisecond)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.topics.kick:
			timer.Stop()
		}
	}
}

// look asks once and follows what changed.
func (s *Source) look(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	meta, err := s.metadata(asking, s.cfg.names())
	if err != nil {
		if ctx.Err() == nil {
			s.cfg.Log(4, "the topics could not be looked at", "err", err)
			s.neverBegins(ctx, err)
		}
		return
	}
	c := s.topics.compare(s.consumed(meta))
	if len(c.added) > 0 {
		s.client.AddConsumeTopics(c.added...)
	}
	if c.grown {
		s.client.ForceMetadataRefresh()
	}
	for _, name := range c.recreated {
		if ctx.Err() == nil {
			s.takeUp(ctx, name)
		}
	}
}

// neverBegins ends a source that no broker lets in, as long as it has not begun: later the same may pass, when a
// rotated secret arrives.
func (s *Source) neverBegins(ctx context.Context, err error) {
	if s.everJoined() || !connects(err) {
		return
	}
	if _, f := s.probe(ctx); f != nil && !f.Passing {
		s.giveUp(f)
	}
}

// takeUp makes the client read a topic under its new ID: the old incarnation's partitions are given up, and the
// Listener is asked about the new one's.
func (s *Source) takeUp(ctx context.Context, name string) {
	s.cfg.Log(0, "a topic was recreated and is taken up anew", "topic", name)
	var tps []fencepost.TopicPartition
	for _, tp := range s.holding() {
		if tp.Topic == name {
			tps = append(tps, tp)
		}
	}
	s.revoked(ctx, s.client, partitions(tps))
	s.client.PurgeTopicsFromConsuming(name)
	if !s.cfg.explicit() {
		s.client.AddConsumeTopics(name)
		return
	}
	var again []fencepost.TopicPartition
	for _, tp := range s.cfg.Partitions {
		if tp.Topic == name {
			again = append(again, tp)
		}
	}
	s.addExplicit(ctx, again)
}

// consumed leaves those topics that are consumed by name or pattern.
func (s *Source) consumed(m metadata) map[string]topicAnswer {
	if s.topics.pattern == nil {
		return m.topics
	}
	found := map[string]topicAnswer{}
	for name, a := range m.topics {
		if !a.internal && s.topics.pattern.MatchString(name) {
			found[name] = a
		}
	}
	return found
}

// metadata is what one broker says of the cluster.
type metadata struct {
	cluster string
	brokers int
	topics  map[string]topicAnswer
}

// topicAnswer is what it says of one topic.
type topicAnswer struct {
	id       fencepost.TopicID
	leaders  []int32 // :: partition -> broker, -1: none
	internal bool
	err      error // wraps ErrNoTopic or ErrNoAnswer; the other fields then say nothing
}

// metadata asks any broker about topics; nil: about all.
func (s *Source) metadata(ctx context.Context, names []string) (metadata, error) {
	resp, err := s.anyBroker(ctx, names)
	if err != nil {
		return metadata{}, err
	}
	m := metadata{brokers: len(resp.Brokers), topics: make(map[string]topicAnswer, len(resp.Topics))}
	if resp.ClusterID != nil {
		m.cluster = *resp.ClusterID
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic != nil {
			m.topics[*t.Topic] = s.answer(t)
		}
	}
	for _, name := range names {
		if _, ok := m.topics[name]; !ok {
			m.topics[name] = topicAnswer{err: fmt.Errorf("%w: the broker left topic %s out", fencepost.ErrNoAnswer, name)}
		}
	}
	s.memory.brokers.Store(int64(max(1, m.brokers)))
	s.topics.seen(m.topics)
	return m, nil
}

// patience is how long one broker is waited for alone, where another could be asked.
const patience = 500 * time.Millisecond

// anyBroker asks one broker after the other, each beside those that have not answered yet, and takes the first answer.
// The client alone would wait for the first it picks: one that hangs would look like a silent cluster. Those that
// lost end by the cancel, or, in the midst of a dial, by its time-out or the client's Close; nothing waits for them.
func (s *Source) anyBroker(ctx context.Context, names []string) (*kmsg.MetadataResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		resp *kmsg.MetadataResponse
		err  error
	}
	most := int(max(s.memory.brokers.Load(), int64(len(s.cfg.Brokers))))
	answers := make(chan answer, most)
	ask := func() {
		resp, err := metadataRequest(names).RequestWith(ctx, s.client)
		answers <- answer{resp, err}
	}
	next := time.NewTimer(0)
	defer next.Stop()
	var first error
	for asked, failed := 0, 0; ; {
		select {
		case <-ctx.Done():
			if first == nil {
				first = ctx.Err()
			}
			return nil, first
		case <-next.C:
			go ask()
			if asked++; asked < most {
				next.Reset(patience)
			}
		case a := <-answers:
			if a.err == nil {
				return a.resp, nil
			}
			if first == nil {
				first = a.err
			}
			if failed++; failed == most {
				return nil, first
			}
			if asked < most {
				next.Reset(0)
			}
		}
	}
}

func metadataRequest(names []string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = nil
	for i := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &names[i]
		req.Topics = append(req.Topics, t)
	}
	return req
}

func (s *Source) answer(t *kmsg.MetadataResponseTopic) topicAnswer {
	switch err := kerr.ErrorForCode(t.ErrorCode); {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		return topicAnswer{err: fmt.Errorf("%w %s", fencepost.ErrNoTopic, *t.Topic)}
	case err != nil && !errors.Is(err, kerr.LeaderNotAvailable):
		return topicAnswer{err: s.silence(err, *t.Topic)}
	}
	a := topicAnswer{id: t.TopicID, internal: t.IsInternal || strings.HasPrefix(*t.Topic, "__"), leaders: make([]int32, len(t.Partitions))}
	for i := range a.leaders {
		a.leaders[i] = -1
	}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if p.Partition < 0 || int(p.Partition) >= len(a.leaders) {
			return topicAnswer{err: fmt.Errorf("%w: the broker numbers the partitions of %s wrongly", fencepost.ErrNoAnswer, *t.Topic)}
		}
		if p.ErrorCode == 0 || p.ErrorCode == kerr.ReplicaNotAvailable.Code {
			a.leaders[p.Partition] = p.Leader
		}
	}
	return a
}
