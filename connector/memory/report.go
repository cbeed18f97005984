package memory

import (
	"context"
	"maps"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Reports is a copy of a group's texts.
func (s *Store) Reports(ctx context.Context, name fencepost.Group) (map[string]string, error) {
	if err := s.reportable(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.mu.reports[name]), nil
}

// PutReports replaces the texts of these subjects.
func (s *Store) PutReports(ctx context.Context, name fencepost.Group, texts map[string]string) error {
	if err := s.reportable(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := maps.Clone(s.mu.reports[name])
	if kept == nil {
		kept = map[string]string{}
	}
	for subject, text := range texts {
		if kept[subject] = text; text == "" {
			delete(kept, subject)
		}
	}
	s.mu.reports[name] = kept
	return nil
}

// reportable is why the store takes no reports now.
func (s *Store) reportable(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.mu.version > version:
		return ledger.ErrNewer
	case s.mu.silent:
		return ledger.ErrNoReports
	}
	return nil
}

// KeepNoReports makes the store one that has no place for reports, as a ledger of an earlier release.
func (s *Store) KeepNoReports() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.silent = true
}
