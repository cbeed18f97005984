package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Source reads the partitions that a worker holds, by one client. It implements [source.Source],
// [source.Cluster] and [fencepost.Checker].
//
// A held partition is in one of these states; kgo's pause goes with "failed" and with a Start that is Paused:
//
//	            adjust                      error
//	(not held) -------> reading <--------------------- reading
//	     ^                 |  \_______ failed: its error was handed out once; nothing more until Steer
//	     |  revoked, lost  |              |
//	     +------ leaving <-+--------------+      leaving: Listener.Revoked runs; nothing more comes out of Poll
type Source struct {
	cfg    Config
	client *kgo.Client
	poll   func(context.Context) kgo.Fetches // the client's own
	memory *memory
	topics *topics

	held struct {
		sync.Mutex
		parts map[fencepost.TopicPartition]*partition // :: what Listener.Assigned answered for
	}

	// calls makes the Listener's calls come one at a time. It is never held while the client is called in a way that
	// waits for the client's own callbacks.
	calls struct {
		sync.Mutex
		holder source.Listener
	}

	described  described
	beside     beside
	committing chan struct{} // one mirror commit in flight
	sampleIdle time.Duration // as the constant says
	life       lifetime
	broken     context.Context // ended with a *fencepost.UserError once the source cannot begin at all
	giveUp     context.CancelCauseFunc
}

var (
	_ source.Source       = (*Source)(nil)
	_ source.Cluster      = (*Source)(nil)
	_ source.Reachability = (*Source)(nil)
	_ source.Membership   = (*Source)(nil)
	_ fencepost.Checker   = (*Source)(nil)
)

// partition is what the Source knows of a held partition.
type partition struct {
	failed  bool // its error was handed out; waits for Steer
	leaving bool // being revoked: may still be mirrored, is not read any more
}

// lifetime ends the goroutines of a started Source.
type lifetime struct {
	sync.Mutex
	started bool
	left    bool
	stop    context.CancelFunc
	watch   chan struct{} // closed when the watch has ended
	joined  bool          // a first assignment came
	member  bool          // an assignment came since the membership was last lost
	turned  chan struct{} // closed when an assignment comes or the membership is lost; never nil
}

// turn tells those that wait for an assignment. REQUIRES: the lock.
func (l *lifetime) turn() {
	close(l.turned)
	l.turned = make(chan struct{})
}

// Open validates the configuration and makes the client. It connects to nothing: [Source.Ping] does.
func Open(cfg Config) (*Source, error) { return openWith(cfg) }

// openWith is Open with more options for the client.
func openWith(cfg Config, more ...kgo.Opt) (*Source, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure kafka: %w", err)
	}
	m, err := newMemory(cfg.FetchMemory)
	if err != nil {
		return nil, fmt.Errorf("configure kafka: %w", err)
	}
	s := &Source{cfg: cfg, memory: m, topics: newTopics(cfg), committing: make(chan struct{}, 1), sampleIdle: sampleIdle}
	s.broken, s.giveUp = context.WithCancelCause(context.Background())
	s.held.parts = map[fencepost.TopicPartition]*partition{}
	s.life.turned = make(chan struct{})
	s.client, err = kgo.NewClient(slices.Concat(cfg.connection(), s.consumption(), more)...)
	if err != nil {
		return nil, fmt.Errorf("configure kafka: %w", err)
	}
	s.poll = s.client.PollFetches
	return s, nil
}

// Start joins the group, or takes the explicit partitions after asking h for their Starts.
func (s *Source) Start(ctx context.Context, h source.Listener) error {
	if len(s.cfg.names()) == 0 && s.cfg.Pattern == "" {
		return errors.New("start kafka: no topics, pattern or partitions are configured")
	}
	s.life.Lock()
	if s.life.started || s.life.left {
		s.life.Unlock()
		return errors.New("start kafka: started already")
	}
	s.life.started = true
	s.calls.Lock()
	s.calls.holder = h
	s.calls.Unlock()
	s.life.Unlock()

	if s.cfg.explicit() {
		if err := s.takeExplicit(ctx); err != nil {
			return err
		}
	} else {
		s.client.AddConsumeTopics(s.cfg.Topics...)
	}

	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.life.Lock()
	s.life.stop, s.life.watch = stop, make(chan struct{})
	s.life.Unlock()
	go func() {
		defer close(s.life.watch)
		s.watch(watching)
	}()
	return nil
}

// Group is the group of the Config, which an engine takes over.
func (s *Source) Group() fencepost.Group { return s.cfg.Group }

// Cluster is the Source itself: it asks on the same connections.
func (s *Source) Cluster() source.Cluster { return s }

