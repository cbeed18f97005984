package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Read returns the group's content. It fences nobody: it reads the topic, then the committed offsets, then the topic
// again, until nothing moved in between and both agree: a transaction that is committed shows in the one a little before
// the other.
func (l *Ledger) Read(ctx context.Context, g fencepost.Group) (fencepost.Snapshot, error) {
	s, err := l.snapshot(ctx, g)
	if err != nil {
		return s, fmt.Errorf("read group %s: %w", g, l.fault(ctx, err, g))
	}
	return s, nil
}

// quiet is how long a Read waits for a group that moves all the time to stand still for one round trip, or for a copy of
// ours to become that of its position. What does not is taken as it is.
const quiet = 2 * time.Second

func (l *Ledger) snapshot(ctx context.Context, g fencepost.Group) (fencepost.Snapshot, error) {
	began := time.Now()
	b, err := l.decided(ctx, g)
	if err != nil {
		return fencepost.Snapshot{}, err
	}
	for try := 1; ; try++ {
		h, err := l.home(ctx)
		if err != nil {
			return fencepost.Snapshot{}, err
		}
		s := fencepost.Snapshot{Ledger: h.identity(), ClusterID: b.head.Cluster, Roster: maps.Clone(b.roster)}
		var committed map[fencepost.TopicPartition]commitment
		if b.known && l.own(b.head.Cluster, h.cluster) {
			if committed, err = l.committed(ctx, g, nil, 0); err != nil {
				return s, err
			}
		}
		after, err := l.decided(ctx, g)
		if err != nil {
			return s, err
		}
		moves, late := after.changes != b.changes, time.Since(began) > quiet
		if moves && late {
			// A copy with our marks that differs is the next move's.
			maps.DeleteFunc(committed, func(_ fencepost.TopicPartition, c commitment) bool { return c.ledger == h.identity() })
		}
		if late || !moves && !b.differs(committed, h.identity()) {
			s.Positions = b.rows(committed, h.identity())
			return s, nil
		}
		b = after
		if err := pause(ctx, concurrent(try)); err != nil {
			return s, err
		}
	}
}

// decided is the group's book once no transaction of the group stands between its decision and its markers. One that is
// still open has decided nothing: a stopped mover keeps no reader waiting.
func (l *Ledger) decided(ctx context.Context, g fencepost.Group) (b *book, err error) {
	first, before := int64(-1), int64(-1)
	waits, since := int64(-1), time.Time{} // for the markers of the transaction at that offset
	for try := 1; ; try++ {
		err := l.watching(ctx, func(v *view) { b, first = v.book(g).clone(), v.unfinished(g) })
		if err != nil || first < 0 || first == before {
			return b, err
		}
		before = -1
		undecided, err := l.undecided(ctx, g)
		if err != nil {
			return nil, err
		}
		if undecided {
			before = first // if it is the same transaction that is there when we look again, it was this one
			continue
		}
		switch {
		case waits != first:
			waits, since = first, time.Now()
		case time.Since(since) > hangPatience:
			if err := l.free(ctx, g); err != nil {
				return nil, err
			}
			waits = -1
		}
		if err := pause(ctx, concurrent(try)); err != nil {
			return nil, err
		}
	}
}

// undecided reports whether the group's transaction is open, and neither committed nor aborted.
func (l *Ledger) undecided(ctx context.Context, g fencepost.Group) (bool, error) {
	id := l.transactionalID(g)
	node, err := l.coordinator(ctx, transactions, id)
	if err != nil {
		return false, err
	}
	s, err := l.described(ctx, node, g)
	switch {
	case movedAway(err):
		l.forget()
		return false, nil
	case err != nil:
		return false, err
	}
	return s != nil && s.State == "Ongoing", nil
}

// committed reads the group's committed offsets: of tps, or all. For as long as patience it waits for those that an open
// transaction of anybody is about to replace; without any it takes them as they are.
func (l *Ledger) committed(ctx context.Context, g fencepost.Group, tps []fencepost.TopicPartition, patience time.Duration) (map[fencepost.TopicPartition]commitment, error) {
	single, many := kmsg.NewPtrOffsetFetchRequest(), kmsg.NewOffsetFetchRequestGroup()
	single.RequireStable, single.Group, many.Group = patience > 0, string(g), string(g)
	for _, tp := range tps {
		if n := len(many.Topics); n == 0 || many.Topics[n-1].Topic != tp.Topic {
			one, other := kmsg.NewOffsetFetchRequestTopic(), kmsg.NewOffsetFetchRequestGroupTopic()
			one.Topic, other.Topic = tp.Topic, tp.Topic
			single.Topics, many.Topics = append(single.Topics, one), append(many.Topics, other)
		}
		n := len(many.Topics) - 1
		many.Topics[n].Partitions = append(many.Topics[n].Partitions, tp.Partition)
		single.Topics[n].Partitions = many.Topics[n].Partitions
	}
	single.Groups = append(single.Groups, many)
	began := time.Now()
	for try := 1; ; try++ {
		all, err := l.askCommitted(ctx, g, single)
		unstable := errors.Is(err, kerr.UnstableOffsetCommit)
		if err == nil || !movedAway(err) && !unstable || unstable && time.Since(began) > patience {
			return all, err
		}
		if movedAway(err) {
			l.forgetCoordinator(groups, string(g))
		}
		if err := pause(ctx, concurrent(try)); err != nil {
			return nil, fmt.Errorf("read committed offsets: %w", err)
		}
	}
}

