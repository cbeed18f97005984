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
	return sink.Capabilities{Name: "redis", Records: max(1, s.cfg.MaxCommands/max(len(s.cfg.Effects), len(s.cfg.Deletes)))}
}

// Ledger is the ledger in the same database, with connections of its own.
func (s *Sink) Ledger() ledger.Ledger { return s.ledger }

// Columns says which of _key and _headers the effects name.
//
// Errors: *sink.Rejected for a column that they name and the decoder does not make; sink.DeletesNotTaken.
func (s *Sink) Columns(_ context.Context, columns []fencepost.ColumnSpec) (needs []string, err error) {
	if err := s.takesDeletes(columns); err != nil {
		return nil, err
	}
	known := append(slices.Clone(columns), fencepost.MetaColumns()...)
	for i, e := range s.cfg.effects() {
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

// takesDeletes refuses columns with fencepost.MetaOp where an effect would take a delete as any other row, and deletes without it.
func (s *Sink) takesDeletes(columns []fencepost.ColumnSpec) error {
	blind := slices.IndexFunc(s.cfg.Effects, func(e Effect) bool { return !slices.Contains(e.columns(), fencepost.MetaOp) })
	switch deletes := sink.Deletes(columns); {
	case deletes && len(s.cfg.Deletes) == 0 && blind >= 0:
		return sink.DeletesNotTaken(fmt.Sprintf("there are no deletes, and command %d (%s) does not name %s", blind+1, s.cfg.Effects[blind].Op, fencepost.MetaOp),
			"deletes: [DEL KEY], or HDEL, SREM, ZREM")
	case !deletes && len(s.cfg.Deletes) > 0:
		return &sink.Rejected{Code: "unknown-column", Reason: "there are deletes, and the decoder makes no column " + fencepost.MetaOp, Hint: "tombstone: delete"}
	}
	return nil
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
