package postgres

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

type shared = sqlstore.Sink[*session]

// Sink is one Postgres database as sink and ledger: rows and moves of a batch are one transaction.
type Sink struct {
	*shared
	config Config
	job    sqlstore.Job // of config
	ledger *Ledger
	look   *session // of shared
}

var _ sink.Sink = (*Sink)(nil)

// Open checks the Config and prepares a Sink. It connects to nothing: the first call that needs the database does,
// so that `check` can say what is wrong with it.
//
// Errors: *fencepost.UserError dsn-invalid; a plain error that names the faulty fields.
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
	s := &Sink{config: c, job: c.job(), ledger: newLedger(conf, c.KeepCommits), look: &session{config: conf}}
	s.shared = sqlstore.NewSink(dialect(), s.job, s.ledger.core, s.look)
	return s, nil
}

// Lane opens one session for commits.
func (s *Sink) Lane(ctx context.Context, _ int) (sink.Lane, error) {
	l := &lane{sink: s, session: s.look.another()}
	if err := l.Open(ctx, s.shared, l, l.session); err != nil {
		return nil, err
	}
	return l, nil
}
