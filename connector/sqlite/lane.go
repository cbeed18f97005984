package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

var _ sink.Trier = (*lane)(nil)

// lane is the one stream of commits into the file, on a connection of its own.
type lane struct {
	cfg    Config
	effect effect
	conn   *conn             // nil: opened by the next Commit
	tamper func(point) error // for tests: see conn
}

// effect is what becomes of a batch inside its transaction.
type effect interface {
	// before does what needs no lock: compile, fill the temporary table.
	before(context.Context, *conn, *fencepost.Batch) error
	// apply does the rest, under the lock, behind the compare-and-set.
	apply(context.Context, *conn, *fencepost.Batch) error
	// forget drops what was compiled on a connection, before that is closed, or after an error that may have made it
	// stale.
	forget()
}

// Commit makes the batch's effects and its moves one transaction.
func (l *lane) Commit(ctx context.Context, w ledger.Actor, commit sink.Commit) error {
	if len(commit.Segments) == 0 {
		return nil
	}
	if l.cfg.NoLedger {
		return errors.New("commit batch: the sink was opened without a ledger, it can only apply")
	}
	c, err := l.connect(ctx)
	if err != nil {
		return err
	}
	err = l.commit(ctx, c, w, commit)
	if err == nil {
		return nil
	}
	if doubtful(err) {
		l.effect.forget()
		l.disconnect()
	}
	return fmt.Errorf("commit batch of group %s: %w", w.Group, err)
}

// commit runs the transaction on a connection.
func (l *lane) commit(ctx context.Context, c *conn, w ledger.Actor, commit sink.Commit) error {
	err := c.interruptible(ctx, func() error { return l.effect.before(ctx, c, commit.Batch) })
	if err != nil {
		return fault(c.path, errors.Join(err, c.rollback()))
	}
	return c.write(ctx, func() error {
		if err := c.change(w, commit.Moves, l.cfg.KeepCommits); err != nil {
			return err
		}
		if err := c.letters(w, commit); err != nil {
			return err
		}
		return l.apply(ctx, c, commit.Batch)
	})
}

// apply applies the effect. Of SQL that refuses a row it finds out which one.
func (l *lane) apply(ctx context.Context, c *conn, b *fencepost.Batch) error {
	err := l.effect.apply(ctx, c, b)
	r, refused := errors.AsType[*sink.Rejected](err)
	if s, ok := l.effect.(*script); ok && refused && b.Rows() > 1 {
		return sink.Name(err, s.lastRead(c, r))
	}
	return err
}

// connect returns the connection, a new one if the file was replaced or the last one was given up.
func (l *lane) connect(ctx context.Context) (*conn, error) {
	if l.conn != nil && l.conn.moved() {
		l.effect.forget()
		l.disconnect()
	}
	if l.conn == nil {
		c, err := open(ctx, l.cfg, l.tamper)
		if err != nil {
			return nil, err
		}
		l.conn = c
	}
	return l.conn, nil
}

// disconnect gives the connection up. REQUIRES: the effect has forgotten it.
func (l *lane) disconnect() error {
	if l.conn == nil {
		return nil
	}
	err := l.conn.close()
	l.conn = nil
	return err
}

// Close closes the connection.
func (l *lane) Close() error {
	l.effect.forget()
	return l.disconnect()
}

// guarded runs f inside the savepoint, with the guard on, and distinguishes an ended transaction from other errors. It is the
// second wall: the first one, the guard, refuses to compile what would end the transaction, but a conflict clause
// (INSERT OR ROLLBACK) ends it while it runs.
func (c *conn) guarded(f func() error) error {
	if err := c.run("SAVEPOINT " + effects); err != nil {
		return fmt.Errorf("begin effects: %w", err)
	}
	c.guard.watch()
	err := f()
	c.guard.rest()
	switch {
	case c.guard.ended != "":
		return &sink.Ended{Reason: c.guard.ended + " in it; it was refused before it ran, so that nothing stands"}
	case c.guard.refused != "":
		return &fencepost.UserError{Code: "sql-refused", Err: fmt.Errorf("the SQL may not do this: %s", c.guard.refused), Help: "take that statement out", Exit: 2}
	case err != nil:
		return err
	}
	if err := c.run("RELEASE " + effects); err != nil {
		return &sink.Ended{Reason: message(err) + ": a statement rolled the transaction back (OR ROLLBACK), and more was run after it"}
	}
	return nil
}
