package postgres

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Sink is one Postgres database as sink and ledger: rows and moves of a batch are one transaction.
type Sink struct {
	config Config
	ledger *Ledger
	look   session // for Needs and Check; guarded by turn
	turn   turn
}

var (
	_ sink.Sink         = (*Sink)(nil)
	_ fencepost.Checker = (*Sink)(nil)
)

// Open checks the Config and prepares a Sink. It connects to nothing: the first call that needs the database does,
// so that `check` can say what is wrong with it.
//
// Errors: *fencepost.Fault dsn-invalid; a plain error that names the faulty fields.
func Open(_ context.Context, c Config) (*Sink, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("open postgres sink: %w", err)
	}
	if c.CommitTimeout == 0 {
		c.CommitTimeout = defaultCommitTimeout
	}
	conf, err := parseDSN(c.DSN)
	if err != nil {
		return nil, err
	}
	s := &Sink{config: c, ledger: newLedger(conf), look: session{config: conf}, turn: newTurn()}
	s.ledger.keep = c.KeepCommits
	return s, nil
}

// Traits bounds the engine.
func (s *Sink) Traits() sink.Traits {
	t := sink.Traits{Name: "postgres", Lanes: s.config.Lanes}
	if f := s.config.form(); t.Lanes == 0 && (f == formSQL || f == formHandle) {
		t.Lanes = 1
	}
	return t
}

// Ledger is the ledger in the same database, with a connection of its own.
func (s *Sink) Ledger() ledger.Ledger { return s.ledger }

// Needs asks the table which metadata columns it has, or the SQL which it names. A handler gets both.
//
// Errors: *sink.Rejected for a column that the table lacks or can not take, inside a *fencepost.Fault with the
// remedy; *fencepost.Fault table-not-found, sql-ended-transaction and those of the connection.
func (s *Sink) Needs(ctx context.Context, columns []fencepost.ColumnSpec) ([]string, error) {
	var needs []string
	f := s.config.form()
	if f == formHandle {
		return []string{fencepost.MetaKey, fencepost.MetaHeaders}, nil
	}
	if f == formSQL {
		if end := syntax.FindEnd(s.config.SQL); end != nil {
			return nil, end.Fault()
		}
		for _, m := range []string{fencepost.MetaKey, fencepost.MetaHeaders} {
			if sqlstore.NamesWord(s.config.SQL, m) {
				needs = append(needs, m)
			}
		}
		return needs, nil
	}
	if err := s.turn.take(ctx); err != nil {
		return nil, err
	}
	defer s.turn.give()
	if _, err := s.look.open(ctx); err != nil {
		return nil, err
	}
	t, err := readTarget(ctx, &s.look, s.config)
	if err != nil {
		return nil, err
	}
	if faults := t.faults(s.config, columns); len(faults) > 0 {
		return nil, faults[0].fault()
	}
	for _, m := range []string{fencepost.MetaKey, fencepost.MetaHeaders} {
		if t.column(m) != nil {
			needs = append(needs, m)
		}
	}
	return needs, nil
}

// Lane opens one session for commits.
func (s *Sink) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l := &lane{sink: s, number: n, form: s.config.form(), session: session{config: s.ledger.session.config}}
	if _, err := l.session.open(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// Close closes the ledger's and the sink's own connections.
func (s *Sink) Close() error {
	_ = s.turn.take(context.Background())
	defer s.turn.give()
	s.look.drop()
	s.ledger.Close()
	return nil
}
