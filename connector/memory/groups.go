package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Groups = (*Store)(nil)

// Groups lists the groups that moved once.
func (s *Store) Groups(context.Context) ([]fencepost.Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.version > version {
		return nil, ledger.ErrNewer
	}
	return slices.Sorted(maps.Keys(s.mu.groups)), nil
}
