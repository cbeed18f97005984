package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var _ source.GroupLister = (*Source)(nil)

// The kinds of group, as brokers name them. Before Kafka 3.8 they name none: all are classic then.
const (
	kindClassic  = "classic"
	kindConsumer = "consumer" // KIP-848
	kindShare    = "share"    // KIP-932
)

// Groups lists the groups of the cluster that this user may DESCRIBE, with their members and committed offsets.
func (s *Source) Groups(ctx context.Context) ([]source.Group, error) {
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	groups, err := s.listGroups(asking)
	if err != nil {
		return nil, s.unreachable(ctx, err)
	}
	names := map[string][]string{} // :: kind -> groups
	for name, g := range groups {
		names[g.Kind] = append(names[g.Kind], name)
	}
	s.countMembers(asking, groups, names)
	s.countOffsets(asking, groups, names)
	all := make([]source.Group, 0, len(groups))
	for _, g := range groups {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b source.Group) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// listGroups asks every broker for the groups that it coordinates. What one broker does not answer makes the list incomplete, so
// that its error is returned.
func (s *Source) listGroups(ctx context.Context) (map[string]*source.Group, error) {
	all := map[string]*source.Group{}
	for _, shard := range s.client.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		resp, ok := shard.Resp.(*kmsg.ListGroupsResponse)
		if !ok {
			return nil, errNoReply
		}
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return nil, err
		}
		for _, g := range resp.Groups {
			all[g.Group] = &source.Group{Name: fencepost.Group(g.Group), Kind: cmp.Or(strings.ToLower(g.GroupType), kindClassic), State: g.GroupState, Members: source.Unknown}
		}
	}
	return all, nil
}

// countMembers asks each kind of group in its own way. A group that does not answer keeps an unknown number.
func (s *Source) countMembers(ctx context.Context, groups map[string]*source.Group, names map[string][]string) {
	adm := kadm.NewClient(s.client)
	take := func(name, state string, members int, err error) {
		if g := groups[name]; g != nil && err == nil {
			g.State, g.Members = cmp.Or(state, g.State), members
		}
	}
	if list := names[kindClassic]; len(list) > 0 {
		described, _ := again(s, func() (kadm.DescribedGroups, error) { return adm.DescribeGroups(ctx, list...) })
		for name, d := range described {
			take(name, d.State, len(d.Members), d.Err)
		}
	}
	if list := names[kindConsumer]; len(list) > 0 {
		described, _ := again(s, func() (kadm.DescribedConsumerGroups, error) { return adm.DescribeConsumerGroups(ctx, list...) })
		for name, d := range described {
			take(name, d.State, len(d.Members), d.Err)
		}
	}
	if list := names[kindShare]; len(list) > 0 {
		for name, d := range s.shareGroups(ctx, list...) {
			take(name, d.GroupState, len(d.Members), d.Err)
		}
	}
}

// shareGroups describes share groups; what brokers do not say is not in the answer.
func (s *Source) shareGroups(ctx context.Context, names ...string) kadm.DescribedShareGroups {
	described, _ := again(s, func() (kadm.DescribedShareGroups, error) {
		return kadm.NewClient(s.client).DescribeShareGroups(ctx, names...)
	})
	return described
}

// shareOffsets asks where share groups start; what brokers do not say is not in the answer.
func (s *Source) shareOffsets(ctx context.Context, names ...string) kadm.DescribedShareGroupsOffsets {
	described, _ := again(s, func() (kadm.DescribedShareGroupsOffsets, error) {
		return kadm.NewClient(s.client).DescribeShareGroupOffsets(ctx, names...)
	})
	return described
}

// countOffsets asks what each group has committed, and of a share group where its partitions start.
func (s *Source) countOffsets(ctx context.Context, groups map[string]*source.Group, names map[string][]string) {
	committing := slices.Concat(names[kindClassic], names[kindConsumer])
	fetched, _ := again(s, func() (kadm.FetchOffsetsResponses, error) {
		all := kadm.NewClient(s.client).FetchManyOffsets(ctx, committing...)
		return all, all.Error()
	})
	for name, r := range fetched {
		g := groups[name]
		if g == nil || r.Err != nil {
			continue
		}
		for _, partitions := range r.Fetched {
			n := 0
			for _, o := range partitions {
				if o.Err == nil && o.At >= 0 {
					n++
				}
			}
			count(g, n)
		}
	}
	if list := names[kindShare]; len(list) > 0 {
		for name, d := range s.shareOffsets(ctx, list...) {
			for _, partitions := range d.Offsets {
				n := 0
				for _, o := range partitions {
					if o.Err == nil && o.StartOffset >= 0 { // else nothing was acknowledged yet
						n++
					}
				}
				if g := groups[name]; g != nil {
					count(g, n)
				}
			}
		}
	}
}

