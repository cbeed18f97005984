package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Ledger keeps positions in fencepost_ledger, on one connection of its own. Callers take turns.
type Ledger[S Session] struct {
	dialect *Dialect[S]
	keep    ledger.KeepCommits
	turn    turn
	session S      // guarded by turn
	made    Tables // guarded by turn; empty until found or made
}

var (
	_ ledger.Ledger     = (*Ledger[Session])(nil)
	_ ledger.History    = (*Ledger[Session])(nil)
	_ ledger.Recent     = (*Ledger[Session])(nil)
	_ ledger.Finder     = (*Ledger[Session])(nil)
	_ ledger.Reports    = (*Ledger[Session])(nil)
	_ ledger.Letters    = (*Ledger[Session])(nil)
	_ ledger.Presence   = (*Ledger[Session])(nil)
	_ ledger.Noticing   = (*Ledger[Session])(nil)
	_ fencepost.Checker = (*Ledger[Session])(nil)
)

// NewLedger returns a ledger that owns the session. It does not connect yet.
func NewLedger[S Session](d *Dialect[S], s S, keep ledger.KeepCommits) *Ledger[S] {
	return &Ledger[S]{dialect: d, session: s, keep: keep, turn: newTurn()}
}

// Close closes the connection.
func (l *Ledger[S]) Close() {
	_ = l.turn.take(context.Background())
	defer l.turn.give()
	l.session.Drop()
}

// open connects and finds the tables. REQUIRES: the caller's turn.
func (l *Ledger[S]) open(ctx context.Context) error {
	fresh, err := l.session.Open(ctx)
	if err != nil || (!fresh && l.made != Tables{}) {
		return err
	}
	// A new connection may lead to another server than the last one: look again.
	l.made = Tables{}
	made, err := l.dialect.findOrMake(ctx, l.session)
	if err == nil {
		l.made = made
	}
	return err
}

// call takes the turn and runs a call with the tables at hand.
func (l *Ledger[S]) call(ctx context.Context, call func(context.Context) error) error {
	if err := l.turn.take(ctx); err != nil {
		return err
	}
	defer l.turn.give()
	return l.attempt(ctx, call)
}

// attempt runs a call with the tables at hand. REQUIRES: the caller's turn.
func (l *Ledger[S]) attempt(ctx context.Context, call func(context.Context) error) error {
	return l.dialect.attempt(l.session, ctx, func(ctx context.Context) error {
		if err := l.open(ctx); err != nil {
			return err
		}
		return l.forget(l.dialect.Blameless(call(ctx)))
	})
}

// forget drops the tables if err says that one of them does not exist: the next call looks for them again.
func (l *Ledger[S]) forget(err error) error {
	if f := new(fencepost.UserError); errors.As(err, &f) && f.Code == "table-not-found" {
		l.made = Tables{}
	}
	return err
}

// tables finds the ledger's tables, or makes them.
func (l *Ledger[S]) tables(ctx context.Context) (t Tables, err error) {
	err = l.call(ctx, func(context.Context) error {
		t = l.made
		return nil
	})
	return t, err
}

// Exists reports whether the database has a ledger. It makes none, as Read would.
func (l *Ledger[S]) Exists(ctx context.Context, _ fencepost.Group) (bool, error) {
	if err := l.turn.take(ctx); err != nil {
		return false, err
	}
	defer l.turn.give()
	if _, err := l.session.Open(ctx); err != nil {
		return false, err
	}
	f, err := l.dialect.Find(ctx, l.session)
	return f.Complete(), err
}

// RefusesWrites is part of ledger.Refusing.
func (l *Ledger[S]) RefusesWrites(ctx context.Context) (why, err error) {
	if l.dialect.ReadOnly == nil {
		return nil, nil
	}
	if err := l.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.turn.give()
	if _, err := l.session.Open(ctx); err != nil {
		return nil, err
	}
	return l.dialect.ReadOnly(l.session, ctx)
}

const readSQL = `select version, ledger_id from @groups where group_name = '' and topic = '';
select topic, coalesce(cluster_id, ''), topic_id, coalesce(partitions, 0) from @groups where group_name = @group and group_name <> '';
select topic, @partition, until, leader_epoch, fence, topic_id from @ledger where group_name = @group;
commit`

// Read returns the group's content as of one moment.
func (l *Ledger[S]) Read(ctx context.Context, g fencepost.Group) (s ledger.Snapshot, err error) {
	if err := l.dialect.sendable("group", string(g)); err != nil {
		return s, err
	}
	if err := l.turn.take(ctx); err != nil {
		return s, err
	}
	defer l.turn.give()
	err = l.attempt(ctx, func(ctx context.Context) error {
		at, err := l.dialect.place(ctx, l.session)
		if err != nil {
			return l.dialect.failed(ctx, l.session, err)
		}
		res, err := l.session.Exec(ctx, l.dialect.Ledger.Snapshot+l.dialect.fill(readSQL, l.made, g))
		if err != nil {
			return l.dialect.failed(ctx, l.session, err)
		}
		p := Parser{TopicID: l.dialect.Ledger.TopicID}
		s, err = p.snapshot(res)
		s.Place = at
		return err
	})
	if err != nil {
		return s, fmt.Errorf("read ledger: %w", err)
	}
	return s, nil
}

// fill writes the names of the tables, the group and the partition's column into a statement.
func (d *Dialect[S]) fill(statement string, t Tables, g fencepost.Group) string {
	return Fill(statement, "@groups", t.Groups, "@ledger", t.Ledger, "@moves", t.Moves, "@group", d.Literal(string(g)),
		"@partition", d.Plain("partition"))
}

// Move makes all moves or none, in one flush.
func (l *Ledger[S]) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if len(moves) == 0 {
		return nil
	}
	if err := l.dialect.checkMoves(w, moves); err != nil {
		return fmt.Errorf("move ledger: %w", err)
	}
	if err := l.turn.take(ctx); err != nil {
		return err
	}
	defer l.turn.give()
	err := again(func() error {
		return l.attempt(ctx, func(ctx context.Context) error {
			err := l.session.Flush(ctx, l.statements(w, moves))
			if err != nil {
				return l.dialect.Refusal(ctx, l.session, l.made, w.Group, moves, err)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("move ledger: %w", err)
	}
	return nil
}

// statements writes all moves as one transaction. REQUIRES: the caller's turn.
func (l *Ledger[S]) statements(w ledger.Actor, moves []ledger.Move) string {
	var commits, others []ledger.Move
	for _, m := range moves {
		if m.Cause == ledger.CauseCommit {
			commits = append(commits, m)
		} else {
			others = append(others, m)
		}
	}
	sql := &l.dialect.Ledger
	text := sql.Begin
	if len(others) > 0 {
		text += sql.Move(l.session, l.made, w, others)
	}
	if len(commits) > 0 {
		text += sql.Compare(l.session, l.made, Commits{Writer: w, Moves: commits, Keep: l.keep})
	}
	return text + "commit"
}

// Check looks for the ledger's tables, and whether this user may use or make them. It makes nothing. It has a connection
// of its own.
func (l *Ledger[S]) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	own := l.dialect.Another(l.session)
	defer own.Drop()
	return []fencepost.Finding{l.dialect.checkLedger(ctx, own)}
}
