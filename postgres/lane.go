package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// lane is one session that commits batches.
//
// The whole commit is one simple Query with a COPY in it. Nothing that another owner needs is locked until the last
// row has arrived; from then on the server runs alone, whatever becomes of this process:
//
//	client  Query[begin; copy; statements; compare-and-set; commit]  rows ......... CopyDone
//	server                          begin; copy <--- rows arrive ---------------->| statements; compare-and-set; commit
//	                                no shared lock is held here                   | row locks, for as long as the server takes
//
// The design that lost sent the compare-and-set first, so that a refusal costs no rows: a process stopped in the middle
// of its rows then holds the partition for ever, since no time-out of the server ends a COPY.
type lane struct {
	sink    *Sink
	number  int
	form    form
	session session
	tables  tables
	plan    *plan
	moves   []ledger.Move // of the batch at hand
	buf     []byte        // of the encoder
}

// Close closes the session.
func (l *lane) Close() error {
	l.session.drop()
	return nil
}

// Commit makes the batch and its moves visible together, or nothing.
func (l *lane) Commit(ctx context.Context, w ledger.Writer, c sink.Commit) error {
	b := c.Batch
	if l.moves = c.Moves; len(l.moves) == 0 {
		return nil
	}
	if l.sink.config.NoLedger {
		return errors.New("commit batch: the sink was opened without a ledger, it can only apply")
	}
	if err := l.check(w); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	if err := l.ready(ctx, b); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	compare := l.tables.compare(w, l.moves, l.sink.config.KeepCommits, l.session.secret)
	var err error
	switch {
	case b.Rows() == 0:
		err = l.flush(ctx, w, begin+compare+"; commit")
	case l.form == formHandle:
		err = l.handle(ctx, w, b, compare)
	default:
		err = l.copy(ctx, w, b, compare)
	}
	if r := new(sink.Rejected); errors.As(err, &r) {
		err = l.stale(ctx, w, err)
	}
	l.lookAgain(err)
	if err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	return nil
}

// lookAgain drops what is known of the tables if err says that somebody changed them.
func (l *lane) lookAgain(err error) {
	if f := new(fencepost.Fault); errors.As(err, &f) && (f.Code == "table-not-found" || f.Code == "column-missing") {
		l.tables, l.plan = tables{}, nil
	}
}

// stale looks behind an error about rows: a batch that stands already (its answer was lost), or that another worker has
// applied, meets its own rows in a unique key before it comes to the compare-and-set. That is a refusal, and no bad row.
func (l *lane) stale(ctx context.Context, w ledger.Writer, rejected error) error {
	if _, err := l.session.open(ctx); err != nil {
		return err
	}
	held, err := l.session.held(ctx, l.tables, w.Group, l.moves)
	if err != nil {
		l.session.rollback(ctx)
		return l.session.edge(ctx, err)
	}
	if err := ledger.Check(held, l.moves); err != nil {
		return err
	}
	return rejected
}

// check refuses moves that are no commits.
func (l *lane) check(w ledger.Writer) error {
	for _, m := range l.moves {
		if m.Cause != ledger.CauseCommit {
			return fmt.Errorf("move %s: cause is %s", m.TopicPartition, m.Cause)
		}
	}
	return checkMoves(w, l.moves)
}

// ready has a live session, the ledger's tables and a plan for the batch.
func (l *lane) ready(ctx context.Context, b *fencepost.Batch) (err error) {
	if (l.tables == tables{}) {
		if l.tables, err = l.sink.ledger.tables(ctx); err != nil {
			return err
		}
	}
	return l.planned(ctx, b)
}

// planned has a live session and a plan for the batch.
func (l *lane) planned(ctx context.Context, b *fencepost.Batch) error {
	fresh, err := l.session.open(ctx)
	if err != nil {
		return err
	}
	if fresh {
		l.plan = nil
	}
	if l.form == formHandle || b.Rows() == 0 || l.plan.fits(b) {
		return nil
	}
	specs := make([]fencepost.ColumnSpec, len(b.Columns))
	for i := range b.Columns {
		specs[i] = fencepost.ColumnSpec{Name: b.Columns[i].Name, Type: b.Columns[i].Type}
	}
	p, err := makePlan(ctx, &l.session, l.sink.config, specs)
	if err != nil {
		return err
	}
	if p.create != "" {
		if _, err := l.session.exec(ctx, p.create); err != nil {
			l.session.rollback(ctx)
			return l.session.edge(ctx, err)
		}
	}
	l.plan = p
	return nil
}

// makePlan plans for a batch of these columns.
func makePlan(ctx context.Context, s *session, c Config, specs []fencepost.ColumnSpec) (*plan, error) {
	if c.form() == formSQL {
		return planSQL(c, specs), nil
	}
	t, err := readTarget(ctx, s, c)
	if err != nil {
		return nil, err
	}
	return planTable(c, t, specs)
}

// copy sends rows, statements, compare-and-set and COMMIT in one Query.
func (l *lane) copy(ctx context.Context, w ledger.Writer, b *fencepost.Batch, compare string) error {
	sql := begin + l.plan.copy + "; " + strings.ReplaceAll(l.plan.after, "@savepoint", l.savepoint()) + compare + "; commit"
	e := newEncoder(l.plan.fields, b, l.buf)
	tag, err := l.session.conn.PgConn().CopyFrom(ctx, e, sql)
	done := e.stop()
	l.buf = e.buf
	if err == nil {
		return l.committed(ctx, tag)
	}
	if !done {
		// The end of the COPY was never sent, so the server can not have come to the COMMIT.
		return l.unsent(ctx, e, err)
	}
	if l.form == formSQL && !l.session.conn.IsClosed() {
		if reason := l.ended(tag, err); reason != "" {
			l.session.rollback(ctx)
			return &sink.Ended{Reason: reason}
		}
	}
	return l.session.refusal(ctx, l.tables, w.Group, l.moves, err)
}

