package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"zombiezen.com/go/sqlite"
)

// layout is another program's table of offsets in a file. Each read opens the file anew.
type layout struct {
	path  string
	table sqlstore.TableLayout
}

// OpenLayout reads the offsets that another program keeps in a table of a file. It touches nothing yet, and changes
// nothing ever: the file is opened for reading only (SQLite puts an empty -wal and -shm beside one in WAL mode). It must
// exist when it is read.
//
// Errors: *fencepost.UserError layout-incomplete.
func OpenLayout(_ context.Context, path string, t sqlstore.TableLayout) (foreign.Layout, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open layout: %w", err)
	}
	return &layout{path: path, table: t}, nil
}

// dialect writes a TableLayout's statements. A column may be declared to compare without case; the cast is not. A name
// in double quotes that is no column would be taken for a text, one in backticks is an error.
var dialect = sqlstore.Spelling{Ident: func(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" },
	Literal: func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
	Text:    func(expr string) string { return "CAST(" + expr + " AS TEXT) COLLATE BINARY" }}

// Foreign reads the table as of one moment. SQLite's INTEGER has 64 bits, whatever the column is called.
//
// Errors: *fencepost.UserError file-not-found, layout-damaged, choice-needed, table-not-found, column-missing, sql-refused,
// and those of the file.
func (l *layout) Foreign(ctx context.Context) (f foreign.Offsets, err error) {
	if err := present(l.path); err != nil {
		return f, err
	}
	c, err := dial(l.path, sqlite.OpenReadOnly)
	if err != nil {
		return f, fmt.Errorf("read layout: %w", err)
	}
	defer c.close()
	var rows []sqlstore.TableRow
	err = c.read(ctx, func() error {
		return c.interruptible(ctx, func() error {
			rows = nil
			return l.read(c, &rows)
		})
	})
	if err != nil {
		return f, fmt.Errorf("read layout: %w", l.fault(err))
	}
	return l.table.Foreign(rows)
}

// present refuses a file that does not exist: to look at one makes none.
func present(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return &fencepost.UserError{Code: "file-not-found", Exit: 2, Err: fmt.Errorf("%s: no such file", path), Help: "ls -l " + filepath.Dir(path)}
	}
	return nil
}

// read asks for the rows.
func (l *layout) read(c *conn, rows *[]sqlstore.TableRow) error {
	query := l.table.Query(dialect)
	st, rest, err := c.db.PrepareTransient(query)
	if err != nil {
		return err
	}
	defer st.Finalize()
	if rest > 0 {
		return &fencepost.UserError{Code: "sql-refused", Err: errors.New("where: it ends the statement: " + strings.TrimSpace(query[len(query)-rest:])),
			Help: "one condition, without a semicolon"}
	}
	for {
		has, err := st.Step()
		if err != nil || !has {
			return err
		}
		*rows = append(*rows, sqlstore.RowOf(textRow(st)))
	}
}

// fault gives an error about a table that is read only the remedy that fits it.
func (l *layout) fault(err error) error {
	text := message(err)
	switch {
	case ours(err) || sqlite.ErrCode(err).ToPrimary() != sqlite.ResultError:
		return err
	case strings.Contains(text, "no such table"):
		return &fencepost.UserError{Code: "table-not-found", Err: fmt.Errorf("%s: %s", filepath.Base(l.path), text),
			Help: "sqlite3 " + l.path + " .tables   then mend table=" + l.table.Table}
	case strings.Contains(text, "no such column"):
		return &fencepost.UserError{Code: "column-missing", Err: fmt.Errorf("%s: %s", filepath.Base(l.path), text),
			Help: "name the columns: topic=, partition=, offset=, group_column="}
	}
	return &fencepost.UserError{Code: "sql-refused", Err: fmt.Errorf("%s: %s", filepath.Base(l.path), text),
		Help: "mend where=, or the expression in parentheses"}
}

// Close has nothing to close: no file is open between reads.
func (l *layout) Close() error { return nil }