// Poll waits for records or a failed partition. It returns nothing, and no error, when ctx ends. One Poll hands out
// at most half of Config.FetchMemory.
func (s *Source) Poll(ctx context.Context) ([]source.Fetch, error) {
	polling, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.broken, cancel)()
	for {
		fetches := s.poll(polling)
		if over(polling, fetches) {
			return nil, context.Cause(s.broken)
		}
		fetch, partition, changed := s.memory.polled(fetches)
		if changed {
			s.client.UpdateFetchMaxBytes(fetch, partition)
		}
		chunks, err := s.sort(ctx, fetches)
		if len(chunks) > 0 || err != nil {
			return chunks, err
		}
	}
}

// over reports whether a poll returned nothing but the end of its context. Only the fetch shows it: what the client reports once
// (data loss, a session that ended) may come in the moment in which the context ends.
func over(polling context.Context, fetches kgo.Fetches) bool {
	return polling.Err() != nil && len(fetches) == 1 && fetches.Err0() == polling.Err()
}

// sort makes fetches of what the client fetched. What the client says of its own accord (a session that ended, data
// loss) comes as a fetch without records, and is looked at first: after "data loss" the client goes on by itself from
// where the histories part, and records from there must not be taken for the next ones.
func (s *Source) sort(ctx context.Context, fetches kgo.Fetches) ([]source.Fetch, error) {
	n, failed := 0, []source.Fetch(nil)
	var ended error
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		switch {
		case len(p.Records) > 0:
			n++
		case p.Err == nil || errors.Is(p.Err, errFull) || ended != nil:
		case p.Topic == "":
			ended = s.ends(ctx, p.Err)
		default:
			failed = append(failed, s.fail(p.Topic, p.Partition, p.Err)...)
		}
	})
	if ended != nil {
		s.pauseFailed(failed)
		return nil, ended
	}
	chunks := make([]source.Fetch, 0, n+len(failed))
	lists := make([]records, 0, n)
	for _, f := range fetches {
		for _, t := range f.Topics {
			s.topics.fetched(t.Topic, t.TopicID)
			for i := range t.Partitions {
				p := &t.Partitions[i]
				if len(p.Records) == 0 {
					continue
				}
				if !s.reads(t.Topic, p.Partition) {
					(&records{list: p.Records}).Recycle(0, len(p.Records))
					continue
				}
				if err := s.exactTimes(ctx, p.Records); err != nil {
					(&records{list: p.Records}).Recycle(0, len(p.Records))
					failed = append(failed, s.fail(t.Topic, p.Partition, err)...)
					continue
				}
				lists = append(lists, newRecords(p.Records))
				chunks = append(chunks, chunk(t, p, &lists[len(lists)-1]))
				if p.Err != nil && !errors.Is(p.Err, errFull) {
					failed = append(failed, s.fail(t.Topic, p.Partition, p.Err)...)
				}
			}
		}
	}
	s.pauseFailed(failed)
	return append(chunks, failed...), nil
}

func chunk(t kgo.FetchTopic, p *kgo.FetchPartition, r *records) source.Fetch {
	c := source.Fetch{
		TopicPartition:   fencepost.TopicPartition{Topic: t.Topic, Partition: p.Partition},
		TopicID:          t.TopicID,
		Records:          r,
		LastStableOffset: fencepost.Offset(p.LastStableOffset),
		HighWatermark:    fencepost.Offset(p.HighWatermark),
	}
	if c.LastStableOffset < 0 { // before transactions, or read_uncommitted on some brokers
		c.LastStableOffset = c.HighWatermark
	}
	return c
}

// reads reports whether records of the partition are to be handed out.
func (s *Source) reads(topic string, p int32) bool {
	s.held.Lock()
	defer s.held.Unlock()
	part := s.held.parts[fencepost.TopicPartition{Topic: topic, Partition: p}]
	return part != nil && !part.failed && !part.leaving
}

// pauseFailed pauses the partitions of failed fetches: the client would bring the same error again as fast as the broker
// answers (35,000 times in 1.5 s). All at once: the client copies what is paused at every change of it.
func (s *Source) pauseFailed(failed []source.Fetch) {
	if len(failed) == 0 {
		return
	}
	tps := make([]fencepost.TopicPartition, len(failed))
	for i := range failed {
		tps[i] = failed[i].TopicPartition
	}
	s.client.PauseFetchPartitions(partitions(tps))
}

