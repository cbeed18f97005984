package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// LayoutConfig names a Kafka group.
type LayoutConfig struct {
	Brokers []string // host:port, at least one
	Group   fencepost.Group

	TLS      TLS
	SASL     SASL
	ClientID string // zero: fencepost

	// Log receives what the client logs; nil: it is dropped. Levels are those of log/slog.
	Log func(level int, msg string, keyvals ...any)
}

// Layout is the plain committed offsets of a Kafka group, whichever program wrote them.
type Layout struct {
	source *Source
	name   string // for messages
}

var _ foreign.LiveLayout = (*Layout)(nil)

// OpenLayout validates the configuration and makes the client. It connects to nothing; the first Foreign or Put does.
func OpenLayout(cfg LayoutConfig) (*Layout, error) {
	if cfg.Group == "" {
		return nil, errors.New("configure kafka group: Group: empty")
	}
	s, err := openWith(Config{Brokers: cfg.Brokers, TLS: cfg.TLS, SASL: cfg.SASL, ClientID: cfg.ClientID, Log: cfg.Log}, topicsByName())
	if err != nil {
		return nil, err
	}
	s.cfg.Group = cfg.Group // after the client was made: it joins nothing
	return &Layout{source: s, name: fmt.Sprintf("kafka://%s?group=%s", cfg.Brokers[0], cfg.Group)}, nil
}

// topicsByName holds the requests for committed offsets to the last versions that name topics: a layout knows no topic IDs.
func topicsByName() kgo.Opt {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.OffsetCommit), 9)
	v.SetMaxKeyVersion(int16(kmsg.OffsetFetch), 9)
	return kgo.MaxVersions(v)
}

// Foreign reads the group's committed offsets.
func (l *Layout) Foreign(ctx context.Context) (f foreign.Offsets, err error) {
	s := l.source
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	committed, err := again(s, func() (kadm.OffsetResponses, error) {
		return kadm.NewClient(s.client).FetchOffsets(asking, string(s.cfg.Group))
	})
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return f, fmt.Errorf("read %s: %w", l.name, s.refusedToRead(ctx, err, s.cfg.Group))
	}
	n := 0
	for _, ps := range committed {
		n += len(ps)
	}
	f.Entries = make([]foreign.Entry, 0, n)
	ours := map[fencepost.LedgerID]int64{}
	for topic, ps := range committed {
		for p, o := range ps {
			tp := fencepost.TopicPartition{Topic: topic, Partition: p}
			if o.Err != nil {
				return foreign.Offsets{}, fmt.Errorf("read %s: %s: %w", l.name, tp, o.Err)
			}
			if o.At == -1 {
				continue // nothing is committed
			}
			if o.At < 0 {
				return foreign.Offsets{}, l.negative(tp, o.At)
			}
			f.Entries = append(f.Entries, l.entry(tp, o.At))
			if id := parseMarks(o.Metadata).Ledger; id != (fencepost.LedgerID{}) {
				ours[id]++
			}
		}
	}
	if len(f.Entries) == 0 {
		if f.Entries = l.starts(asking); len(f.Entries) > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("%s is a share group (KIP-932): these are its start offsets, and records behind them may be done already", s.cfg.Group))
		}
	}
	if s.named() {
		f.Notes = append(f.Notes, fmt.Sprintf("topics that user %s may not DESCRIBE are not in the answer", s.user()))
	}
	slices.SortFunc(f.Entries, func(a, b foreign.Entry) int { return a.TopicPartition.Compare(b.TopicPartition) })
	for id, n := range ours {
		f.Mirror = id
		f.Notes = append(f.Notes, fmt.Sprintf("%s came from the Fencepost ledger %s, which says more about them", text.Plural(n, "offset"), id.Short()))
	}
	slices.Sort(f.Notes)
	return f, nil
}

// entry is one committed offset.
func (l *Layout) entry(tp fencepost.TopicPartition, at int64) foreign.Entry {
	return foreign.Entry{TopicPartition: tp, From: foreign.NoFrom, Until: fencepost.Offset(at), Raw: strconv.FormatInt(at, 10), Where: l.name + " " + tp.String()}
}

// negative refuses an offset that brokers take and no reader can go on at.
func (l *Layout) negative(tp fencepost.TopicPartition, at int64) error {
	return &fencepost.UserError{Code: "layout-damaged", Err: fmt.Errorf("group %s: the committed offset of %s is %d, which is no offset", l.source.cfg.Group, tp, at),
		Help: fmt.Sprintf("kafka-consumer-groups --bootstrap-server %s --group '%s' --topic %s --reset-offsets --to-earliest --execute", l.source.cfg.Brokers[0], l.source.cfg.Group, tp)}
}

// Put commits the ends of the ranges as no member of the group, which the brokers themselves refuse while it has live
// members: the UserError group-live.
func (l *Layout) Put(ctx context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange) error {
	if len(ranges) == 0 {
		return nil
	}
	s := l.source
	tps := slices.SortedFunc(maps.Keys(ranges), fencepost.TopicPartition.Compare)
	for len(tps) > 0 {
		n := min(len(tps), putAtOnce)
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group = string(s.cfg.Group)
		for _, tp := range tps[:n] {
			if !ranges[tp].Valid() {
				return fmt.Errorf("put %s: %s is no range", tp, ranges[tp])
			}
			if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != tp.Topic {
				t := kmsg.NewOffsetCommitRequestTopic()
				t.Topic = tp.Topic
				req.Topics = append(req.Topics, t)
			}
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset = tp.Partition, int64(ranges[tp].Until)
			t := &req.Topics[len(req.Topics)-1]
			t.Partitions = append(t.Partitions, p)
		}
		resp, err := req.RequestWith(ctx, s.client)
		if err != nil {
			return fmt.Errorf("put into %s: %w", l.name, s.refused(ctx, err, s.cfg.Group))
		}
		if err := l.refusal(ctx, resp); err != nil {
			return err
		}
		tps = tps[n:]
	}
	return nil
}

// putAtOnce keeps a request below what the brokers' own topic takes in one piece.
const putAtOnce = 2000

func (l *Layout) refusal(ctx context.Context, resp *kmsg.OffsetCommitResponse) error {
	var refused []string
	s := l.source
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			switch err := kerr.ErrorForCode(p.ErrorCode); {
			case err == nil:
			case errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.IllegalGeneration), errors.Is(err, kerr.RebalanceInProgress):
				members, _ := s.Members(ctx) // for the message only
				return unfencedLive(s.cfg.Brokers[0], s.cfg.Group, max(1, len(members)))
			case errors.Is(err, kerr.TopicAuthorizationFailed):
				return s.mayNot("READ", "topic", t.Topic, nil)
			case errors.Is(err, kerr.GroupAuthorizationFailed):
				return s.mayNot("READ", "group", string(s.cfg.Group), nil)
			default:
				refused = append(refused, fmt.Sprintf("%s:%d %s", t.Topic, p.Partition, code(err)))
			}
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("put into %s: %d refused: %s", l.name, len(refused), strings.Join(refused[:min(3, len(refused))], ", "))
	}
	return nil
}

// unfencedLive refuses to move what other programs' live workers would overwrite.
func unfencedLive(broker string, g fencepost.Group, members int) *fencepost.UserError {
	return &fencepost.UserError{Code: "group-live", Help: "stop them; or a ledger in the sink, where set is safe",
		Err: fmt.Errorf("kafka://%s?group=%s has %s, and Kafka has no Fence", broker, g, text.Plural(members, "live member"))}
}

// Close closes the connections.
func (l *Layout) Close() error {
	l.source.client.Close()
	return nil
}
