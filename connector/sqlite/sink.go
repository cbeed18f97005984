package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Sink is one file as sink and ledger. It is made by [Open]; its methods are safe for concurrent use.
type Sink struct {
	cfg Config
	// ledger has the one connection of everything but the lanes: taken out while it is in use, nil while there is none.
	ledger chan *conn
	tamper func(point) error // for tests: see conn
}

var (
	_ sink.Sink         = (*Sink)(nil)
	_ fencepost.Checker = (*Sink)(nil)
)

// Open makes a Sink of a Config that does not contradict itself. It touches no file: the first Read, Move or Lane
// creates what is missing, and Check looks without creating anything. Errors: *fencepost.UserError.
func Open(_ context.Context, cfg Config) (*Sink, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	s := &Sink{cfg: cfg, ledger: make(chan *conn, 1)}
	s.ledger <- nil
	return s, nil
}

// Capabilities says one lane, and that a stopped process keeps all others waiting.
func (s *Sink) Capabilities() sink.Capabilities {
	return sink.Capabilities{Name: "sqlite", Lanes: 1, BlocksOthers: true, Together: s.cfg.Table == "", Partial: len(s.cfg.Key) > 0}
}

// Ledger is the ledger in the same file. It is a ledger.History too.
func (s *Sink) Ledger() ledger.Ledger { return (*sinkLedger)(s) }

// Columns asks the table which of _key and _headers it has, or looks for their names in the SQL. With a Table it also
// prepares the insert, so that a missing table, column or unique key is reported before the first record.
func (s *Sink) Columns(ctx context.Context, columns []fencepost.ColumnSpec) ([]string, error) {
	switch {
	case s.cfg.Handle != nil:
		return slices.Clone(s.cfg.Metadata), nil
	case s.cfg.SQL != "":
		var needs []string
		for _, m := range []string{fencepost.MetaKey, fencepost.MetaHeaders} {
			if mentions(s.cfg.SQL, m) {
				needs = append(needs, m)
			}
		}
		if err := s.cfg.unmentioned(columns); err != nil {
			return nil, err
		}
		return needs, s.with(ctx, func(c *conn) error { return s.endsTransaction(ctx, c, columns) })
	}
	if _, err := os.Stat(s.cfg.Path); errors.Is(err, fs.ErrNotExist) {
		return nil, noTable(s.cfg.Path, s.cfg.Table) // to open it would make it
	}
	var needs []string
	err := s.with(ctx, func(c *conn) error {
		t, err := c.table(s.cfg.Table)
		if err != nil {
			return err
		}
		written, err := t.written(s.cfg.Key, columns)
		if err != nil {
			return err
		}
		if missing := t.missing(written); len(missing) > 0 {
			return &sink.Rejected{Reason: fmt.Sprintf("table %s has no column %s", s.cfg.Table, missing[0].Name),
				Hint: addColumn(s.cfg.Table, missing[0])}
		}
		if bad := t.misfits(columns); len(bad) > 0 {
			return bad[0].fault()
		}
		for _, m := range []string{fencepost.MetaKey, fencepost.MetaHeaders} {
			if t.column(m) != nil {
				needs = append(needs, m)
			}
		}
		ins := newInsert(t, s.cfg.Key, sourcesOf(t, columns))
		defer ins.forget()
		if err := ins.keyed(c, t, columns); err != nil {
			return err
		}
		return ins.prepare(c)
	})
	return needs, err
}

// endsTransaction tries the SQL on an empty batch, and reports whether it would end its transaction: later the positions of a
// topic would be recorded, and the worker be in the group. Any other error is left to the first commit.
func (s *Sink) endsTransaction(ctx context.Context, c *conn, columns []fencepost.ColumnSpec) error {
	var ended *sink.Ended
	if err := s.try(ctx, c, columns); errors.As(err, &ended) {
		return &fencepost.UserError{Code: "sql-ended-transaction", Err: ended, Help: "take that statement out", Exit: 2}
	}
	return nil
}

// Lane opens a connection.
func (s *Sink) Lane(ctx context.Context, number int) (sink.Lane, error) {
	if number != 0 {
		return nil, fmt.Errorf("open lane %d: a SQLite file has one lane, since it has one write lock", number)
	}
	l := &lane{cfg: s.cfg, effect: s.effect(), tamper: s.tamper}
	if _, err := l.connect(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// effect is what the Config makes of a batch.
func (s *Sink) effect() effect {
	switch {
	case s.cfg.Handle != nil:
		return &handler{handle: s.cfg.Handle}
	case s.cfg.SQL != "":
		return &script{sql: s.cfg.SQL}
	}
	return &rows{table: s.cfg.Table, key: s.cfg.Key}
}

// Close closes the ledger's connection.
func (s *Sink) Close() error {
	c := <-s.ledger
	s.ledger <- nil
	if c != nil {
		return c.close()
	}
	return nil
}

// with runs f on the ledger's connection, opening one if there is none, and closes it after an error that leaves its
// state in doubt.
func (s *Sink) with(ctx context.Context, f func(*conn) error) error {
	var c *conn
	select {
	case c = <-s.ledger:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.ledger <- c }()
	if c != nil && c.moved() {
		c.close()
		c = nil
	}
	if c == nil {
		var err error
		if c, err = open(ctx, s.cfg, s.tamper); err != nil {
			c = nil
			return err
		}
	}
	err := f(c)
	if doubtful(err) {
		c.close()
		c = nil
	}
	return err
}
