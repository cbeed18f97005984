package mysql

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Finder = (*Ledger)(nil)

// Exists reports whether the database has a ledger, and makes none: Read would.
func (l *Ledger) Exists(ctx context.Context, _ fencepost.Group) (bool, error) {
	if err := l.turn.take(ctx); err != nil {
		return false, err
	}
	defer l.turn.give()
	if _, err := l.session.open(ctx); err != nil {
		return false, err
	}
	f, err := findTables(ctx, &l.session)
	return f.complete(), err
}
