package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Member is one live member of the group.
type Member struct {
	ID         string
	InstanceID string // empty: dynamic
	ClientID   string
	Host       string
	Partitions []fencepost.TopicPartition
}

// MemberCount is part of source.MemberCounter.
func (s *Source) MemberCount(ctx context.Context) (int, error) {
	members, err := s.Members(ctx)
	return len(members), err
}

// Members describes the group, whichever protocol it speaks: a KIP-848 group is "dead" to the classic question, and
// a classic one unknown to the new one, so both are asked. A group that does not exist has none.
func (s *Source) Members(ctx context.Context) ([]Member, error) {
	adm, name := kadm.NewClient(s.client), string(s.cfg.Group)
	classic, err := again(s, func() (kadm.DescribedGroups, error) { return adm.DescribeGroups(ctx, name) })
	if err == nil {
		err = classic[name].Err
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, s.refusedToRead(ctx, err, s.cfg.Group)
	}
	var all []Member
	for _, m := range classic[name].Members {
		one := Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
		if m.InstanceID != nil {
			one.InstanceID = *m.InstanceID
		}
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range a.Topics {
				one.Partitions = append(one.Partitions, flatten(map[string][]int32{t.Topic: t.Partitions})...)
			}
		}
		all = append(all, one)
	}
	if len(all) > 0 {
		return all, nil
	}
	return s.consumerMembers(ctx, adm)
}

// consumerMembers asks the KIP-848 question. A broker without it has no such groups.
func (s *Source) consumerMembers(ctx context.Context, adm *kadm.Client) ([]Member, error) {
	name := string(s.cfg.Group)
	groups, err := again(s, func() (kadm.DescribedConsumerGroups, error) { return adm.DescribeConsumerGroups(ctx, name) })
	if err == nil {
		err = groups[name].Err
	}
	switch {
	case errors.Is(err, kerr.GroupIDNotFound), errors.Is(err, kerr.UnsupportedVersion):
		return nil, nil
	case err != nil && tooOld(err):
		return nil, nil
	case err != nil:
		return nil, s.refusedToRead(ctx, err, s.cfg.Group)
	}
	var all []Member
	for _, m := range groups[name].Members {
		one := Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
		if m.InstanceID != nil {
			one.InstanceID = *m.InstanceID
		}
		for topic, ps := range m.Assignment {
			for p := range ps {
				one.Partitions = append(one.Partitions, fencepost.TopicPartition{Topic: topic, Partition: p})
			}
		}
		slices.SortFunc(one.Partitions, fencepost.TopicPartition.Compare)
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// Membership is part of source.Membership. A source with explicit partitions, or of no group, has none.
func (s *Source) Membership() (source.Member, <-chan struct{}) {
	s.life.Lock()
	turned := s.life.turned
	s.life.Unlock()
	id, _ := s.client.GroupMetadata()
	return source.Member{ID: id, Instance: s.cfg.InstanceID}, turned
}

// Peers is part of source.Membership.
func (s *Source) Peers(ctx context.Context) ([]source.Member, error) {
	members, err := s.Members(ctx)
	all := make([]source.Member, len(members))
	for i, m := range members {
		all[i] = source.Member{ID: m.ID, Instance: m.InstanceID}
	}
	return all, err
}

// EvictsFirst is part of source.Membership. A classic group that is emptied makes its next member wait
// (group.initial.rebalance.delay.ms, 3 s); one of KIP-848 makes the next one wait that joins beside the dead.
func (s *Source) EvictsFirst() bool { return s.cfg.Protocol == Consumer }

// Evict is part of source.Membership. Any client that may READ the group can request it. The fence in the ledger makes a wrong
// eviction harmless: the evicted one's next commit is refused or its next heartbeat is.
func (s *Source) Evict(ctx context.Context, members ...source.Member) error {
	if len(members) == 0 {
		return nil
	}
	evict := s.evictClassic
	if s.cfg.Protocol == Consumer {
		evict = s.evictConsumer
	}
	if err := evict(ctx, members); err != nil {
		return fmt.Errorf("evict from group %s: %w", s.cfg.Group, s.refused(ctx, err, s.cfg.Group))
	}
	return nil
}

const (
	// assignsEvery is how often the coordinator of a KIP-848 group assigns at most, and some (group.consumer.assignment.interval.ms, 1 s): what
	// comes before may be of an earlier change, and nothing says so.
	assignsEvery = 1500 * time.Millisecond
	// rejoinEvery is how often a member of one asks for its share meanwhile.
	rejoinEvery = 100 * time.Millisecond
)

// Rejoin is part of source.Membership. A KIP-848 member that asked once, or until any answer, would hear of the next assignment with its
// next heartbeat, 5 s later. An assignment of nothing is not the end of it either: that is what a member gets which joins within the second of
// another change.
func (s *Source) Rejoin(ctx context.Context) {
	if s.cfg.Protocol != Consumer {
		s.ask()
		return
	}
	_, turned := s.Membership()
	tick := time.NewTicker(rejoinEvery)
	defer tick.Stop()
	began, assigned := time.Now(), false
	for {
		s.ask()
		select {
		case <-ctx.Done():
			return
		case <-turned:
			assigned = len(s.holding()) > 0
			_, turned = s.Membership()
		case <-tick.C:
		}
		if assigned && time.Since(began) >= assignsEvery {
			return
		}
	}
}

// ask asks for this worker's share once. Where it has not joined yet, joining does.
func (s *Source) ask() {
	if s.running() {
		s.client.ForceRebalance()
	}
}

func (s *Source) evictClassic(ctx context.Context, members []source.Member) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = string(s.cfg.Group)
	for _, gone := range members {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = gone.ID // never by the instance alone: that would remove a worker that has come back under its name
		m.Reason = kmsg.StringPtr("its process is gone")
		req.Members = append(req.Members, m)
	}
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return err
	}
	errs := []error{unlessAway(resp.ErrorCode)}
	for _, m := range resp.Members {
		errs = append(errs, unlessAway(m.ErrorCode))
	}
	return errors.Join(errs...)
}

func (s *Source) evictConsumer(ctx context.Context, members []source.Member) error {
	var errs []error
	for _, gone := range members {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Group, req.MemberID, req.MemberEpoch = string(s.cfg.Group), gone.ID, -1
		resp, err := req.RequestWith(ctx, s.client)
		if err != nil {
			return err
		}
		errs = append(errs, unlessAway(resp.ErrorCode))
	}
	return errors.Join(errs...)
}

// unlessAway is the error of a code, but for those that say that the member is not there.
func unlessAway(code int16) error {
	err := kerr.ErrorForCode(code)
	if errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.GroupIDNotFound) {
		return nil
	}
	return err
}
