package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
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
	sqlstore.Lane[*session]
	sink    *Sink
	session *session
	plan    *plan
	buf     []byte // of the encoder
}

// Planned is part of sqlstore.Flusher.
func (l *lane) Planned(ctx context.Context, t *sqlstore.Target, columns []fencepost.ColumnSpec) error {
	l.plan = makePlan(l.sink.job, t, columns)
	if l.plan.open {
		return l.session.remote(ctx, l.sink.job, t)
	}
	return nil
}

// Rows is part of sqlstore.Flusher: rows, statements, compare-and-set and COMMIT in one Query.
func (l *lane) Rows(ctx context.Context, w ledger.Actor, b *fencepost.Batch, compare string) error {
	p := l.plan.of(b)
	sql := begin + p.query(l.session) + compare + "commit"
	e := newEncoder(p.fields, b, l.buf)
	tag, err := l.session.copyIn(ctx, e, sql)
	e.stop()
	l.buf = e.buf
	if err == nil {
		err = l.session.committed(tag)
	}
	if err == nil {
		p.seen = true
		return nil
	}
	return sink.Name(l.failed(ctx, w, e, tag, err), p.named(err, b))
}

// failed makes the error of a flush ours, and has the session ready for the next one.
func (l *lane) failed(ctx context.Context, w ledger.Actor, e *encoder, tag pgconn.CommandTag, err error) error {
	if l.session.answers != nil {
		defer l.session.Drop() // see copyIn
	}
	if !e.stop() {
		// The end of the COPY was never sent, so the server cannot have reached the COMMIT.
		return l.unsent(ctx, e, err)
	}
	if how := l.session.ended(l.sink.job, tag, err); how != "" {
		return l.Ended(ctx, how, err)
	}
	return l.Refusal(ctx, w, err)
}

// unsent makes the error of a COPY that was not finished ours. Nothing happened.
func (l *lane) unsent(ctx context.Context, e *encoder, err error) error {
	if l.session.conn.IsClosed() {
		defer l.session.Drop()
		return l.session.edge(ctx, err)
	}
	l.session.Rollback(ctx, err)
	if e.err != nil {
		return e.err
	}
	return l.session.edge(ctx, err)
}

// Handled is part of sqlstore.Flusher. While the function runs the server waits for this process, so its time-outs bound
// how long locks may be held.
func (l *lane) Handled(ctx context.Context, w ledger.Actor, b *fencepost.Batch, compare string) error {
	ms := itoa(l.sink.config.CommitTimeout.Milliseconds())
	tx, err := l.session.conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin + "set local idle_in_transaction_session_timeout = " + ms +
		"; set local lock_timeout = " + ms + "; savepoint " + l.session.savepoint()})
	if err != nil {
		return l.Failed(ctx, err)
	}
	err = sqlstore.Guarded(func() error { return l.sink.config.Handle(ctx, tx, b) }, l.session.Drop)
	closed := l.session.conn.IsClosed()
	if !closed && l.session.conn.PgConn().TxStatus() == 'I' {
		return &sink.Ended{Reason: "the handler ended the transaction it was given"}
	}
	if err != nil || closed {
		return l.handlerFailed(ctx, err)
	}
	err = l.session.Flush(ctx, "release savepoint "+l.session.savepoint()+"; "+immediate+wroteSQL(l.sink.job, l.session.secret)+compare+"commit")
	if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "3B001" {
		return l.Ended(ctx, "the handler ended the transaction it was given, and began another", err)
	}
	if err != nil {
		return l.Refusal(ctx, w, err)
	}
	return nil
}

// handlerFailed rolls back after the user's function. Nothing happened: COMMIT was not sent. The errors of the
// contract pass as they are, so that a handler may reject rows itself.
func (l *lane) handlerFailed(ctx context.Context, err error) error {
	closed := l.session.conn.IsClosed()
	l.session.Rollback(ctx, err)
	rejected, fault, pg := new(sink.Rejected), new(fencepost.UserError), new(pgconn.PgError)
	switch {
	case err == nil:
		return l.session.silent("the connection was lost while the handler ran", errors.New("connection closed"))
	case errors.As(err, &rejected), errors.As(err, &fault):
		return err
	case errors.As(err, &pg) && unprepared(pg):
		l.session.Drop() // and with it the statements that the driver takes for prepared
		return fmt.Errorf("handler: %w", system.Fault(sqlstore.Race, "", reasoned(pg)))
	case errors.As(err, &pg):
		return fmt.Errorf("handler: %w", l.session.said(pg))
	case closed && ctx.Err() == nil:
		return l.session.silent("the connection was lost while the handler ran: "+err.Error(), err)
	}
	return fmt.Errorf("handler: %w", err)
}
