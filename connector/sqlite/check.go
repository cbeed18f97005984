package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
)

// Check looks at the file, the table and the ledger, and tries an empty batch in a transaction that it rolls back. It
// creates nothing, not even the file, and leaves the file's journal mode alone.
func (s *Sink) Check(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	name := filepath.Base(s.cfg.Path)
	if _, err := os.Stat(s.cfg.Path); errors.Is(err, os.ErrNotExist) {
		return s.checkAbsent(name)
	}
	c, err := dial(s.cfg.Path, sqlite.OpenReadWrite)
	if err != nil {
		return []fencepost.Finding{finding("database", err)}
	}
	defer c.close()
	found := s.checkDatabase(ctx, c, name, columns)
	if !s.cfg.NoLedger {
		found = append(found, c.checkLedger(ctx))
	}
	if !slices.ContainsFunc(found, func(f fencepost.Finding) bool { return !f.OK }) {
		found = append(found, s.checkTrial(ctx, c, columns))
	}
	return found
}

// checkAbsent is the findings about a file that does not exist yet.
func (s *Sink) checkAbsent(name string) []fencepost.Finding {
	if _, err := os.Stat(filepath.Dir(s.cfg.Path)); err != nil {
		return []fencepost.Finding{finding("database", cannotOpen(s.cfg.Path, &fencepost.UserError{}))}
	}
	found := []fencepost.Finding{{Subject: "database", OK: true,
		Text: fmt.Sprintf("SQLite %s: %s does not exist yet; it will be created", sqlite.Version, name)}}
	switch {
	case s.cfg.Table != "":
		f := finding("database", noTable(s.cfg.Path, s.cfg.Table))
		f.Key = "table"
		found = append(found, f)
	case s.cfg.SQL != "":
		found = append(found, fencepost.Finding{Subject: "trial", Code: "table-not-found", Key: "sql", Silent: true,
			Text: "the sql was not tried: the tables that it writes do not exist yet",
			Help: "create them first: sqlite3 " + s.cfg.Path})
	}
	if s.cfg.NoLedger {
		return found
	}
	return append(found, fencepost.Finding{Subject: "ledger", OK: true, Text: "none yet; it will be created with the file"})
}

// checkDatabase looks at the file, and at the table if there is one.
func (s *Sink) checkDatabase(ctx context.Context, c *conn, name string, columns []fencepost.ColumnSpec) []fencepost.Finding {
	var t *table
	err := c.retry(ctx, func() (err error) {
		if _, err = c.text("SELECT count(*) FROM main.sqlite_schema"); err == nil && s.cfg.Table != "" {
			t, err = c.table(s.cfg.Table)
		}
		return err
	})
	if err != nil {
		f := finding("database", fault(c.path, err))
		if f.Code == "table-not-found" {
			f.Key = "table"
		}
		return []fencepost.Finding{f}
	}
	if t == nil {
		return []fencepost.Finding{{Subject: "database", OK: true, Text: fmt.Sprintf("SQLite %s: %s", sqlite.Version, name)}}
	}
	written, err := t.written(s.cfg.Key, columns)
	if err != nil {
		f := finding("database", err)
		f.Key = "table"
		return []fencepost.Finding{f}
	}
	found := checkColumns(t, written)
	if len(found) > 0 {
		return found
	}
	merged, keyed, err := c.merged(t, s.cfg.Key)
	if err != nil {
		return []fencepost.Finding{finding("database", fault(c.path, err))}
	}
	for _, m := range merged {
		found = append(found, fencepost.Finding{Subject: "database", Code: "key-merges", Key: "key",
			Text: fmt.Sprintf("key column %s of table %s compares by %s: rows of different keys become one", m.column, t.name, m.collation),
			Help: "make the table anew with " + quoteIfNeeded(m.column) + " COLLATE BINARY: fencepost ddl FILE"})
	}
	if len(found) > 0 {
		return found
	}
	text := fmt.Sprintf("SQLite %s: ", sqlite.Version) + t.filled(written)
	if sink.Deletes(columns) && len(s.cfg.Key) > 0 {
		text += fmt.Sprintf("; deletes by (%s)", strings.Join(s.cfg.Key, ", "))
	}
	if null := t.nullable(s.cfg.Key); keyed && len(null) > 0 {
		text += fmt.Sprintf("; rows with null in %s are appended", strings.Join(null, " or "))
	}
	var notNull []string
	for _, tc := range t.columns {
		if tc.notNull && !tc.rowid {
			notNull = append(notNull, tc.name)
		}
	}
	return []fencepost.Finding{{Subject: "database", OK: true, Text: text, Facts: map[string]string{"not_null": strings.Join(notNull, "\n")}}}
}

// filled says which columns of the table a batch of these columns fills, and what is in the others.
func (t *table) filled(columns []fencepost.ColumnSpec) string {
	text := fmt.Sprintf("table %s has all %d columns", t.name, len(columns))
	if len(columns) == 1 {
		text = fmt.Sprintf("table %s has the one column", t.name)
	}
	var idle []string
	for _, tc := range t.idle(columns) {
		word := "null"
		switch {
		case tc.rowid:
			word = "rowid"
		case tc.hasDefault:
			word = "default"
		}
		idle = append(idle, fmt.Sprintf("%s (%s)", tc.name, word))
	}
	if len(idle) > 0 {
		text += "; not filled: " + strings.Join(idle, ", ")
	}
	return text
}