func (l *Ledger) askCommitted(ctx context.Context, g fencepost.Group, req *kmsg.OffsetFetchRequest) (map[fencepost.TopicPartition]commitment, error) {
	node, err := l.coordinator(ctx, groups, string(g))
	if err != nil {
		return nil, err
	}
	resp, err := once[*kmsg.OffsetFetchResponse](ctx, l, node, req)
	if err != nil {
		return nil, err
	}
	all := map[fencepost.TopicPartition]commitment{}
	file := func(topic string, p int32, offset int64, metadata *string, code int16) {
		if e := kerr.ErrorForCode(code); e != nil && err == nil {
			err = fmt.Errorf("read committed offset of %s:%d: %w", topic, p, e)
		}
		if offset < 0 {
			return
		}
		c := commitment{offset: fencepost.Offset(offset)}
		if metadata != nil {
			c.ledger, _ = parseMarks(*metadata)
			c.fence = parseFence(*metadata)
		}
		all[fencepost.TopicPartition{Topic: topic, Partition: p}] = c
	}
	err = kerr.ErrorForCode(resp.ErrorCode)
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			file(t.Topic, p.Partition, p.Offset, p.Metadata, p.ErrorCode)
		}
	}
	for _, one := range resp.Groups {
		err = cmp.Or(err, kerr.ErrorForCode(one.ErrorCode))
		for _, t := range one.Topics {
			for _, p := range t.Partitions {
				file(t.Topic, p.Partition, p.Offset, p.Metadata, p.ErrorCode)
			}
		}
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return all, nil
	}
	return all, err
}

// Moves yields the recorded moves in the order in which they, or the first commits of merged ones, were made. It reads
// the whole topic.
func (l *Ledger) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[fencepost.Recorded, error] {
	return func(yield func(fencepost.Recorded, error) bool) {
		all, err := l.history(ctx, g)
		if err != nil {
			yield(fencepost.Recorded{}, fmt.Errorf("read moves of group %s: %w", g, l.fault(ctx, err, g)))
			return
		}
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (l *Ledger) history(ctx context.Context, g fencepost.Group) ([]fencepost.Recorded, error) {
	if _, err := l.decided(ctx, g); err != nil {
		return nil, err
	}
	type told struct {
		seq int64
		fencepost.Recorded
	}
	moves := map[int64]told{} // :: seq -> the move
	v := newView()
	v.story = func(f fact) {
		if f.group == g {
			moves[f.seq] = told{f.seq, f.move.recorded()}
		}
	}
	if err := l.catchUp(ctx, v); err != nil {
		return nil, err
	}
	all := slices.Collect(maps.Values(moves))
	for tp, p := range v.book(g).positions {
		if p.Run != nil {
			all = append(all, told{p.Run.Seq, p.closed(tp).recorded()})
		}
	}
	slices.SortFunc(all, func(a, b told) int { return cmp.Compare(a.seq, b.seq) })
	list := make([]fencepost.Recorded, len(all))
	for i, t := range all {
		list[i] = t.Recorded
	}
	return list, nil
}

// coordinates name what a coordinator is asked for.
type coordinates struct {
	of   coordinated
	name string
}

type coordinated uint8

const (
	groups coordinated = iota
	transactions
)

// coordinator is the broker that keeps a group or a transactional ID.
func (l *Ledger) coordinator(ctx context.Context, of coordinated, name string) (int32, error) {
	key := coordinates{of, name}
	l.where.Lock()
	node, known := l.where.coordinators[key]
	l.where.Unlock()
	if known {
		return node, nil
	}
	adm := kadm.NewClient(l.source.client)
	for try := 1; ; try++ {
		asking, cancel := context.WithTimeout(ctx, answerTimeout)
		var found kadm.FindCoordinatorResponses
		if of == groups {
			found = adm.FindGroupCoordinators(asking, name)
		} else {
			found = adm.FindTxnCoordinators(asking, name)
		}
		cancel()
		r, ok := found[name]
		if !ok {
			return 0, errNoReply
		}
		switch {
		case r.Err == nil:
			l.where.Lock()
			l.where.coordinators[key] = r.NodeID
			l.where.Unlock()
			return r.NodeID, nil
		case !movedAway(r.Err):
			return 0, r.Err
		}
		// The brokers are making the topic that coordinators keep, or are choosing one.
		if err := pause(ctx, backoff(try)); err != nil {
			return 0, errors.Join(r.Err, err)
		}
	}
}

func (l *Ledger) forgetCoordinator(of coordinated, name string) {
	l.where.Lock()
	defer l.where.Unlock()
	delete(l.where.coordinators, coordinates{of, name})
}

func (l *Ledger) forgetHome() {
	l.where.Lock()
	defer l.where.Unlock()
	l.where.home = nil
}

// forget drops all that is known of who leads what.
func (l *Ledger) forget() {
	l.where.Lock()
	defer l.where.Unlock()
	l.where.home = nil
	clear(l.where.coordinators)
}
