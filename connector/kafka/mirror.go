package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// marksPrefix begins the metadata of a commit that is ours, with the version of its form:
//
//	fencepost/1 ledger=b1946ac921494f0d9c5e0d7a3c1e8f42 topic=4dYkQ3v9TQyq0b7sWm1z2A fence=1f0a4c9be27d5530 at=7572312875143250001/2 member=fencepost-7c1d8f42 who=26011@node3
//
// The values of member and who are escaped as parts of a URL's path.
//
// Later versions may add fields; a reader passes over names that it does not know.
const marksPrefix = "fencepost/1"

// mostMetadata is how many bytes of metadata brokers take (offset.metadata.max.bytes). A longer one would fail the commit.
const mostMetadata = 4096

// marks writes what is ours of a CommittedOffset. What is not known is left out.
func marks(m fencepost.CommittedOffset) string {
	text := fmt.Sprintf("%s ledger=%s topic=%s", marksPrefix, m.Ledger, m.TopicID)
	if m.Fence != 0 {
		text += fmt.Sprintf(" fence=%016x", m.Fence)
	}
	if m.Place != (fencepost.Place{}) {
		text += " at=" + m.Place.String()
	}
	signed := text + " member=" + url.PathEscape(m.Member) + " who=" + url.PathEscape(m.Who)
	if m.Member == "" || len(signed) > mostMetadata {
		return text
	}
	return signed
}

// parseMarks reads them. Another program's metadata, a broken one too, gives zeros: nothing is known then.
func parseMarks(metadata string) (m fencepost.CommittedOffset) {
	none := m
	fields := strings.Fields(metadata)
	if len(fields) == 0 || fields[0] != marksPrefix {
		return none
	}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "ledger":
			b, err := hex.DecodeString(value)
			if err != nil || len(b) != len(m.Ledger) {
				return none
			}
			m.Ledger = fencepost.LedgerID(b)
		case "topic":
			id, err := fencepost.ParseTopicID(value)
			if err != nil {
				return none
			}
			m.TopicID = id
		case "fence":
			fence, err := strconv.ParseUint(value, 16, 63)
			if err != nil {
				return none
			}
			m.Fence = int64(fence)
		case "at":
			m.Place = fencepost.ParsePlace(value)
		case "member":
			m.Member, _ = url.PathUnescape(value)
		case "who":
			m.Who, _ = url.PathUnescape(value)
		}
	}
	if m.Member == "" {
		m.Who = ""
	}
	return m
}

// CommittedOffsets reads the committed offsets of a group.
func (s *Source) CommittedOffsets(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	committed, err := s.fetchOffsets(ctx, g)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return map[fencepost.TopicPartition]fencepost.CommittedOffset{}, nil
	}
	if err != nil {
		return nil, s.refusedToRead(ctx, err, g)
	}
	all := map[fencepost.TopicPartition]fencepost.CommittedOffset{}
	for topic, ps := range committed {
		for p, o := range ps {
			if o.Err != nil {
				return nil, fmt.Errorf("read committed offset of %s:%d: %w", topic, p, o.Err)
			}
			if o.At < 0 {
				continue
			}
			m := parseMarks(o.Metadata)
			m.Offset, m.LeaderEpoch = fencepost.Offset(o.At), fencepost.LeaderEpoch(o.LeaderEpoch)
			all[fencepost.TopicPartition{Topic: topic, Partition: p}] = m
		}
	}
	return all, nil
}

// fetchOffsets asks the group's coordinator, and again while it moves: for some seconds after a broker died, or was
// started, the group has none.
func (s *Source) fetchOffsets(ctx context.Context, g fencepost.Group) (kadm.OffsetResponses, error) {
	patience, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		committed, err := again(s, func() (kadm.OffsetResponses, error) { return kadm.NewClient(s.client).FetchOffsets(ctx, string(g)) })
		if !coordinatorMoves(err) {
			return committed, err
		}
		select {
		case <-patience.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// Mirror commits offsets. In the group that this Source joined it commits as its member, and only what it holds: the
// broker itself does not check that. One commit is in flight at a time.
func (s *Source) Mirror(ctx context.Context, g fencepost.Group, offsets map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	select {
	case s.committing <- struct{}{}:
		defer func() { <-s.committing }()
	case <-ctx.Done():
		return fmt.Errorf("mirror offsets: %w", ctx.Err())
	}
	req, err := s.commit(ctx, g, offsets)
	if err != nil || len(req.Topics) == 0 {
		return err
	}
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return fmt.Errorf("mirror offsets: %w", err)
	}
	var refused []string
	for i, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				name := t.Topic
				if name == "" && i < len(req.Topics) { // from version 10 on answers carry IDs
					name = req.Topics[i].Topic
				}
				refused = append(refused, fmt.Sprintf("%s:%d %s", name, p.Partition, code(err)))
			}
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("mirror offsets: %d refused: %s", len(refused), strings.Join(refused[:min(3, len(refused))], ", "))
	}
	return nil
}

// commit makes the request, as a member where this Source is one.
func (s *Source) commit(ctx context.Context, g fencepost.Group, offsets map[fencepost.TopicPartition]fencepost.CommittedOffset) (*kmsg.OffsetCommitRequest, error) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = string(g)
	member := g == s.cfg.Group && !s.cfg.explicit() && s.running()
	if member {
		if req.MemberID, req.Generation = s.client.GroupMetadata(); req.MemberID == "" {
			return nil, fmt.Errorf("mirror offsets: %w", errNotMember)
		}
		if s.cfg.InstanceID != "" {
			req.InstanceID = &s.cfg.InstanceID
		}
	}
	for _, tp := range slices.SortedFunc(maps.Keys(offsets), fencepost.TopicPartition.Compare) {
		if member && !s.holds(tp) {
			continue
		}
		m := offsets[tp]
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != tp.Topic {
			t := kmsg.NewOffsetCommitRequestTopic()
			t.Topic = tp.Topic
			t.TopicID = s.topicID(ctx, tp.Topic, m.TopicID)
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch = tp.Partition, int64(m.Offset), int32(m.LeaderEpoch)
		text := marks(m)
		p.Metadata = &text
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, p)
	}
	return req, nil
}

// topicID is the ID that a commit goes under: the position's own, so that the broker refuses one for a topic that is
// gone; where a position has none, the epoch of the brokers' last answer.
func (s *Source) topicID(ctx context.Context, name string, own fencepost.TopicID) fencepost.TopicID {
	if own != (fencepost.TopicID{}) {
		return own
	}
	if id := s.topics.id(name); id != (fencepost.TopicID{}) {
		return id
	}
	m, err := s.metadata(ctx, []string{name})
	if err != nil {
		return own // the commit will fail by itself
	}
	return m.topics[name].id
}

func (s *Source) running() bool {
	s.life.Lock()
	defer s.life.Unlock()
	return s.life.started
}

// holds reports whether a partition is held, one that is being revoked too.
func (s *Source) holds(tp fencepost.TopicPartition) bool {
	s.held.Lock()
	defer s.held.Unlock()
	return s.held.parts[tp] != nil
}
