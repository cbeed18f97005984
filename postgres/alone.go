package postgres

import (
	"context"

	"github.com/fencepost/fencepost"
)

var _ fencepost.Checker = (*Ledger)(nil)

// Check looks for the ledger's tables, and whether this user may use or make them. It makes nothing, on a connection of
// its own.
func (l *Ledger) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	s := &Sink{ledger: l, look: session{config: l.session.config}}
	defer s.look.drop()
	if _, err := s.look.open(ctx); err != nil {
		return []fencepost.Finding{finding("ledger", err)}
	}
	return []fencepost.Finding{s.checkLedger(ctx)}
}
