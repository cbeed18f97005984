package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// lane is one session that commits batches.
//
// The whole commit is one packet. The server begins with its first statement when its last byte has arrived, and from
// there on runs alone, whatever becomes of this process:
//
//	client  [start transaction; insert ... values ...; compare-and-set; commit; select secret]
//	server                                                               runs all of it, or stops at the first error
//	        no lock is held while this travels                           | row locks, for as long as the server takes
//
// A batch larger than max_allowed_packet travels in pieces into a temporary table first, outside of any transaction.
//
// An upsert locks the rows of its keys in the order of the batch, so two lanes that meet in the same keys may deadlock.
// The one that loses sends its batch again through the temporary table, out of which rows come in the order of their
// keys, as the server compares them, and then in that of the batch: lanes that do so meet in one order. A sink
// that has seen this a few times sends all its upserts that way, at about two thirds of the speed.
//
// The design that lost is LOAD DATA LOCAL: it parses faster, but the server asks for its rows in the middle of the
// transaction, and waits for this process with the locks of the rows that it has written (and, for a bulk insert, that
// of the table's counter).
type lane struct {
	sink     *Sink
	form     form
	session  session
	tables   tables
	plan     *plan
	encoder  encoder
	packet   []byte          // the flush, reused
	moves    []ledger.Move   // of the batch at hand
	recorded fencepost.Group // whose cluster ID is known to be recorded
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
	err := l.check(w)
	if err == nil {
		err = l.ready(ctx, b)
	}
	if err == nil {
		err = l.commit(ctx, w, b)
	}
	if r := new(sink.Rejected); errors.As(err, &r) {
		err = l.stale(ctx, w, err)
	}
	l.lookAgain(err)
	if err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	l.recorded = w.Group
	return nil
}

// lookAgain drops what is known of the tables if err says that somebody changed them.
func (l *lane) lookAgain(err error) {
	if f := new(fencepost.Fault); errors.As(err, &f) && (f.Code == "table-not-found" || f.Code == "column-missing") {
		l.tables, l.plan = tables{}, nil
	}
}

func (l *lane) commit(ctx context.Context, w ledger.Writer, b *fencepost.Batch) error {
	compare := l.tables.compare(&l.session, w, l.moves, l.sink.config.KeepCommits, l.recorded != w.Group)
	switch {
	case b.Rows() == 0:
		return l.send(ctx, w, begin+compare+"commit")
	case l.form == formHandle:
		return l.handle(ctx, w, b, compare)
	}
	return l.rows(ctx, w, b, compare)
}

