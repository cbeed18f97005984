package kafka

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
)

// Describe names the cluster and the consumed topics. With a pattern those that match it now.
func (s *Source) Describe(ctx context.Context) (source.Description, error) {
	names := s.cfg.names()
	if len(names) == 0 && s.cfg.Pattern == "" {
		names = []string{} // nothing is consumed: the cluster only
	}
	m, err := s.describe(ctx, names)
	if err != nil {
		return source.Description{}, s.unreachable(ctx, err)
	}
	s.described.keep(m)
	only := partitions(s.cfg.Partitions) // empty where the group decides
	d := source.Description{ClusterID: m.cluster, Topics: map[string]fencepost.Topic{}, Errs: map[string]error{}}
	for name, a := range s.consumed(m) {
		if a.err != nil {
			d.Errs[name] = a.err
			continue
		}
		d.Topics[name] = fencepost.Topic{ID: a.id, Partitions: int32(len(a.leaders)), Only: only[name]}
	}
	return d, nil
}

// describe asks metadata; an empty list is no topic, nil is every topic.
func (s *Source) describe(ctx context.Context, names []string) (metadata, error) {
	if names != nil && len(names) == 0 {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		return s.brokersOnly(ctx)
	}
	return s.metadataSoon(ctx, names)
}