// Absence says why a group has no offsets: it is what brokers know of the group, and of others whose names are nearly the same.
func (l *Layout) Absence(ctx context.Context) *fencepost.UserError {
	s, name := l.source, l.source.cfg.Group
	missing := func(facts map[string]string, format string, args ...any) *fencepost.UserError {
		return &fencepost.UserError{Code: "ledger-missing", Err: fmt.Errorf("group %s holds no offsets: "+format, append([]any{name}, args...)...), Facts: facts}
	}
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	groups, err := s.listGroups(asking)
	if err != nil {
		return missing(fact("group", string(name)), "and the brokers do not list their groups: %v", err)
	}
	hidden := ""
	if s.named() {
		hidden = fmt.Sprintf(", or user %s may not DESCRIBE it", s.user())
	}
	g := groups[string(name)]
	if g == nil {
		facts := fact("group", string(name))
		if near := nearest(string(name), sorted(groups)); near != "" {
			facts = fact("near", near)
		}
		return missing(facts, "the cluster has no group of that name%s", hidden)
	}
	s.countMembers(asking, map[string]*source.Group{string(name): g}, map[string][]string{g.Kind: {string(name)}})
	switch {
	case g.Kind == kindShare:
		return missing(fact("idle", g.Kind), "it is a share group (KIP-932) whose partitions have no start offset yet")
	case g.Members > 0:
		return missing(fact("live", g.Kind), "it is live, with %s, and has not committed any yet", text.Plural(g.Members, "member"))
	case s.named():
		return s.mayNot("DESCRIBE", "topic", "TOPIC", missing(nil, "it is there, and topics that user %s may not DESCRIBE are not in the answer", s.user()))
	}
	return missing(fact("idle", g.Kind), "it is there, %s, without a member and without a commit: commits expire, or were deleted", cmp.Or(g.State, "idle"))
}

// named reports whether the brokers know this client by a name, whose rights may hide what is there.
func (s *Source) named() bool { return s.cfg.SASL.Mechanism != "" || s.cfg.TLS.Cert != "" }

// User is the name by which the brokers know this client; empty where they know none.
func (s *Source) User() string {
	if !s.named() {
		return ""
	}
	return s.user()
}

// mayNot puts a right that is enough to read into a remedy: f, or kafka-denied where f is nil.
func (s *Source) mayNot(operation, kind, name string, f *fencepost.UserError) *fencepost.UserError {
	if f == nil {
		f = &fencepost.UserError{Code: "kafka-denied", Err: fmt.Errorf("user %s may not %s %s %s", s.user(), operation, kind, name)}
	}
	f.Help = fmt.Sprintf("kafka-acls --bootstrap-server %s --add --allow-principal User:%s --operation %s --%s '%s'",
		s.cfg.Brokers[0], s.user(), strings.ToUpper(operation[:1])+strings.ToLower(operation[1:]), kind, name)
	return f
}

// refusedToRead is refused for a question: DESCRIBE is enough for it. A worker needs READ of the same group all the same, and is
// told so at once.
func (s *Source) refusedToRead(ctx context.Context, err error, g fencepost.Group) error {
	if errors.Is(err, kerr.GroupAuthorizationFailed) && !s.running() {
		return s.mayNot("DESCRIBE", "group", string(g), nil)
	}
	return s.refused(ctx, err, g)
}

var _ foreign.Watched = (*Layout)(nil)

// Readers asks for the group's kind and members.
func (l *Layout) Readers(ctx context.Context) (r foreign.Readers, err error) {
	s, name := l.source, string(l.source.cfg.Group)
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	groups, err := s.listGroups(asking)
	if err != nil {
		return r, fmt.Errorf("ask for the members of group %s: %w", name, s.refusedToRead(ctx, err, s.cfg.Group))
	}
	g := groups[name]
	if g == nil {
		return r, nil
	}
	s.countMembers(asking, map[string]*source.Group{name: g}, map[string][]string{g.Kind: {name}})
	if g.Members == source.Unknown {
		return r, fmt.Errorf("ask for the members of group %s: %w", name, errNoReply)
	}
	r.Kind, r.Members = g.Kind, g.Members
	if g.Kind == kindConsumer {
		r.Note = fmt.Sprintf("group %s speaks KIP-848: its offsets expire by the time of each commit, not by when the group became empty. A partition that was idle for offsets.retention.minutes may lose its offset as soon as the group stops", name)
	}
	return r, nil
}

// starts are a share group's start offsets as entries; nil for a group that is none, or has none.
func (l *Layout) starts(ctx context.Context) (entries []foreign.Entry) {
	name := string(l.source.cfg.Group)
	described := l.source.shareOffsets(ctx, name)[name]
	if described.Err != nil {
		return nil
	}
	for topic, partitions := range described.Offsets {
		for p, o := range partitions {
			if o.Err == nil && o.StartOffset >= 0 {
				entries = append(entries, l.entry(fencepost.TopicPartition{Topic: topic, Partition: p}, o.StartOffset))
			}
		}
	}
	return entries
}

// count adds a topic with so many partitions.
func count(g *source.Group, partitions int) {
	if partitions > 0 {
		g.Topics, g.Partitions = g.Topics+1, g.Partitions+partitions
	}
}
