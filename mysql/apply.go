package mysql

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

var _ sink.Applier = (*lane)(nil)

// Apply makes the batch's effects visible, all or none, in a transaction of their own: the same as Commit without the
// compare-and-set and the moves. It needs no table of the ledger.
//
// A batch that is applied again appends its rows again. Where the table has a unique key that Config.Key does not name,
// it meets its own rows and is refused (1062).
func (l *lane) Apply(ctx context.Context, b *fencepost.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	l.moves = l.moves[:0]
	err := l.planned(ctx, b)
	switch {
	case err != nil:
	case l.form == formHandle:
		err = l.handle(ctx, ledger.Writer{}, b, "")
	default:
		err = l.rows(ctx, ledger.Writer{}, b, "")
	}
	l.lookAgain(err)
	if err != nil {
		return fmt.Errorf("apply batch: %w", err)
	}
	return nil
}
