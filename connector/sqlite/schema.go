package sqlite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// version is what this code writes into a ledger, and the newest that it reads.
const version = 1

// ledgerDDL makes the ledger's tables and its identity; twice changes nothing.
var ledgerDDL = []string{
	`CREATE TABLE IF NOT EXISTS fencepost_groups (  -- identity ('',''), clusters (group,''), Roster (group,topic)
  group_name TEXT NOT NULL, topic TEXT NOT NULL,
  version INTEGER, ledger_id TEXT, cluster_id TEXT, topic_id TEXT, partitions INTEGER,
  PRIMARY KEY (group_name, topic)) WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS fencepost_ledger (  -- until: next to read; run_*: commits not yet in fencepost_moves
  group_name TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
  until INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, fence INTEGER NOT NULL, topic_id TEXT NOT NULL,
  run_from INTEGER, run_epoch INTEGER, run_commits INTEGER NOT NULL DEFAULT 0, run_at TEXT, run_who TEXT,
  PRIMARY KEY (group_name, topic, partition)) WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS fencepost_moves (  -- held_*: null where there was no row
  id INTEGER PRIMARY KEY, group_name TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
  cause TEXT NOT NULL, held_until INTEGER, held_epoch INTEGER, held_fence INTEGER, held_topic_id TEXT,
  until INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, fence INTEGER NOT NULL, topic_id TEXT NOT NULL,
  at_most INTEGER NOT NULL, partitions INTEGER NOT NULL, commits INTEGER NOT NULL, at TEXT NOT NULL,
  who TEXT NOT NULL, why TEXT NOT NULL)`,
	`CREATE INDEX IF NOT EXISTS fencepost_moves_last ON fencepost_moves (group_name, topic, partition, cause)`,
	fmt.Sprintf(`INSERT OR IGNORE INTO fencepost_groups (group_name, topic, version, ledger_id)
  VALUES ('', '', %d, lower(hex(randomblob(16))))`, version),
}

// reportsDDL makes the table of ledger.Reports. A ledger of an earlier release has none, and gets it with the first report.
const reportsDDL = `CREATE TABLE IF NOT EXISTS fencepost_reports (  -- why a partition stands still, what the pipeline does
  group_name TEXT NOT NULL, subject TEXT NOT NULL, report TEXT NOT NULL,
  PRIMARY KEY (group_name, subject)) WITHOUT ROWID`

// lettersDDL makes the table of ledger.Letters. A ledger of an earlier release has none, and gets it when a run may write one.
const lettersDDL = `CREATE TABLE IF NOT EXISTS fencepost_dead_letters (  -- records that could not be applied, as they were read
  group_name TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, record_offset INTEGER NOT NULL,
  topic_id TEXT NOT NULL,  -- of the topic's incarnation; -: not known
  record_time INTEGER NOT NULL, record_key BLOB, record_value BLOB, record_headers TEXT NOT NULL,
  code TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL, discarded TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (group_name, topic, partition, record_offset, topic_id))`

// wholeDDL is all tables of a ledger that is made today.
func wholeDDL() []string { return append(slices.Clone(ledgerDDL), reportsDDL, lettersDDL) }

// isLedgerTable reports whether a table, in lower case, is one of the ledger's.
func isLedgerTable(name string) bool {
	return name == "fencepost_groups" || name == "fencepost_ledger" || name == "fencepost_moves" || name == "fencepost_reports" ||
		name == sqlstore.LettersName
}

// errNoLedger says that the file has no ledger tables, or no identity in them.
var errNoLedger = errors.New("no ledger")

// header reads the ledger's identity. Errors: errNoLedger, ErrNewer.
func (c *conn) header() (id fencepost.LedgerID, err error) {
	n, err := c.text("SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = 'fencepost_groups'")
	if err != nil {
		return id, fmt.Errorf("read ledger: %w", err)
	}
	if n == "0" {
		return id, errNoLedger
	}
	st, err := c.stmt("SELECT version, ledger_id FROM main.fencepost_groups WHERE group_name = '' AND topic = ''")
	if err != nil {
		return id, fmt.Errorf("read ledger: %w", err)
	}
	defer st.Reset()
	has, err := st.Step()
	switch {
	case err != nil:
		return id, fmt.Errorf("read ledger: %w", err)
	case !has:
		return id, errNoLedger
	}
	if err := checkVersion(st.ColumnInt64(0)); err != nil {
		return id, err
	}
	b, err := hex.DecodeString(st.ColumnText(1))
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("read ledger: its identity %q is not 32 hexadecimal digits", st.ColumnText(1))
	}
	return fencepost.LedgerID(b), nil
}

