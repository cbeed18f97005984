package kafka

import (
	"context"
	"errors"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kgo"
)

// adjust asks the Listener where newly assigned partitions begin, before the client fetches any of them. It never
// errs: the client would take an error for a lost session and join again, and a ledger that is down would make a
// storm of rebalances. It answers every partition with an offset >= 0: one without could not be seeked until the
// next rebalance.
func (s *Source) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	var tps []fencepost.TopicPartition
	for topic, ps := range offsets {
		for p := range ps {
			tps = append(tps, fencepost.TopicPartition{Topic: topic, Partition: p})
		}
	}
	for tp, at := range s.assign(ctx, tps) {
		offsets[tp.Topic][tp.Partition] = at
	}
	return offsets, nil
}

// assign makes partitions held: what the Listener answers, with its pauses set.
func (s *Source) assign(ctx context.Context, tps []fencepost.TopicPartition) map[fencepost.TopicPartition]kgo.Offset {
	if len(tps) == 0 {
		return nil
	}
	slices.SortFunc(tps, fencepost.TopicPartition.Compare)
	s.calls.Lock()
	defer s.calls.Unlock()
	// Asked again about what is held: a rebalance overtook the first answer, or the topic was taken up anew.
	if again := s.drop(tps); len(again) > 0 {
		s.calls.holder.Lost(again)
	}
	starts := s.calls.holder.Assigned(ctx, slices.Clone(tps))
	at := make(map[fencepost.TopicPartition]kgo.Offset, len(tps))
	var pause, resume []fencepost.TopicPartition
	for _, tp := range tps {
		start, answered := starts[tp]
		if !answered || start.Offset < 0 {
			start = source.Start{Paused: true}
			s.cfg.Log(8, "a partition was assigned without a start and stands still", "partition", tp.String())
		}
		at[tp] = kgo.NewOffset().At(int64(start.Offset)).WithEpoch(-1)
		if start.Paused {
			pause = append(pause, tp)
		} else {
			resume = append(resume, tp)
		}
	}
	if len(pause) > 0 {
		s.client.PauseFetchPartitions(partitions(pause))
	}
	s.held.Lock()
	for _, tp := range tps {
		s.held.parts[tp] = &partition{}
	}
	s.held.Unlock()
	// A pause outlives a revoke: one that is left from an earlier assignment would silence this one.
	if len(resume) > 0 {
		s.client.ResumeFetchPartitions(partitions(resume))
	}
	return at
}

// drop lets go of those of tps that are held, and returns them.
func (s *Source) drop(tps []fencepost.TopicPartition) (dropped []fencepost.TopicPartition) {
	s.held.Lock()
	defer s.held.Unlock()
	for _, tp := range tps {
		if _, held := s.held.parts[tp]; held {
			delete(s.held.parts, tp)
			dropped = append(dropped, tp)
		}
	}
	return dropped
}

// holding lists what is held.
func (s *Source) holding() []fencepost.TopicPartition {
	s.held.Lock()
	defer s.held.Unlock()
	tps := make([]fencepost.TopicPartition, 0, len(s.held.parts))
	for tp := range s.held.parts {
		tps = append(tps, tp)
	}
	return tps
}

// joined is the client's word that an assignment is complete, an empty one too.
func (s *Source) joined(context.Context, *kgo.Client, map[string][]int32) {
	s.life.Lock()
	s.life.joined, s.life.member = true, true
	s.life.turn()
	s.life.Unlock()
	if id, generation := s.client.GroupMetadata(); id != "" {
		s.cfg.Member(id, generation)
	}
}

// managing hears of each error by which the client loses its membership; it joins again by itself.
type managing struct{ s *Source }

// OnGroupManageError is a kgo.HookGroupManageError.
func (m managing) OnGroupManageError(error) {
	m.s.life.Lock()
	m.s.life.member = false
	m.s.life.turn()
	m.s.life.Unlock()
}

// Member reports whether the worker is a member of its group now; with explicit partitions, whether it took them.
func (s *Source) Member() bool {
	s.life.Lock()
	defer s.life.Unlock()
	return s.life.member
}

// Reach asks the brokers that are known, on the connections that there are; where none answers in tryTimeout, it connects anew.
//
// Errors: *fencepost.UserError with the cause, as of Ping.
func (s *Source) Reach(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	if s.client.Ping(asking) == nil {
		return nil
	}
	if _, fault := s.probe(ctx); fault != nil {
		fault.Passing = fault.Passing || s.everJoined()
		return fault
	}
	return nil
}

// revoked waits for the Listener to let go. Until it has, the partitions can still be mirrored.
func (s *Source) revoked(ctx context.Context, _ *kgo.Client, given map[string][]int32) {
	s.calls.Lock()
	defer s.calls.Unlock()
	tps := s.leave(flatten(given))
	if len(tps) == 0 {
		return
	}
	s.calls.holder.Revoked(ctx, slices.Clone(tps))
	s.drop(tps)
	s.client.ResumeFetchPartitions(partitions(tps))
}

// leave marks those of tps that are held as leaving, and returns them.
func (s *Source) leave(tps []fencepost.TopicPartition) (leaving []fencepost.TopicPartition) {
	s.held.Lock()
	defer s.held.Unlock()
	for _, tp := range tps {
		if part := s.held.parts[tp]; part != nil {
			part.leaving = true
			leaving = append(leaving, tp)
		}
	}
	return leaving
}

// lost calls the Listener at once; others own the partitions already.
func (s *Source) lost(_ context.Context, _ *kgo.Client, given map[string][]int32) {
	s.calls.Lock()
	defer s.calls.Unlock()
	tps := s.drop(flatten(given))
	if len(tps) == 0 {
		return
	}
	s.calls.holder.Lost(slices.Clone(tps))
	s.client.ResumeFetchPartitions(partitions(tps))
}

func flatten(m map[string][]int32) []fencepost.TopicPartition {
	var tps []fencepost.TopicPartition
	for topic, ps := range m {
		for _, p := range ps {
			tps = append(tps, fencepost.TopicPartition{Topic: topic, Partition: p})
		}
	}
	slices.SortFunc(tps, fencepost.TopicPartition.Compare)
	return tps
}

// takeExplicit takes Config.Partitions, unless a group of that name is alive: its members would fight ours over the
// ledger and the mirror.
func (s *Source) takeExplicit(ctx context.Context) error {
	if s.cfg.Group != "" {
		members, err := s.Members(ctx)
		if err != nil {
			return err
		}
		if len(members) > 0 {
			return s.groupLive(len(members))
		}
	}
	s.addExplicit(ctx, s.cfg.Partitions)
	s.life.Lock()
	s.life.joined, s.life.member = true, true
	s.life.Unlock()
	return nil
}

// addExplicit asks the Listener and begins to read.
func (s *Source) addExplicit(ctx context.Context, tps []fencepost.TopicPartition) {
	add := map[string]map[int32]kgo.Offset{}
	for tp, at := range s.assign(ctx, slices.Clone(tps)) {
		if add[tp.Topic] == nil {
			add[tp.Topic] = map[int32]kgo.Offset{}
		}
		add[tp.Topic][tp.Partition] = at
	}
	s.client.AddConsumePartitions(add)
}

// errNotMember is what a mirror gets before the group was joined.
var errNotMember = errors.New("not a member of the group yet")
