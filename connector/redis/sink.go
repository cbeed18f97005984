package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Sink is one Redis database as sink and ledger: the effects and moves of a batch are one script.
type Sink struct {
	cfg    Config
	ledger *Ledger
}

var (
	_ sink.Sink         = (*Sink)(nil)
	_ fencepost.Checker = (*Sink)(nil)
)

// Open checks the Config and prepares a Sink. It connects to nothing: the first call that needs the server does.
//
// Errors: *fencepost.UserError sink-config, which names the faulty fields.
func Open(c Config) (*Sink, error) {
	if len(c.Effects) == 0 {
		return nil, &fencepost.UserError{Code: "sink-config", Err: errors.New("open redis: Effects is empty: nothing would become of the rows"), Exit: 2}
	}
	c, err := c.validate()
	if err != nil {
		return nil, err
	}
	return &Sink{cfg: c, ledger: newLedger(c)}, nil
}

// Capabilities bounds the batch, so that whatever its rows are, one script takes them.
func (s *Sink) Capabilities() sink.Capabilities {
	return sink.Capabilities{Name: "redis", Records: max(1, s.cfg.MaxCommands/len(s.cfg.Effects))}
}

// Ledger is the ledger in the same database, with connections of its own.
func (s *Sink) Ledger() ledger.Ledger { return s.ledger }

// Columns says which of _key and _headers the effects name.
//
// Errors: *sink.Rejected for a column that they name and the decoder does not make.
func (s *Sink) Columns(_ context.Context, columns []fencepost.ColumnSpec) (needs []string, err error) {
	known := append(slices.Clone(columns), fencepost.MetaColumns()...)
	for i, e := range s.cfg.Effects {
		for _, name := range e.columns() {
			if !slices.ContainsFunc(known, func(c fencepost.ColumnSpec) bool { return c.Name == name }) {
				return nil, &sink.Rejected{Code: "unknown-column", Reason: fmt.Sprintf("effect %d (%s) names the column %s, and the records have none of that name", i, e.Op, name)}
			}
			if (name == fencepost.MetaKey || name == fencepost.MetaHeaders) && !slices.Contains(needs, name) {
				needs = append(needs, name)
			}
		}
	}
	return needs, nil
}

// Lane opens one connection for commits.
func (s *Sink) Lane(ctx context.Context, _ int) (sink.Lane, error) {
	l := &lane{cfg: s.cfg, client: connect(s.cfg, 1)}
	if err := l.ping(ctx); err != nil {
		return nil, errors.Join(s.cfg.fault(err, false), l.Close())
	}
	return l, nil
}

// Close closes the ledger's connections.
func (s *Sink) Close() error { return s.ledger.Close() }