// stale looks behind an error about rows: a batch that stands already (its answer was lost), or that another worker has
// applied, meets its own rows in a unique key before it comes to the compare-and-set. That is a refusal, and no bad row.
func (l *lane) stale(ctx context.Context, w ledger.Writer, rejected error) error {
	if _, err := l.session.open(ctx); err != nil {
		return err
	}
	if l.tables == (tables{}) {
		return rejected
	}
	held, err := l.session.held(ctx, l.tables, w.Group, l.moves)
	if err != nil {
		l.session.rollback(ctx, err)
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
	l.plan, err = makePlan(ctx, &l.session, l.sink.config, specs)
	return err
}

// rows sends the rows, what is done with them, the compare-and-set and COMMIT.
func (l *lane) rows(ctx context.Context, w ledger.Writer, b *fencepost.Batch, compare string) error {
	p := l.plan
	after := fill(p.after, "@savepoint", l.savepoint(), "@secret", l.session.secret)
	if l.form == formSQL {
		compare = "set @fencepost_at = null; " + compare
	}
	const slack = 4096 // of begin, commit and the secret
	l.encoder.fields, l.encoder.most = p.fields, l.session.server.packet-len(after)-len(compare)-len(p.fill)-len(p.direct)-len(p.behind)-len(preamble)-slack
	if l.encoder.most < 0 {
		return fmt.Errorf("the moves of %d partitions do not fit into the server's max_allowed_packet (%d bytes)", len(l.moves), l.session.server.packet)
	}
	if err := l.encoder.encode(b); err != nil {
		return err
	}
	if p.direct == "" || len(l.encoder.pieces) > 1 || l.form == formUpsert && l.sink.crowded() {
		return l.staged(ctx, w, after, compare)
	}
	l.packet = append(append(append(l.packet[:0], begin...), p.direct...), l.encoder.piece(0)...)
	l.packet = append(append(append(append(l.packet, p.behind...), "; "...), compare...), "commit"...)
	if l.form != formUpsert {
		return l.send(ctx, w, view(l.packet))
	}
	err := l.session.flush(ctx, l.session.conn, view(l.packet))
	if !deadlocked(err) || ctx.Err() != nil {
		return l.sent(ctx, w, err)
	}
	l.sink.deadlocks.Add(1)
	l.session.rollback(ctx, err)
	if l.session.conn == nil {
		return l.sent(ctx, w, sql.ErrConnDone) // nothing happened
	}
	return l.staged(ctx, w, after, compare)
}

// staged sends the rows into the temporary table, and from there where they belong.
func (l *lane) staged(ctx context.Context, w ledger.Writer, after, compare string) error {
	p, pieces := l.plan, len(l.encoder.pieces)
	if !p.made {
		if _, err := l.session.exec(ctx, p.create); err != nil {
			l.session.rollback(ctx, err)
			return l.session.edge(ctx, err)
		}
		p.made = true
	}
	l.packet = append(append(l.packet[:0], preamble...), p.clear...)
	for i := 0; pieces > 1 && i < pieces; i++ {
		l.packet = append(append(l.packet, p.fill...), l.encoder.piece(i)...)
		if _, err := l.session.exec(ctx, view(l.packet)); err != nil {
			l.session.rollback(ctx, err) // no transaction was begun: nothing happened, whatever was lost
			return l.session.edge(ctx, err)
		}
		l.packet = l.packet[:0]
	}
	if pieces == 1 { // a flush that loses a deadlock is sent again: it fills what it has emptied itself, or nothing
		l.packet = append(append(append(l.packet, p.fill...), l.encoder.piece(0)...), "; "...)
	}
	l.packet = append(append(append(append(l.packet, begin...), after...), compare...), "commit"...)
	return l.send(ctx, w, view(l.packet))
}

// view is a packet as the string that the driver wants. The driver is done with it when it returns.
func view(packet []byte) string { return unsafe.String(unsafe.SliceData(packet), len(packet)) }

// send sends the flush.
func (l *lane) send(ctx context.Context, w ledger.Writer, statements string) error {
	return l.sent(ctx, w, patiently(ctx, func() error { return l.session.flush(ctx, l.session.conn, statements) }, &l.session))
}

// sent makes the error of a flush ours, and has the session ready for the next one.
func (l *lane) sent(ctx context.Context, w ledger.Writer, err error) error {
	if err == nil {
		return nil
	}
	if l.form == formSQL && !lost(err) {
		if reason := l.ended(ctx, err); reason != "" {
			l.session.rollback(ctx, err)
			return &sink.Ended{Reason: reason}
		}
	}
	return l.session.refusal(ctx, l.tables, w, l.moves, err)
}

// savepoint is a name that no SQL can know.
func (l *lane) savepoint() string { return "fencepost_" + l.session.secret }

// ended tells whether the user's SQL ended the transaction: its RELEASE finds no savepoint (1305), or it failed and the
// savepoint can not be gone back to. A deadlock ends a transaction by itself.
func (l *lane) ended(ctx context.Context, err error) string {
	my := new(mysql.MySQLError)
	switch {
	case !errors.As(err, &my) || my.Number == 1213 || my.Number == 1205:
		return ""
	case my.Number == 1305 && strings.Contains(my.Message, l.savepoint()):
		return "it holds a COMMIT or ROLLBACK, or DDL, which commits by itself"
	}
	res, err := l.session.exec(ctx, "select coalesce(@fencepost_at, '')")
	if err != nil || string(res[0][0][0]) != l.session.secret {
		return "" // it failed before the SQL began, or behind it
	}
	_, err = l.session.exec(ctx, "rollback to savepoint "+l.savepoint())
	if gone := new(mysql.MySQLError); errors.As(err, &gone) && gone.Number == 1305 {
		return fmt.Sprintf("no transaction was left when it failed: %s (%d)", my.Message, my.Number)
	}
	return ""
}

// handle runs the user's function in a transaction, then compare-and-set and COMMIT in one flush. While the function
// runs the server waits for this process, so its time-outs bound how long locks may be held.
func (l *lane) handle(ctx context.Context, w ledger.Writer, b *fencepost.Batch, compare string) error {
	seconds := itoa(int64((l.sink.config.CommitTimeout + time.Second - 1) / time.Second))
	_, err := l.session.exec(ctx, preamble+"set session wait_timeout = "+seconds+", innodb_lock_wait_timeout = "+seconds)
	if err != nil {
		l.session.rollback(ctx, err)
		return l.session.edge(ctx, err)
	}
	tx, err := l.session.conn.BeginTx(ctx, nil)
	if err != nil {
		l.session.drop()
		return l.session.edge(ctx, err)
	}
	// The connection can not be closed while the transaction has it.
	abandon := func() {
		_ = tx.Rollback()
		l.session.drop()
	}
	if _, err = tx.ExecContext(ctx, "savepoint "+l.savepoint()); err != nil {
		abandon()
		return l.session.edge(ctx, err)
	}
	returned := false
	defer func() {
		if !returned { // the handler panicked
			abandon()
		}
	}()
	err = l.sink.config.Handle(ctx, tx, b)
	returned = true
	if err != nil {
		return l.handlerFailed(ctx, tx, err)
	}
	err = l.session.flush(ctx, tx, "release savepoint "+l.savepoint()+"; "+compare+"commit; set session wait_timeout = "+l.session.server.wait)
	my := new(mysql.MySQLError)
	switch {
	case err == nil:
		if err := tx.Commit(); err != nil { // the server has committed: this only frees the connection
			l.session.drop()
		}
		return nil
	case errors.Is(err, sql.ErrTxDone) && ctx.Err() == nil:
		l.session.drop()
		return &sink.Ended{Reason: "the handler ended the transaction it was given"}
	case errors.Is(err, sql.ErrTxDone): // rolled back for the context, before the flush
		l.session.drop()
		return l.session.edge(ctx, err)
	case errors.As(err, &my) && my.Number == 1305 && strings.Contains(my.Message, l.savepoint()):
		abandon()
		return &sink.Ended{Reason: "the handler ended the transaction it was given, by SQL or DDL"}
	}
	abandon() // with the time-outs that were set
	return l.session.refusal(ctx, l.tables, w, l.moves, err)
}

// handlerFailed rolls back after the user's function. Nothing happened: COMMIT was not sent. The errors of the
// contract pass as they are, so that a handler may reject rows itself.
func (l *lane) handlerFailed(ctx context.Context, tx *sql.Tx, err error) error {
	done := tx.Rollback()
	l.session.drop() // with the time-outs that were set
	rejected, fault, my := new(sink.Rejected), new(fencepost.Fault), new(mysql.MySQLError)
	switch {
	case errors.Is(done, sql.ErrTxDone) && ctx.Err() == nil:
		return &sink.Ended{Reason: "the handler ended the transaction it was given, and failed: " + err.Error()}
	case errors.As(err, &rejected), errors.As(err, &fault):
		return err
	case errors.As(err, &my):
		return fmt.Errorf("handler: %w", l.session.said(my))
	case errors.Is(err, mysql.ErrInvalidConn):
		return l.session.silent("the connection was lost while the handler ran", err)
	}
	return fmt.Errorf("handler: %w", err)
}
