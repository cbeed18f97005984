package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	answerTimeout = 5 * time.Second // a broker that is silent for this long did not answer
	rounds        = 4               // metadata and questions are repeated while leaders or topic IDs move
)

// question is one of the requests that a broker gets about its partitions.
type question uint8

const (
	earliest question = iota // ListOffsets -2
	stable                   // ListOffsets -1, read_committed
	end                      // ListOffsets -1, read_uncommitted
	atTime                   // ListOffsets by timestamp
	epochEnd                 // OffsetForLeaderEpoch
	questions
)

// reply is what a broker says to one question about one partition.
type reply struct {
	offset int64
	epoch  int32
	code   int16
	came   bool
}

// survey is one call of LogOffsets.
type survey struct {
	source  *Source
	asks    []fencepost.OffsetQuery // sorted by partition, so that replies are found again
	replies [questions][]reply      // :: ask -> reply
	silent  []error                 // :: ask -> why its broker did not answer
	bounds  []fencepost.LogOffsets  // :: ask -> the answer
	pending []int                   // asks without an answer so far
}

// LogOffsets asks metadata, bounds, metadata; while topic IDs or leaders moved in between, again. The requests of one
// round go to all leaders at once, so that a round takes two round trips and what the slowest broker takes.
func (s *Source) LogOffsets(ctx context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	v := &survey{source: s, asks: slices.Clone(asks)}
	slices.SortFunc(v.asks, func(a, b fencepost.OffsetQuery) int { return a.TopicPartition.Compare(b.TopicPartition) })
	v.asks = slices.CompactFunc(v.asks, func(a, b fencepost.OffsetQuery) bool { return a.TopicPartition == b.TopicPartition })
	v.silent = make([]error, len(v.asks))
	v.bounds = make([]fencepost.LogOffsets, len(v.asks))
	for i := range v.asks {
		v.pending = append(v.pending, i)
	}
	v.run(ctx)
	all := make(map[fencepost.TopicPartition]fencepost.LogOffsets, len(v.asks))
	for i, a := range v.asks {
		all[a.TopicPartition] = v.bounds[i]
	}
	return all
}

func (v *survey) run(ctx context.Context) {
	if len(v.asks) == 0 {
		return
	}
	before, err := v.before(ctx)
	for round := 1; err == nil && len(v.pending) > 0; round++ {
		v.ask(ctx, before)
		var after metadata
		if after, err = v.source.metadataSoon(ctx, v.topics()); err != nil {
			break
		}
		v.settle(before, after, round == rounds)
		before = after
		if len(v.pending) > 0 {
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-time.After(time.Duration(round) * 20 * time.Millisecond):
			}
		}
	}
	for _, i := range v.pending {
		v.bounds[i] = fencepost.LogOffsets{EpochEnd: -1, AtTime: -1, EndEpoch: fencepost.NoEpoch, Err: v.source.silence(err, v.asks[i].Topic)}
	}
}

// before is the metadata in front of the first questions: that of a Describe a moment ago, where it has all topics. An older answer is no
// weaker: what holds of a topic before and behind the questions has held in between.
func (v *survey) before(ctx context.Context) (metadata, error) {
	names := v.topics()
	if m, ok := v.source.described.take(names); ok {
		return m, nil
	}
	return v.source.metadataSoon(ctx, names)
}

// described is the metadata of the last Describe, for the LogOffsets that follows it. It is taken once.
type described struct {
	sync.Mutex
	at       time.Time
	metadata *metadata // nil: there is none
}

// describedFor is how long metadata is good for: leaders that have moved since cost a round of questions more.
const describedFor = time.Second

func (d *described) keep(m metadata) {
	d.Lock()
	defer d.Unlock()
	d.at, d.metadata = time.Now(), &m
}

// take returns the metadata where it is fresh and says something of all of these topics.
func (d *described) take(names []string) (metadata, bool) {
	d.Lock()
	defer d.Unlock()
	m := d.metadata
	d.metadata = nil
	if m == nil || time.Since(d.at) > describedFor {
		return metadata{}, false
	}
	for _, name := range names {
		if a, ok := m.topics[name]; !ok || a.err != nil {
			return metadata{}, false
		}
	}
	return *m, true
}

// metadataSoon is metadata with the time-out of one answer.
func (s *Source) metadataSoon(ctx context.Context, names []string) (metadata, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errors.New("no broker answered in 5s"))
	defer cancel()
	m, err := s.metadata(ctx, names)
	if err != nil && context.Cause(ctx) != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return m, err
}

func (v *survey) topics() []string {
	var names []string
	for _, a := range v.asks {
		if n := len(names); n == 0 || names[n-1] != a.Topic {
			names = append(names, a.Topic)
		}
	}
	return names
}

