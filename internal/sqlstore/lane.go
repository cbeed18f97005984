package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Flusher sends what a lane commits: the connector's part of a lane. compare is the compare-and-set, which ends with a
// semicolon. It is empty if a batch is applied alone.
type Flusher interface {
	// Planned prepares the session for batches of these columns. t is the table, which takes them; nil: SQL reads them.
	// It returns the driver's errors.
	Planned(ctx context.Context, t *Target, columns []fencepost.ColumnSpec) error
	// Rows sends the rows, what is done with them, the compare-and-set and COMMIT in one flush. Its errors, and those of
	// Handled, are those of sink.Lane.
	Rows(ctx context.Context, w ledger.Actor, b *fencepost.Batch, compare string) error
	// Handled runs the user's function in a transaction, then the compare-and-set and COMMIT in one flush.
	Handled(ctx context.Context, w ledger.Actor, b *fencepost.Batch, compare string) error
}

// Lane is one session that commits batches: the part of a lane that does not depend on the database.
type Lane[S Session] struct {
	sink    *Sink[S]
	flusher Flusher
	session S
	moves   []ledger.Move          // of the batch at hand
	Tables  Tables                 // of the ledger; empty until found
	planned []fencepost.ColumnSpec // the session is prepared for them; nil: for none
	shape   string                 // of the table that planned is for; empty: it is for SQL, or the connector does not compare
	worked  bool                   // it has committed
	// recorded is the group whose cluster is known to be in the ledger.
	recorded fencepost.Group
}

var (
	_ sink.Lane      = (*Lane[Session])(nil)
	_ sink.Applier   = (*Lane[Session])(nil)
	_ sink.Explainer = (*Lane[Session])(nil)
	_ sink.Trier     = (*Lane[Session])(nil)
)

// Open opens the session for commits. f is the connector's lane that embeds this one.
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
func (l *Lane[S]) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	if l.moves = c.Moves; len(l.moves) == 0 && !c.Replays() {
		return nil
	}
	if l.sink.job.NoLedger {
		return errors.New("commit batch: the sink was opened without a ledger, it can only apply")
	}
	err := l.check(w)
	if err == nil {
		err = l.replan(ctx, c.Batch, func() error {
			return again(func() error { return l.commit(ctx, w, c) })
		})
	}
	if blamesRows(err) && !errors.Is(err, ledger.ErrUnknown) && !l.triedAlone(c.Batch, err) {
		err = l.stale(ctx, w, err)
	}
	if err = l.lookAgain(err); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	l.recorded = w.Group
	return nil
}

// Explain asks the server, on a connection of its own, what the lane's connection waits for.
func (l *Lane[S]) Explain(ctx context.Context) (w sink.Wait, err error) {
	d := l.sink.dialect
	process := d.Process(l.session)
	if process == 0 {
		return w, nil
	}
	own := d.Another(l.session)
	if _, err := own.Open(ctx); err != nil {
		return w, err
	}
	defer own.Drop()
	if w, err = d.Waits(own, ctx, process); err != nil {
		return w, d.Errors.Edge(own, ctx, err)
	}
	return w, nil
}

// check refuses moves that are no commits.
func (l *Lane[S]) check(w ledger.Actor) error {
	for _, m := range l.moves {
		if m.Cause != ledger.CauseCommit {
			return fmt.Errorf("move %s: cause is %s", m.TopicPartition, m.Cause)
		}
	}
	return l.sink.dialect.checkMoves(w, l.moves)
}

// commit finds the ledger's tables, prepares the session, and flushes.
func (l *Lane[S]) commit(ctx context.Context, w ledger.Actor, c sink.Commit) (err error) {
	if (l.Tables == Tables{}) {
		if l.Tables, err = l.sink.ledger.tables(ctx); err != nil {
			return err
		}
	}
	if err := l.hasLetters(ctx, c); err != nil {
		return err
	}
	if err := l.ready(ctx, c.Batch); err != nil {
		return err
	}
	sql, compare := &l.sink.dialect.Ledger, ""
	if len(l.moves) > 0 {
		compare = sql.Compare(l.session, l.Tables, Commits{Writer: w, Moves: l.moves, Keep: l.sink.job.Keep, Recorded: l.recorded})
	}
	compare += l.sink.dialect.deadSQL(l.session, l.Tables, w, c)
	if c.Rows() > 0 {
		return l.send(ctx, w, c.Batch, compare)
	}
	if err := l.session.Flush(ctx, sql.Begin+compare+"commit"); err != nil {
		return l.Refusal(ctx, w, err)
	}
	return nil
}

// hasLetters refuses a commit whose letters have no table.
func (l *Lane[S]) hasLetters(ctx context.Context, c sink.Commit) (err error) {
	if l.Tables.Letters != "" || len(c.Dead) == 0 && !c.Replays() {
		return nil
	}
	if l.Tables, err = l.sink.ledger.tables(ctx); err != nil || l.Tables.Letters != "" { // it was made since
		return err
	}
	if c.Replays() {
		return Gone(c.Removed[0])
	}
	return l.sink.dialect.lettersMissing("")
}

