package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Groups = (*Ledger[Session])(nil)

const groupsSQL = "select group_name from @groups where group_name <> '' union select group_name from @ledger"

// Groups lists the groups of both tables: one whose header row was deleted has positions all the same. Like Exists it makes no
// tables.
func (l *Ledger[S]) Groups(ctx context.Context) ([]fencepost.Group, error) {
	if err := l.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.turn.give()
	if _, err := l.session.Open(ctx); err != nil {
		return nil, err
	}
	f, err := l.dialect.Find(ctx, l.session)
	if err != nil || !f.Complete() {
		return nil, err
	}
	res, err := l.session.Exec(ctx, l.dialect.fill(groupsSQL, f.Tables, ""))
	if err != nil {
		return nil, fmt.Errorf("list the ledger's groups: %w", l.dialect.failed(ctx, l.session, err))
	}
	var all []fencepost.Group
	for _, row := range res[0] {
		all = append(all, fencepost.Group(row[0]))
	}
	slices.Sort(all)
	return all, nil
}