// checkColumns is what keeps these columns from becoming rows of the table.
func checkColumns(t *table, columns []fencepost.ColumnSpec) (found []fencepost.Finding) {
	for _, col := range t.missing(columns) {
		if col.Name == fencepost.MetaIndex {
			found = append(found, fencepost.Finding{Subject: "database", Code: "column-missing", Key: "explode",
				Text: fmt.Sprintf("table %s has no column %s, by which the rows of an exploded record are told apart", t.name, col.Name), Help: alterTable(t.name, col)})
			continue
		}
		found = append(found, fencepost.Finding{Subject: "database", Code: "column-missing", Key: "schema." + col.Name,
			Text: fmt.Sprintf("table %s has no column %s", t.name, col.Name), Help: addColumn(t.name, col)})
	}
	for _, tc := range t.idle(columns) {
		if tc.notNull && !tc.hasDefault && !tc.rowid {
			found = append(found, fencepost.Finding{Subject: "database", Code: "column-not-filled", Key: "table",
				Text: fmt.Sprintf("column %s of table %s is NOT NULL without default, and the schema does not have it", tc.name, t.name),
				Help: fmt.Sprintf("add %s to schema, or give the column a default", tc.name)})
		}
	}
	for _, m := range t.misfits(columns) {
		f := fencepost.Finding{Subject: "database", Code: "column-type", Key: "schema." + m.spec.Name, Text: m.text, Help: m.help}
		if strings.HasPrefix(m.spec.Name, "_") { // metadata
			f.Key = "table"
		}
		found = append(found, f)
	}
	return found
}

// checkLedger says which ledger is there.
func (c *conn) checkLedger(ctx context.Context) fencepost.Finding {
	var id fencepost.LedgerID
	err := c.retry(ctx, func() (err error) {
		id, err = c.header()
		return err
	})
	switch {
	case errors.Is(err, errNoLedger):
		return fencepost.Finding{Subject: "ledger", OK: true, Text: "none yet; fencepost_ledger, fencepost_moves, fencepost_groups will be created"}
	case errors.Is(err, ledger.ErrNewer):
		f := finding("ledger", err)
		f.Code, f.Help = "ledger-newer", "run the newer program; there is no way back"
		return f
	case err != nil:
		return finding("ledger", fault(c.path, err))
	}
	if err := c.tryLedger(ctx); err != nil {
		return finding("ledger", fault(c.path, err))
	}
	return fencepost.Finding{Subject: "ledger", OK: true, Text: fmt.Sprintf("%s, version %d, in the same file", id.Short(), version)}
}

// tryLedger makes a start and commits under the lock, and rolls them back.
func (c *conn) tryLedger(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	err := c.interruptible(ctx, func() error {
		w, moves, keep := sqlstore.Trial()
		for i := range moves {
			if err := c.change(w, moves[i:i+1], keep[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, c.rollback())
}

// checkTrial applies an empty batch and rolls it back. A Handle is not called: what else it does could not be undone.
func (s *Sink) checkTrial(ctx context.Context, c *conn, columns []fencepost.ColumnSpec) fencepost.Finding {
	if s.cfg.Handle != nil {
		return fencepost.Finding{Subject: "trial", OK: true, Text: "not tried: the batch goes to a Go function"}
	}
	err := s.cfg.unmentioned(columns)
	if err == nil {
		err = s.try(ctx, c, columns)
	}
	if err != nil {
		f := finding("trial", fault(c.path, err))
		if s.cfg.SQL != "" {
			f.Key = "sql"
		} else if f.Code == "key-not-unique" {
			f.Key = "key"
		}
		return f
	}
	return fencepost.Finding{Subject: "trial", OK: true, Text: "an empty batch was applied and rolled back"}
}

// try applies an empty batch and rolls it back. REQUIRES: no Handle.
func (s *Sink) try(ctx context.Context, c *conn, columns []fencepost.ColumnSpec) error {
	b := &fencepost.Batch{}
	for _, col := range columns {
		b.Columns = append(b.Columns, col.Column())
	}
	e := s.effect()
	defer e.forget()
	if err := e.before(ctx, c, b); err != nil {
		return err
	}
	return c.trial(ctx, e, b)
}

// trial applies a batch under the lock and rolls it back.
func (c *conn) trial(ctx context.Context, e effect, b *fencepost.Batch) error {
	if r, ok := e.(*rows); ok {
		if _, err := r.insert.stmt(c, 0); err != nil {
			return err
		}
	}
	return c.undone(ctx, e, b)
}

// undone applies a batch under the lock and rolls it back. What a COMMIT alone would check, deferred foreign keys, is not tried.
func (c *conn) undone(ctx context.Context, e effect, b *fencepost.Batch) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	err := c.interruptible(ctx, func() error {
		if r, ok := e.(*rows); ok {
			if err := r.insert.prepare(c); err != nil {
				return err
			}
		}
		return e.apply(ctx, c, b)
	})
	return errors.Join(err, c.rollback())
}

// finding is an error as a line of the check.
func finding(subject string, err error) fencepost.Finding {
	f := fencepost.Finding{Subject: subject, Text: err.Error(), Code: "database-error"}
	var (
		fault    *fencepost.UserError
		rejected *sink.Rejected
		ended    *sink.Ended
	)
	switch {
	case errors.As(err, &fault):
		f.Code, f.Text, f.Help, f.Silent = fault.Code, fault.Error(), fault.Help, fault.Passing
	case errors.As(err, &ended):
		f.Code, f.Text, f.Help = "sql-ended-transaction", ended.Error(), "take that statement out"
	case errors.As(err, &rejected):
		f.Code, f.Text, f.Help = "record-refused", rejected.Error(), rejected.Hint
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		f.Code, f.Silent = "database-busy", true
	}
	return f
}