// send flushes a batch that has rows.
func (l *Lane[S]) send(ctx context.Context, w ledger.Actor, b *fencepost.Batch, compare string) error {
	if l.sink.job.Form() == Handle {
		return l.flusher.Handled(ctx, w, b, compare)
	}
	b, err := whole(b, l.sink.job.Key)
	if err != nil {
		return err
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
	err := l.replan(ctx, b, func() error {
		if err := l.ready(ctx, b); err != nil {
			return err
		}
		return l.send(ctx, ledger.Actor{}, b, "")
	})
	if err = l.lookAgain(err); err != nil {
		return fmt.Errorf("apply batch: %w", err)
	}
	return nil
}

// Try makes the batch's effects in a flush that fails by itself behind them, instead of a compare-and-set and COMMIT.
func (l *Lane[S]) Try(ctx context.Context, b *fencepost.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	l.moves = nil
	err := l.replan(ctx, b, func() error {
		if err := l.ready(ctx, b); err != nil {
			return err
		}
		return l.send(ctx, ledger.Actor{}, b, l.sink.dialect.Ledger.Letters.Undo(l.session))
	})
	switch {
	case errors.Is(err, errTried):
		return nil
	case errors.Is(err, ledger.ErrUnknown):
		err = fmt.Errorf("the answer was lost: %v", err) // and nothing happened, whatever it was
	case err == nil:
		err = errors.New("the trial was committed") // which its own end forbids
	}
	return fmt.Errorf("try batch: %w", l.lookAgain(err))
}

// mostPlans is how many plans a batch gets at once. A table that is changed more often lets the next try of the batch wait.
const mostPlans = 3

// replan runs flush. Where flush fails and the table is not the one that it was planned for, replan plans anew and runs it
// again at once: the rows are not to blame for a type that changed, and a remedy that was carried out needs no restart.
func (l *Lane[S]) replan(ctx context.Context, b *fencepost.Batch, flush func() error) (err error) {
	for range mostPlans {
		if err = flush(); err == nil || l.triedAlone(b, err) || !l.outdated(ctx, err) {
			return err
		}
		l.planned = nil
	}
	return err
}

// outdated reports whether the plan of a flush that failed is for another table than the one that is there. It asks the
// catalogue about errors that such a plan may have caused: those about rows and those about its statements.
func (l *Lane[S]) outdated(ctx context.Context, err error) bool {
	if errors.Is(err, errChanged) {
		return true
	}
	fault := new(fencepost.UserError)
	refused := errors.As(err, &fault) && (fault.Code == "sql-refused" || fault.Code == "column-missing")
	if l.planned == nil || l.shape == "" || !refused && !blamesRows(err) {
		return false
	}
	fresh, openErr := l.session.Open(ctx)
	if openErr != nil {
		return false
	}
	if fresh {
		l.planned = nil
	}
	t, readErr := l.sink.dialect.Target.Read(l.session, ctx, l.sink.job)
	return readErr == nil && t.Shape != l.shape
}

// Guarded runs a function of the user's. If it panics, the panic goes on when abandon has been called.
func Guarded(function func() error, abandon func()) error {
	returned := false
	defer func() {
		if !returned {
			abandon()
		}
	}()
	err := function()
	returned = true
	return err
}

// ready opens the session and prepares it for the batch.
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
		return l.sink.dialect.Blameless(err)
	}
	if err := l.flusher.Planned(ctx, t, specs); err != nil {
		return l.sink.dialect.Blameless(l.sink.dialect.failed(ctx, l.session, err))
	}
	l.planned, l.shape = specs, ""
	if t != nil {
		l.shape = t.Shape
	}
	return nil
}

// Refusal returns what the error of a flush means. It leaves the session ready for the next one.
func (l *Lane[S]) Refusal(ctx context.Context, w ledger.Actor, err error) error {
	return l.sink.dialect.Refusal(ctx, l.session, l.Tables, w.Group, l.moves, err)
}

// Failed rolls back, and returns what err means. REQUIRES: nothing happened.
func (l *Lane[S]) Failed(ctx context.Context, err error) error {
	return l.sink.dialect.failed(ctx, l.session, err)
}

// Ended rolls back, and returns the error of a flush whose SQL has ended its transaction in this way.
func (l *Lane[S]) Ended(ctx context.Context, how string, err error) error {
	l.session.Rollback(ctx, err)
	return &sink.Ended{Reason: how}
}

// blamesRows reports whether an error is one of the rows, or may be.
func blamesRows(err error) bool {
	r, ok := errors.AsType[*sink.Rejected](err)
	return ok && (r.Blame == sink.TheRows || r.Blame == sink.PerhapsTheRows)
}

// triedAlone reports whether an error names one of several rows of a table: that one comes again alone, behind those in front of
// it, before it is blamed. What else may be the cause is looked for then, and not twice for each bad row.
func (l *Lane[S]) triedAlone(b *fencepost.Batch, err error) bool {
	form := l.sink.job.Form()
	r, ok := errors.AsType[*sink.Rejected](err)
	return ok && r.Row > 0 && b.Rows() > 1 && (form == Append || form == Upsert)
}

// stale looks behind an error about rows. A batch that was applied already (its answer was lost, or another worker has
// applied it) meets its own rows in a unique key before the server reaches the compare-and-set. That is a refusal, and no
// bad row.
func (l *Lane[S]) stale(ctx context.Context, w ledger.Actor, rejected error) error {
	if l.Tables == (Tables{}) || len(l.moves) == 0 {
		return rejected
	}
	if err := l.sink.dialect.compare(ctx, l.session, l.Tables, w.Group, l.moves); err != nil {
		return err
	}
	return rejected
}

// lookAgain drops what is known of the tables if err says that they were changed. What this lane has done before, or saw at its
// start, may be mended again; SQL that never worked may not.
func (l *Lane[S]) lookAgain(err error) error {
	f := new(fencepost.UserError)
	if !errors.As(err, &f) {
		l.worked = l.worked || err == nil
		return err
	}
	form := l.sink.job.Form()
	switch f.Code {
	case "table-not-found", "column-missing":
		l.Tables, l.planned = Tables{}, nil
		f.Mendable = l.worked || f.Mendable && (form == Append || form == Upsert)
	case "database-denied":
		f.Mendable = f.Mendable && (l.worked || form == Append || form == Upsert)
	case "sql-refused":
		f.Mendable = l.worked
	}
	return err
}
