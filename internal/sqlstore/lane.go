package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Flusher is how a connector sends what a lane commits. compare is the compare-and-set, which ends with a semicolon; empty
// where a batch is applied alone.
type Flusher interface {
	// Planned prepares the session for batches of these columns, which t takes: the table; nil: SQL reads them.
	// Its errors are the driver's own.
	Planned(ctx context.Context, t *Target, columns []fencepost.ColumnSpec) error
	// Rows sends the rows, what is done with them, the compare-and-set and COMMIT in one flush. Its errors, and those of
	// Handled, are the contracts' own.
	Rows(ctx context.Context, w ledger.Writer, b *fencepost.Batch, compare string) error
	// Handled runs the user's function in a transaction, then the compare-and-set and COMMIT in one flush.
	Handled(ctx context.Context, w ledger.Writer, b *fencepost.Batch, compare string) error
}

// Lane is one session that commits batches: everything of a commit but its flush.
type Lane[S Session] struct {
	sink    *Sink[S]
	flusher Flusher
	session S
	moves   []ledger.Move          // of the batch at hand
	Tables  Tables                 // of the ledger; empty until found
	planned []fencepost.ColumnSpec // that the session is prepared for; nil: none
	// recorded is the group whose cluster is known to stand in the ledger.
	recorded fencepost.Group
}

// Open opens the session for commits. f is the connector's lane that has this one in it.
func (l *Lane[S]) Open(ctx context.Context, s *Sink[S], f Flusher, session S) error {
	l.session, l.sink, l.flusher = session, s, f
	_, err := session.Open(ctx)
	return err
}

// Close closes the session.
func (l *Lane[S]) Close() error {
	l.session.Drop()
	return nil
}

// Commit makes the batch and its moves visible together, or nothing.
func (l *Lane[S]) Commit(ctx context.Context, w ledger.Writer, c sink.Commit) error {
	if l.moves = c.Moves; len(l.moves) == 0 {
		return nil
	}
	if l.sink.job.NoLedger {
		return errors.New("commit batch: the sink was opened without a ledger, it can only apply")
	}
	err := l.check(w)
	if err == nil {
		err = l.commit(ctx, w, c.Batch)
	}
	if r := new(sink.Rejected); errors.As(err, &r) {
		err = l.stale(ctx, w, err)
	}
	if err = l.lookAgain(err); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	l.recorded = w.Group
	return nil
}

// check refuses moves that are no commits.
func (l *Lane[S]) check(w ledger.Writer) error {
	for _, m := range l.moves {
		if m.Cause != ledger.CauseCommit {
			return fmt.Errorf("move %s: cause is %s", m.TopicPartition, m.Cause)
		}
	}
	return l.sink.dialect.checkMoves(w, l.moves)
}

// commit has the ledger's tables and a prepared session, and flushes.
func (l *Lane[S]) commit(ctx context.Context, w ledger.Writer, b *fencepost.Batch) (err error) {
	if (l.Tables == Tables{}) {
		if l.Tables, err = l.sink.ledger.Tables(ctx); err != nil {
			return err
		}
	}
	if err := l.ready(ctx, b); err != nil {
		return err
	}
	sql := &l.sink.dialect.Ledger
	compare := sql.Compare(l.session, l.Tables, Commits{Writer: w, Moves: l.moves, Keep: l.sink.job.Keep, Recorded: l.recorded})
	if b.Rows() > 0 {
		return l.send(ctx, w, b, compare)
	}
	if err := l.session.Flush(ctx, sql.Begin+compare+"commit"); err != nil {
		return l.Refusal(ctx, w, err)
	}
	return nil
}

// send flushes a batch that has rows.
func (l *Lane[S]) send(ctx context.Context, w ledger.Writer, b *fencepost.Batch, compare string) error {
	if l.sink.job.Form() == Handle {
		return l.flusher.Handled(ctx, w, b, compare)
	}
	return l.flusher.Rows(ctx, w, b, compare)
}

// Apply makes the batch's effects visible, all or none, in a transaction of their own: the same as Commit without the
// compare-and-set and the moves. It needs no table of the ledger.
//
// A batch that is applied again appends its rows again. Where the table has a unique key that Job.Key does not name, it
// meets its own rows and is refused.
func (l *Lane[S]) Apply(ctx context.Context, b *fencepost.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	l.moves = nil
	err := l.ready(ctx, b)
	if err == nil {
		err = l.send(ctx, ledger.Writer{}, b, "")
	}
	if err = l.lookAgain(err); err != nil {
		return fmt.Errorf("apply batch: %w", err)
	}
	return nil
}

// ready has a live session that is prepared for the batch.
func (l *Lane[S]) ready(ctx context.Context, b *fencepost.Batch) error {
	fresh, err := l.session.Open(ctx)
	if err != nil {
		return err
	}
	if fresh {
		l.planned = nil
	}
	if l.sink.job.Form() == Handle || b.Rows() == 0 || l.planned != nil && SameColumns(l.planned, b.Columns) {
		return nil
	}
	l.planned = nil
	specs := Specs(b.Columns)
	t, err := l.sink.dialect.target(ctx, l.session, l.sink.job, specs)
	if err != nil {
		return err
	}
	if err := l.flusher.Planned(ctx, t, specs); err != nil {
		return l.sink.dialect.failed(ctx, l.session, err)
	}
	l.planned = specs
	return nil
}

// Refusal makes the error of a flush ours. It leaves the session ready for the next one.
func (l *Lane[S]) Refusal(ctx context.Context, w ledger.Writer, err error) error {
	return l.sink.dialect.Refusal(ctx, l.session, l.Tables, w.Group, l.moves, err)
}

// Ended makes the error of a flush ours whose SQL has ended its transaction in this way.
func (l *Lane[S]) Ended(ctx context.Context, how string, err error) error {
	l.session.Rollback(ctx, err)
	return &sink.Ended{Reason: how}
}

// stale looks behind an error about rows: a batch that stands already (its answer was lost), or that another worker has
// applied, meets its own rows in a unique key before it comes to the compare-and-set. That is a refusal, and no bad row.
func (l *Lane[S]) stale(ctx context.Context, w ledger.Writer, rejected error) error {
	if l.Tables == (Tables{}) {
		return rejected
	}
	if err := l.sink.dialect.compare(ctx, l.session, l.Tables, w.Group, l.moves); err != nil {
		return err
	}
	return rejected
}

// lookAgain drops what is known of the tables if err says that somebody changed them.
func (l *Lane[S]) lookAgain(err error) error {
	if f := new(fencepost.Fault); errors.As(err, &f) && (f.Code == "table-not-found" || f.Code == "column-missing") {
		l.Tables, l.planned = Tables{}, nil
	}
	return err
}
