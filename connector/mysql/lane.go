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
	"github.com/fencepost/fencepost/internal/sqlstore"
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
	sqlstore.Lane[*session]
	sink    *Sink
	session *session
	plan    *plan
	encoder encoder
	packet  []byte // the flush, reused
}

// Planned is part of sqlstore.Flusher. The temporary table is made when it is needed.
func (l *lane) Planned(ctx context.Context, t *sqlstore.Target, columns []fencepost.ColumnSpec) (err error) {
	l.plan, err = l.session.foreseen(ctx, l.sink.job, t, columns)
	return err
}

// Rows is part of sqlstore.Flusher.
func (l *lane) Rows(ctx context.Context, w ledger.Actor, b *fencepost.Batch, compare string) error {
	p, form := l.plan.of(b), l.sink.job.Form()
	after := p.after(l.session)
	compare = p.whole(l.session) + compare
	const slack = 4096 // of begin, commit and the secret
	l.encoder.fields, l.encoder.most = p.fields, l.session.server.packet-len(after)-len(compare)-len(p.fill)-len(p.direct)-len(p.behind)-len(preamble)-slack
	if l.encoder.most < 0 {
		return &sink.Rejected{Code: "1153", Blame: sink.TheSize,
			Reason: fmt.Sprintf("the moves of %d partitions do not fit into the server's max_allowed_packet (%d bytes)", len(b.Segments), l.session.server.packet)}
	}
	if err := l.encoder.encode(b); err != nil {
		return err
	}
	if p.direct == "" || len(l.encoder.pieces) > 1 || form == sqlstore.Upsert && l.sink.crowded() {
		return l.staged(ctx, w, p, after, compare)
	}
	l.packet = append(append(append(l.packet[:0], begin...), p.direct...), l.encoder.piece(0)...)
	l.packet = append(append(append(append(l.packet, p.behind...), "; "...), compare...), "commit"...)
	if form != sqlstore.Upsert {
		return l.send(ctx, w, view(l.packet))
	}
	err := l.session.flush(ctx, l.session.conn, view(l.packet))
	if !lostRace(err) || ctx.Err() != nil {
		return l.sent(ctx, w, err)
	}
	l.sink.races.Add(1)
	l.session.Rollback(ctx, err)
	if l.session.conn == nil {
		return l.sent(ctx, w, sql.ErrConnDone) // nothing happened
	}
	return l.staged(ctx, w, p, after, compare)
}

// staged sends the rows into the temporary table, and from there where they belong.
func (l *lane) staged(ctx context.Context, w ledger.Actor, p *plan, after, compare string) error {
	pieces := len(l.encoder.pieces)
	if l.session.staged != p.create {
		l.session.staged = ""
		if _, err := l.session.Exec(ctx, p.create); err != nil {
			return l.Failed(ctx, err)
		}
		l.session.staged = p.create
	}
	l.packet = append(append(l.packet[:0], preamble...), p.clear...)
	for i := 0; pieces > 1 && i < pieces; i++ {
		l.packet = append(append(l.packet, p.fill...), l.encoder.piece(i)...)
		if _, err := l.session.Exec(ctx, view(l.packet)); err != nil {
			return l.Failed(ctx, err) // no transaction was begun: nothing happened, whatever was lost
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
func (l *lane) send(ctx context.Context, w ledger.Actor, statements string) error {
	return l.sent(ctx, w, l.session.Flush(ctx, statements))
}

// sent makes the error of a flush ours, and has the session ready for the next one.
func (l *lane) sent(ctx context.Context, w ledger.Actor, err error) error {
	if err == nil {
		return nil
	}
	row := l.named(ctx, err)
	if how := l.session.ended(ctx, l.sink.job, err); how != "" {
		return l.Ended(ctx, how, err)
	}
	return sink.Name(l.Refusal(ctx, w, err), row)
}

// Handled is part of sqlstore.Flusher. While the function runs the server waits for this process, so its time-outs bound
// how long locks may be held.
func (l *lane) Handled(ctx context.Context, w ledger.Actor, b *fencepost.Batch, compare string) error {
	seconds := itoa(int64((l.sink.config.CommitTimeout + time.Second - 1) / time.Second))
	_, err := l.session.Exec(ctx, preamble+"set session wait_timeout = "+seconds+", innodb_lock_wait_timeout = "+seconds)
	if err != nil {
		return l.Failed(ctx, err)
	}
	tx, err := l.session.conn.BeginTx(ctx, nil)
	if err != nil {
		l.session.Drop()
		return l.session.edge(ctx, err)
	}
	// The connection cannot be closed while the transaction has it.
	abandon := func() {
		_ = tx.Rollback()
		l.session.Drop()
	}
	if _, err = tx.ExecContext(ctx, "savepoint "+l.session.savepoint()); err != nil {
		abandon()
		return l.session.edge(ctx, err)
	}
	if err := sqlstore.Guarded(func() error { return l.sink.config.Handle(ctx, tx, b) }, abandon); err != nil {
		return l.handlerFailed(ctx, tx, err)
	}
	err = l.session.flush(ctx, tx, "release savepoint "+l.session.savepoint()+"; "+wrote(l.session.secret)+compare+"commit; set session wait_timeout = "+l.session.server.wait)
	my := new(mysql.MySQLError)
	switch {
	case err == nil:
		if err := tx.Commit(); err != nil { // the server has committed: this only frees the connection
			l.session.Drop()
		}
		return nil
	case errors.Is(err, sql.ErrTxDone) && ctx.Err() == nil:
		l.session.Drop()
		return &sink.Ended{Reason: "the handler ended the transaction it was given"}
	case errors.Is(err, sql.ErrTxDone): // rolled back for the context, before the flush
		l.session.Drop()
		return l.session.edge(ctx, err)
	case errors.As(err, &my) && my.Number == 1305 && strings.Contains(my.Message, l.session.savepoint()):
		abandon()
		return &sink.Ended{Reason: "the handler ended the transaction it was given, by SQL or DDL"}
	}
	abandon() // with the time-outs that were set
	return l.Refusal(ctx, w, err)
}

// handlerFailed rolls back after the user's function. Nothing happened: COMMIT was not sent. The errors of the
// contract pass as they are, so that a handler may reject rows itself.
func (l *lane) handlerFailed(ctx context.Context, tx *sql.Tx, err error) error {
	done := tx.Rollback()
	l.session.Drop() // with the time-outs that were set
	rejected, fault, my := new(sink.Rejected), new(fencepost.UserError), new(mysql.MySQLError)
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
