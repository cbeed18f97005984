package sqlite

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
)

// script is the effect of your SQL over the temporary table batch. The table is filled before the lock is taken: it is
// the connection's own, and in memory.
type script struct {
	sql     string
	columns []fencepost.ColumnSpec // that insert was made for
	insert  *insert                // into temp.batch; nil: not compiled
	stmts   []*sqlite.Stmt         // the statements of sql; nil: not compiled
}

// before makes the temporary table and fills it.
func (s *script) before(_ context.Context, c *conn, b *fencepost.Batch) error {
	if s.insert == nil || !sqlstore.SameColumns(s.columns, b.Columns) {
		s.forget()
		if err := s.create(c, b); err != nil {
			return fmt.Errorf("create batch: %w", err)
		}
	}
	if err := c.run("BEGIN"); err != nil {
		return fmt.Errorf("begin batch: %w", err)
	}
	if err := c.run("DELETE FROM temp.batch"); err != nil {
		return fmt.Errorf("empty batch: %w", err)
	}
	if err := s.insert.fill(c, b); err != nil {
		if refusesRows(err) {
			err = rejected("batch", err)
		}
		return sink.Name(err, sink.RowOf(b, s.insert.bad))
	}
	return c.run("COMMIT")
}

// create makes the temporary table: the batch's columns, and the metadata that the SQL mentions.
func (s *script) create(c *conn, b *fencepost.Batch) error {
	s.columns = sqlstore.Specs(b.Columns)
	all := slices.Clone(s.columns)
	for _, m := range fencepost.MetaColumns() {
		if mentions(s.sql, m.Name) && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	t := &table{name: "batch"}
	decls := make([]string, len(all))
	for i, col := range all {
		t.columns = append(t.columns, tableColumn{name: col.Name})
		decls[i] = quote(col.Name) + " " + declared(col.Type)
	}
	if err := c.transient("DROP TABLE IF EXISTS temp.batch", "CREATE TEMP TABLE batch ("+strings.Join(decls, ", ")+")"); err != nil {
		return err
	}
	s.insert = newInsert(t, nil, sourcesOf(t, s.columns))
	s.insert.into = "temp.batch"
	return nil
}

// refuseNamesake refuses SQL where the file has a table of its own named batch: the temporary one hides it, so that the SQL would
// write into what is emptied again.
func refuseNamesake(c *conn) error {
	own, err := c.text("SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = 'batch' COLLATE NOCASE")
	if err != nil {
		return fmt.Errorf("look for a table named batch: %w", err)
	}
	if own == "" {
		return nil
	}
	return &fencepost.UserError{Code: "sql-refused", Help: "ALTER TABLE " + quoteIfNeeded(own) + " RENAME TO ...;",
		Err: fmt.Errorf("the SQL's batch can mean table main.%s: the rows of a batch are in a temporary table of that name", own)}
}

// apply runs the statements inside the savepoint.
func (s *script) apply(_ context.Context, c *conn, _ *fencepost.Batch) error {
	if err := refuseNamesake(c); err != nil {
		return err
	}
	return c.guarded(func() error {
		if s.stmts != nil {
			for i, st := range s.stmts {
				if err := s.step(i, st); err != nil {
					return err
				}
			}
			return nil
		}
		return s.first(c)
	})
}

// first compiles and runs the statements one by one, since a later one may need what an earlier one made, and keeps
// them if all of them passed.
func (s *script) first(c *conn) error {
	var kept []*sqlite.Stmt
	err := func() error {
		for rest := trimSQL(s.sql); rest != ""; {
			st, trailing, err := c.db.PrepareTransient(rest)
			if err != nil {
				return &fencepost.UserError{Code: "sql-failed", Err: fmt.Errorf("statement %d of sql: %s", len(kept)+1, message(err)),
					Help: "run it in sqlite3 beside a table batch of the schema's columns", Exit: 2}
			}
			kept = append(kept, st)
			if err := s.step(len(kept)-1, st); err != nil {
				return err
			}
			rest = trimSQL(rest[len(rest)-trailing:])
		}
		return nil
	}()
	if err != nil {
		for _, st := range kept {
			st.Finalize()
		}
		return err
	}
	s.stmts = kept
	return nil
}

// step runs one statement to its end; rows that it returns are not read.
func (s *script) step(i int, st *sqlite.Stmt) error {
	err := exhaust(st)
	if err != nil && refusesRows(err) {
		r := rejected("", err)
		r.Reason = fmt.Sprintf("statement %d of sql: %s", i+1, r.Reason)
		return r
	}
	return err
}

func (s *script) forget() {
	if s.insert != nil {
		s.insert.forget()
		s.insert = nil
	}
	for _, st := range s.stmts {
		st.Finalize()
	}
	s.stmts = nil
}

// trimSQL drops blanks, empty statements and comments before the next statement: SQLite compiles them to none.
func trimSQL(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f;")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql[2:], "*/")
		default:
			return sql
		}
	}
}

// mentions reports whether SQL has a column's name as a word. One in a comment counts too: the column is then filled
// without need, which does no harm.
func mentions(sql, name string) bool {
	return regexp.MustCompile(`(?i)(^|[^a-z0-9_])` + regexp.QuoteMeta(name) + `($|[^a-z0-9_])`).MatchString(sql)
}