// unsent makes the error of a COPY that was not finished ours. Nothing happened.
func (l *lane) unsent(ctx context.Context, e *encoder, err error) error {
	if l.session.conn.IsClosed() {
		defer l.session.drop()
		return l.session.edge(ctx, err)
	}
	l.session.rollback(ctx)
	if e.err != nil {
		return e.err
	}
	return l.session.edge(ctx, err)
}

// committed reads the answer of a Query without an error: a COMMIT after a failure answers ROLLBACK, and that is no
// error to the server.
func (l *lane) committed(ctx context.Context, tag pgconn.CommandTag) error {
	if status := l.session.conn.PgConn().TxStatus(); tag.String() != "COMMIT" || status != 'I' {
		l.session.rollback(ctx)
		return fmt.Errorf("the server answered %q instead of COMMIT: nothing happened", tag)
	}
	return nil
}

// savepoint is a name that no SQL can know.
func (l *lane) savepoint() string { return "fencepost_" + l.session.secret }

// ended tells from the server's error whether the user's SQL ended the transaction: the savepoint is gone with it
// (3B001), or there is no transaction any more where one must be (25P01, or idle after any other error). Before the
// first statement ran (a syntax error: no tag) nothing can have ended, and these classes of errors end a transaction
// by themselves at COMMIT: serialization, resources, the operator, the system.
func (l *lane) ended(tag pgconn.CommandTag, err error) string {
	pg := new(pgconn.PgError)
	if !errors.As(err, &pg) {
		return ""
	}
	switch {
	case pg.Code == "3B001" && strings.Contains(pg.Message, l.savepoint()),
		pg.Code == "25P01" && strings.Contains(pg.Message, "RELEASE SAVEPOINT"):
		return "it holds a COMMIT, ROLLBACK or the like"
	case l.session.conn.PgConn().TxStatus() != 'I' || tag.String() == "":
		return ""
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "40", "53", "57", "58", "XX":
		return ""
	}
	return fmt.Sprintf("no transaction was left when it failed: %s (%s)", pg.Message, pg.Code)
}

// flush sends statements that end with COMMIT and carry no rows.
func (l *lane) flush(ctx context.Context, w ledger.Writer, sql string) error {
	res, err := l.session.exec(ctx, sql)
	if err != nil {
		return l.session.refusal(ctx, l.tables, w.Group, l.moves, err)
	}
	var tag pgconn.CommandTag
	if len(res) > 0 {
		tag = res[len(res)-1].CommandTag
	}
	return l.committed(ctx, tag)
}

// handle runs the user's function in a transaction, then compare-and-set and COMMIT in one flush. While the function
// runs the server waits for this process, so its time-outs bound how long locks may be held.
func (l *lane) handle(ctx context.Context, w ledger.Writer, b *fencepost.Batch, compare string) (err error) {
	ms := itoa(l.sink.config.CommitTimeout.Milliseconds())
	tx, err := l.session.conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin + "set local idle_in_transaction_session_timeout = " + ms +
		"; set local lock_timeout = " + ms + "; savepoint " + l.savepoint()})
	if err != nil {
		l.session.rollback(ctx)
		return l.session.edge(ctx, err)
	}
	returned := false
	defer func() {
		if !returned { // the handler panicked
			l.session.drop()
		}
	}()
	err = l.sink.config.Handle(ctx, tx, b)
	returned = true
	closed := l.session.conn.IsClosed()
	if !closed && l.session.conn.PgConn().TxStatus() == 'I' {
		return &sink.Ended{Reason: "the handler ended the transaction it was given"}
	}
	if err != nil || closed {
		return l.handlerFailed(ctx, err)
	}
	res, err := l.session.exec(ctx, "release savepoint "+l.savepoint()+"; set constraints all immediate; "+compare+"; commit")
	if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "3B001" {
		l.session.rollback(ctx)
		return &sink.Ended{Reason: "the handler ended the transaction it was given, and began another"}
	}
	if err != nil {
		return l.session.refusal(ctx, l.tables, w.Group, l.moves, err)
	}
	return l.committed(ctx, res[len(res)-1].CommandTag)
}

// handlerFailed rolls back after the user's function. Nothing happened: COMMIT was not sent. The errors of the
// contract pass as they are, so that a handler may reject rows itself.
func (l *lane) handlerFailed(ctx context.Context, err error) error {
	closed := l.session.conn.IsClosed()
	l.session.rollback(ctx)
	rejected, fault, pg := new(sink.Rejected), new(fencepost.Fault), new(pgconn.PgError)
	switch {
	case err == nil:
		return l.session.silent("the connection was lost while the handler ran", errors.New("connection closed"))
	case errors.As(err, &rejected), errors.As(err, &fault):
		return err
	case errors.As(err, &pg):
		return fmt.Errorf("handler: %w", l.session.server(pg))
	case closed && ctx.Err() == nil:
		return l.session.silent("the connection was lost while the handler ran: "+err.Error(), err)
	}
	return fmt.Errorf("handler: %w", err)
}