// checkVersion refuses what a newer program wrote.
func checkVersion(v int64) error {
	if v > version {
		return fmt.Errorf("the ledger is version %d, this program knows %d: %w", v, version, ledger.ErrNewer)
	}
	return nil
}

// ensureLedger creates the ledger's tables if they are missing. All workers of a new file come here at once: the write
// lock lets them through one by one, and the statements of the late ones change nothing.
func (c *conn) ensureLedger(ctx context.Context) error {
	if _, err := c.header(); !errors.Is(err, errNoLedger) {
		return err
	}
	return c.write(ctx, func() error {
		for _, query := range wholeDDL() {
			if err := c.run(query); err != nil {
				return fmt.Errorf("create ledger: %w", err)
			}
		}
		return nil
	})
}

// DDL is the SQL that makes the ledger's tables, and with a Table that table out of columns. Running it twice changes
// nothing. Running it at all is for a database whose owner is another user: the first Read or Move does the same for
// the ledger.
func DDL(cfg Config, columns []fencepost.ColumnSpec) string {
	var b strings.Builder
	file := filepath.Base(cfg.Path)
	if cfg.NoLedger {
		fmt.Fprintf(&b, "-- Fencepost sink for SQLite; its ledger is elsewhere: sqlite3 %s. Twice changes nothing.\n", file)
	} else {
		fmt.Fprintf(&b, "-- Fencepost ledger version %d for SQLite: sqlite3 %s. Twice changes nothing.\n", version, file)
		for _, query := range wholeDDL() {
			b.WriteString(query)
			b.WriteString(";\n")
		}
	}
	if cfg.Table == "" {
		return b.String()
	}
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s (  -- from schema\n  ", quote(cfg.Table))
	for i, col := range sqlstore.Declared(cfg.Key, columns) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", quote(col.Name), declared(col.Type))
		if slices.Contains(cfg.Key, col.Name) {
			b.WriteString(" NOT NULL")
		}
	}
	if len(cfg.Key) > 0 {
		fmt.Fprintf(&b, ",\n  PRIMARY KEY (%s)", sqlstore.Join(cfg.Key, quote))
	}
	b.WriteString(");\n")
	if sqlstore.FindsRecords(cfg.Key, columns) {
		fmt.Fprintf(&b, "-- By record. It fails where the table is an older one without these columns.\nCREATE INDEX IF NOT EXISTS %s ON %s (_partition, _offset);\n",
			quote(cfg.Table+"_record"), quote(cfg.Table))
	}
	return b.String()
}

// declared is the SQLite type that holds a column type as it is.
func declared(t fencepost.Type) string {
	switch t {
	case fencepost.Int, fencepost.Bool:
		return "INTEGER"
	case fencepost.Float:
		return "REAL"
	case fencepost.Bytes:
		return "BLOB"
	case fencepost.Text, fencepost.Timestamp, fencepost.Decimal, fencepost.JSON, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return "TEXT"
}

// quote writes an identifier so that any name is one.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// addColumn is the statement that gives a table a column.
func addColumn(table string, col fencepost.ColumnSpec) string {
	return alterTable(table, col) + "   or drop it from schema"
}

// alterTable is the statement that adds a column to a table.
func alterTable(table string, col fencepost.ColumnSpec) string {
	return fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s;", quoteIfNeeded(table), quoteIfNeeded(col.Name), declared(col.Type))
}

// quoteIfNeeded leaves plain names bare, as a person writes them.
func quoteIfNeeded(name string) string {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return quote(name)
		}
	}
	if keywords[strings.ToLower(name)] {
		return quote(name)
	}
	return name
}