// ask puts all questions about the pending partitions to their leaders, side by side.
func (v *survey) ask(ctx context.Context, m metadata) {
	for q := range v.replies {
		if v.replies[q] == nil {
			v.replies[q] = make([]reply, len(v.asks))
		}
	}
	led := map[int32][]int{} // :: broker -> asks
	for _, i := range v.pending {
		a := v.asks[i]
		for q := range v.replies {
			v.replies[q][i] = reply{}
		}
		v.silent[i] = nil
		t := m.topics[a.Topic]
		if t.err == nil && int(a.Partition) < len(t.leaders) && t.leaders[a.Partition] >= 0 {
			b := t.leaders[a.Partition]
			led[b] = append(led[b], i)
		}
	}
	var wait sync.WaitGroup
	for b, list := range led {
		wait.Go(func() { v.askBroker(ctx, b, list) })
	}
	wait.Wait()
}

// askBroker puts the questions to one broker, none waiting for another's answer; on one connection, unless they are about many partitions.
func (v *survey) askBroker(ctx context.Context, id int32, list []int) {
	most := answerTimeout
	if deadline, ok := ctx.Deadline(); ok { // the others' answers hold only if metadata is asked again behind them
		most = min(most, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var wait sync.WaitGroup
	failed := make([]error, questions)
	for q := range questions {
		subset := list
		switch q {
		case atTime:
			subset = v.where(list, asksTime)
		case epochEnd:
			subset = v.where(list, func(a fencepost.OffsetQuery) bool { return a.LeaderEpoch >= 0 })
		}
		if len(subset) == 0 {
			continue
		}
		wait.Go(func() {
			client, err := v.source.asker(q, len(subset))
			if err != nil {
				failed[q] = err
				return
			}
			broker := client.Broker(int(id))
			resp, err := broker.RetriableRequest(ctx, v.request(q, subset))
			if _, cut := errors.AsType[*kgo.ErrFirstReadEOF](err); cut {
				// The client takes a connection that ends before its first answer for one that wants a login, and asks no more. It may
				// just have been cut.
				resp, err = broker.RetriableRequest(ctx, v.request(q, subset))
			}
			if err != nil {
				failed[q] = err
				return
			}
			v.take(q, subset, resp)
		})
	}
	wait.Wait()
	for _, err := range failed {
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("broker %d did not answer in %s", id, most.Round(100*time.Millisecond))
		} else {
			err = fmt.Errorf("broker %d: %w", id, err)
		}
		for _, i := range list {
			v.silent[i] = err
		}
	}
}

// asksTime reports whether a broker is asked for a time. Below zero its milliseconds mean something else (-1 is the end, -2 the
// beginning): such a time is before all records, and its offset is the earliest.
func asksTime(a fencepost.OffsetQuery) bool { return !a.Time.IsZero() && millis(a.Time) >= 0 }

// millis is the first millisecond at or after t: a record of the one before is older than t.
func millis(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

func (v *survey) where(list []int, keep func(fencepost.OffsetQuery) bool) (subset []int) {
	for _, i := range list {
		if keep(v.asks[i]) {
			subset = append(subset, i)
		}
	}
	return subset
}

// request makes one question about the partitions of list, which is in partition order.
func (v *survey) request(q question, list []int) kmsg.Request {
	if q == epochEnd {
		return v.epochRequest(list)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.TimeoutMillis = int32(answerTimeout.Milliseconds())
	if q == stable {
		req.IsolationLevel = 1
	}
	parts := make([]kmsg.ListOffsetsRequestTopicPartition, len(list))
	for n, i := range list {
		a := v.asks[i]
		p := &parts[n]
		p.Default()
		p.Partition, p.CurrentLeaderEpoch, p.Timestamp = a.Partition, -1, -1
		switch q {
		case earliest:
			p.Timestamp = -2
		case atTime:
			p.Timestamp = millis(a.Time)
		}
		if n == 0 || v.asks[list[n-1]].Topic != a.Topic {
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = a.Topic
			t.Partitions = parts[n:n:len(parts)]
			req.Topics = append(req.Topics, t)
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = t.Partitions[:len(t.Partitions)+1]
	}
	return req
}

func (v *survey) epochRequest(list []int) kmsg.Request {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1
	for n, i := range list {
		a := v.asks[i]
		if n == 0 || v.asks[list[n-1]].Topic != a.Topic {
			t := kmsg.NewOffsetForLeaderEpochRequestTopic()
			t.Topic = a.Topic
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = a.Partition, -1, int32(a.LeaderEpoch)
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, p)
	}
	return req
}

// take files the replies of one answer. Brokers answer in the order of the question; where one does not, the ask is
// searched.
func (v *survey) take(q question, list []int, resp kmsg.Response) {
	n := 0
	file := func(topic string, p int32, r reply) {
		tp := fencepost.TopicPartition{Topic: topic, Partition: p}
		if n >= len(list) || v.asks[list[n]].TopicPartition != tp {
			n = sort.Search(len(list), func(k int) bool { return v.asks[list[k]].TopicPartition.Compare(tp) >= 0 })
			if n == len(list) || v.asks[list[n]].TopicPartition != tp {
				return // not asked
			}
		}
		r.came = true
		v.replies[q][list[n]] = r
		n++
	}
	switch resp := resp.(type) {
	case *kmsg.ListOffsetsResponse:
		for _, t := range resp.Topics {
			for i := range t.Partitions {
				p := &t.Partitions[i]
				file(t.Topic, p.Partition, reply{offset: p.Offset, epoch: p.LeaderEpoch, code: p.ErrorCode})
			}
		}
	case *kmsg.OffsetForLeaderEpochResponse:
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				file(t.Topic, p.Partition, reply{offset: p.EndOffset, epoch: p.LeaderEpoch, code: p.ErrorCode})
			}
		}
	}
}

// settle turns replies into answers, where the topic was the same before and after; the others stay pending.
func (v *survey) settle(before, after metadata, last bool) {
	left := v.pending[:0]
	for _, i := range v.pending {
		a := v.asks[i]
		b, retry := v.settleOne(i, before.topics[a.Topic], after.topics[a.Topic])
		if retry && !last {
			left = append(left, i)
			continue
		}
		v.bounds[i] = b
	}
	v.pending = left
}

// settleOne answers one ask; retry says that asking again may help.
func (v *survey) settleOne(i int, before, after topicAnswer) (b fencepost.LogOffsets, retry bool) {
	a := v.asks[i]
	b = fencepost.LogOffsets{TopicID: after.id, EpochEnd: -1, AtTime: -1, EndEpoch: fencepost.NoEpoch}
	switch {
	case after.err != nil:
		b.Err = after.err
		return b, before.err == nil && !errors.Is(after.err, fencepost.ErrNoTopic)
	case before.err != nil || before.id != after.id:
		b.Err = fmt.Errorf("%w: topic %s changed while it was asked about", fencepost.ErrNoAnswer, a.Topic)
		return b, true
	case int(a.Partition) >= len(after.leaders):
		b.Err = fmt.Errorf("%w and partition: %s has %d partitions, none is number %d", fencepost.ErrNoTopic, a.Topic, len(after.leaders), a.Partition)
		return b, false
	case after.leaders[a.Partition] < 0:
		b.Err = fmt.Errorf("%w: no leader", fencepost.ErrNoAnswer)
		return b, false
	case v.silent[i] != nil:
		b.Err = fmt.Errorf("%w: %w", fencepost.ErrNoAnswer, v.silent[i])
		return b, before.leaders[a.Partition] != after.leaders[a.Partition]
	}
	if err := v.refusal(i); err != nil {
		b.Err = v.source.silence(err, a.Topic)
		return b, kerr.IsRetriable(err) || errors.Is(err, errNoReply)
	}
	v.fill(i, &b)
	return b, false
}

// errNoReply is an answer that leaves a partition out, or says nonsense about it.
var errNoReply = errors.New("the broker's answer leaves the partition out")

// refusal is the first question that was not answered.
func (v *survey) refusal(i int) error {
	a := v.asks[i]
	for q := range questions {
		if q == atTime && !asksTime(a) || q == epochEnd && a.LeaderEpoch < 0 {
			continue
		}
		r := v.replies[q][i]
		switch {
		case r.code != 0:
			return kerr.ErrorForCode(r.code)
		case !r.came, q < atTime && r.offset < 0:
			return errNoReply
		}
	}
	return nil
}

// fill takes the numbers over. They were asked side by side, while the log may have moved: the later of two facts
// that cannot both hold is the larger one, since all three only grow.
func (v *survey) fill(i int, b *fencepost.LogOffsets) {
	a := v.asks[i]
	at := func(q question) fencepost.Offset { return fencepost.Offset(v.replies[q][i].offset) }
	b.Earliest = at(earliest)
	b.LastStableOffset = max(at(stable), b.Earliest)
	b.HighWatermark = max(at(end), b.LastStableOffset)
	b.EndEpoch = fencepost.LeaderEpoch(max(v.replies[end][i].epoch, -1))
	if a.LeaderEpoch >= 0 {
		// (-1, -1): the broker does not know the epoch, which is no verdict.
		b.EpochEnd = max(at(epochEnd), -1)
	}
	switch {
	case asksTime(a):
		b.AtTime = at(atTime)
		if b.AtTime < 0 { // every record is older
			b.AtTime = b.HighWatermark
		}
	case !a.Time.IsZero():
		b.AtTime = b.Earliest
	}
}
