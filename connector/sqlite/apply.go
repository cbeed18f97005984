package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

var _ sink.Applier = (*lane)(nil)

// Apply makes the batch's effects visible, all or none, in a transaction of their own: the same as Commit without the
// compare-and-set and the moves. With Config.NoLedger it needs no table of the ledger.
//
// A batch that is applied again appends its rows again. Where the table has a unique key that Config.Key does not name,
// it meets its own rows and is refused.
func (l *lane) Apply(ctx context.Context, b *fencepost.Batch) error {
	err := l.effects(ctx, b, func(c *conn) error {
		return c.write(ctx, func() error { return l.effect.apply(ctx, c, b) })
	})
	if err != nil {
		return fmt.Errorf("apply batch: %w", err)
	}
	return nil
}

// Try makes the batch's effects under the lock and rolls them back.
func (l *lane) Try(ctx context.Context, b *fencepost.Batch) error {
	err := l.effects(ctx, b, func(c *conn) error { return fault(c.path, c.undone(ctx, l.effect, b)) })
	if err != nil {
		return fmt.Errorf("try batch: %w", err)
	}
	return nil
}

// effects does what needs no lock for a batch that has rows, then the rest, and gives a connection up that is in doubt.
func (l *lane) effects(ctx context.Context, b *fencepost.Batch, rest func(*conn) error) error {
	if b.Rows() == 0 {
		return nil
	}
	c, err := l.connect(ctx)
	if err != nil {
		return err
	}
	err = c.interruptible(ctx, func() error { return l.effect.before(ctx, c, b) })
	if err != nil {
		err = fault(c.path, errors.Join(err, c.rollback()))
	} else {
		err = rest(c)
	}
	if doubtful(err) {
		l.effect.forget()
		l.disconnect()
	}
	return err
}