// fail says once that a partition failed; the caller pauses it. Partition -1 is the whole topic.
func (s *Source) fail(topic string, p int32, err error) []source.Fetch {
	if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
		s.topics.suspect(topic)
	}
	var tps []fencepost.TopicPartition
	fails := func(tp fencepost.TopicPartition, part *partition) {
		if part != nil && !part.failed && !part.leaving {
			part.failed = true
			tps = append(tps, tp)
		}
	}
	s.held.Lock()
	if p >= 0 {
		tp := fencepost.TopicPartition{Topic: topic, Partition: p}
		fails(tp, s.held.parts[tp])
	} else {
		for tp, part := range s.held.parts {
			if tp.Topic == topic {
				fails(tp, part)
			}
		}
	}
	s.held.Unlock()
	if len(tps) == 0 {
		if p < 0 && s.topics.news(topic, err) { // the client brings it ten times a second
			s.cfg.Log(4, "a topic can not be consumed", "topic", topic, "err", err)
		}
		return nil
	}
	slices.SortFunc(tps, fencepost.TopicPartition.Compare)
	chunks := make([]source.Fetch, len(tps))
	for i, tp := range tps {
		chunks[i] = source.Fetch{TopicPartition: tp, Err: &source.PartitionError{TopicPartition: tp, Code: code(err), Err: err}}
	}
	return chunks
}

// ends decides about an error of the client as a whole: most pass, and the client tries again by itself.
func (s *Source) ends(ctx context.Context, err error) error {
	if errors.Is(err, kgo.ErrClientClosed) {
		return &fencepost.UserError{Code: "source-closed", Err: errors.New("the source was left")}
	}
	f := s.membership(ctx, err)
	if f == nil {
		s.cfg.Log(4, "kafka client error", "err", err)
		return nil
	}
	return f
}

// Seek sets where held partitions go on, or pauses them.
func (s *Source) Seek(starts map[fencepost.TopicPartition]source.Start) {
	set := map[string]map[int32]kgo.EpochOffset{}
	var pause, resume []fencepost.TopicPartition
	s.held.Lock()
	for tp, start := range starts {
		if part := s.held.parts[tp]; part == nil || part.leaving {
			continue
		}
		if set[tp.Topic] == nil {
			set[tp.Topic] = map[int32]kgo.EpochOffset{}
		}
		// Epoch -1 always: with another the client moves itself to where histories part, and delivers from there.
		set[tp.Topic][tp.Partition] = kgo.EpochOffset{Epoch: -1, Offset: int64(max(start.Offset, 0))}
		if start.Paused {
			pause = append(pause, tp)
		} else {
			resume = append(resume, tp)
		}
	}
	s.held.Unlock()
	if len(set) == 0 {
		return
	}
	if len(pause) > 0 {
		s.client.PauseFetchPartitions(partitions(pause))
	}
	s.client.SetOffsets(set)
	// Only now: until here a stale error could still come out of the client's buffer, and mark them failed again.
	s.held.Lock()
	for _, tp := range resume {
		if part := s.held.parts[tp]; part != nil {
			part.failed = false
		}
	}
	s.held.Unlock()
	if len(resume) > 0 {
		s.client.ResumeFetchPartitions(partitions(resume))
	}
}

// partitions groups by topic, as the client takes them.
func partitions(tps []fencepost.TopicPartition) map[string][]int32 {
	m := map[string][]int32{}
	for _, tp := range tps {
		m[tp.Topic] = append(m[tp.Topic], tp.Partition)
	}
	return m
}

// leaveGroup has the client leave. franz-go 1.22.3 leaves a KIP-848 group without the instance of a static member, which Apache Kafka 4.3
// refuses (INVALID_REQUEST: InstanceId can't be null): its place would stay taken until its session ends, and its next life be refused.
func (s *Source) leaveGroup(ctx context.Context) error {
	id, epoch := s.client.GroupMetadata()
	err := s.client.LeaveGroupContext(ctx)
	if s.cfg.Protocol != Consumer || s.cfg.InstanceID == "" || s.cfg.explicit() || epoch < 0 || err != nil && !errors.Is(err, kerr.InvalidRequest) {
		return err
	}
	const comesBack = -2 // of KIP-848: a static member that keeps its place
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = string(s.cfg.Group), id, comesBack, &s.cfg.InstanceID
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return err
	}
	return unlessAway(resp.ErrorCode)
}

// Leave gives everything up: Listener.Revoked for what is held, then LeaveGroup (a static member keeps its place: its
// next life takes it again without a rebalance), then the connections. When ctx ends first the rest goes on without
// being waited for.
func (s *Source) Leave(ctx context.Context) error {
	s.life.Lock()
	if s.life.left {
		s.life.Unlock()
		return nil
	}
	s.life.left = true
	stop, watch := s.life.stop, s.life.watch
	s.life.Unlock()
	if stop != nil {
		stop()
	}
	done := make(chan error, 1)
	go func() {
		if watch != nil {
			<-watch
		}
		if s.cfg.explicit() {
			s.revoked(ctx, s.client, partitions(s.holding()))
		}
		err := s.leaveGroup(ctx)
		s.client.Close()
		s.beside.close()
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("leave group %s: %w", s.cfg.Group, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("leave group %s: %w", s.cfg.Group, ctx.Err())
	}
}
