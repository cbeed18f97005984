package mysql

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

type shared = sqlstore.Sink[*session]

// Sink is one MySQL or MariaDB database as sink and ledger: rows and moves of a batch are one transaction.
type Sink struct {
	*shared
	config Config
	job    sqlstore.Job // of config
	ledger *Ledger
	look   *session // of shared
	// races counts those that upserts of its lanes lost.
	races atomic.Int32
}

// crowdedAt is how many lost races of upserts say that lanes often meet in the same keys.
const crowdedAt = 3

// crowded reports whether upserts go by the order of their keys from the start.
func (s *Sink) crowded() bool { return s.races.Load() >= crowdedAt }

var _ sink.Sink = (*Sink)(nil)

// Open checks the Config and prepares a Sink. It connects to nothing: the first call that needs the database does,
// so that `check` can say what is wrong with it.
//
// Errors: *fencepost.UserError dsn-invalid; a plain error that names the faulty fields.
func Open(_ context.Context, c Config) (*Sink, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("open mysql sink: %w", err)
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
