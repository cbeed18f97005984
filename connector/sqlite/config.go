package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// Config says which file, and what becomes of a batch: exactly one of Table, SQL and Handle.
type Config struct {
	// Path is the database file. It is created if its directory exists. ":memory:" is refused: each connection would
	// have its own.
	Path string

	// Table is appended to, column by column name: those of the batch, and _topic, _partition, _offset, _timestamp,
	// _key, _headers where the table has them. Names compare as SQLite does, without case. A name may be in double quotes, as
	// the other SQL stores take one with dots.
	Table string
	// Key makes Table an upsert by these columns, which must be its PRIMARY KEY or UNIQUE. Within a batch the last row
	// of a key wins, in partition and then offset order. Empty: append.
	Key []string

	// SQL is one or several statements over the temporary table batch, which has the schema's columns and those
	// metadata columns that the SQL mentions. It must not end the transaction.
	SQL string

	// Audit, with SQL or Handle: the table into which they write one row for each record, with the record's _topic, _partition and
	// _offset. Applied counts its rows. Empty: no row is known to name its record.
	Audit string

	// Handle is your own work in the transaction, on its connection; returning nil commits it with the moves. It must
	// not end the transaction, keep conn, or keep slices of the batch. The batch has no _key and _headers columns
	// unless Metadata asks for them.
	// What an error means for the rows is the handler's to say: a *sink.Rejected parks the partition in front of the
	// bad row, a *fencepost.UserError that is not Passing ends the run, and any other error is tried again.
	Handle func(ctx context.Context, conn *Conn, b *fencepost.Batch) error
	// Metadata is which of fencepost.MetaKey and fencepost.MetaHeaders Handle reads. Empty: none.
	Metadata []string

	// NoLedger says that the ledger is kept elsewhere (package atleastonce): its tables are neither made nor looked for, and
	// are no part of Check and DDL. The lane then applies, and its Commit fails.
	NoLedger bool
	// KeepCommits says what is kept of the commit moves. Zero: merged.
	KeepCommits ledger.KeepCommits
}

// validate joins all errors of a Config and makes the path absolute, so that a later chdir changes nothing.
func (cfg Config) validate() (Config, error) {
	var errs []error
	switch {
	case cfg.Path == "":
		errs = append(errs, errors.New("Path is empty"))
	case cfg.Path == ":memory:":
		errs = append(errs, errors.New("Path is :memory:, of which each connection would have its own"))
	}
	var ways []string
	if cfg.Table != "" {
		ways = append(ways, "Table")
	}
	if strings.TrimSpace(cfg.SQL) != "" {
		ways = append(ways, "SQL")
	}
	if cfg.Handle != nil {
		ways = append(ways, "Handle")
	}
	if len(ways) != 1 {
		errs = append(errs, fmt.Errorf("want one of Table, SQL and Handle, have %d: %s", len(ways), strings.Join(ways, ", ")))
	}
	if len(cfg.Key) > 0 && cfg.Table == "" {
		errs = append(errs, errors.New("Key without Table"))
	}
	if slices.Contains(cfg.Key, fencepost.MetaOp) {
		errs = append(errs, errors.New("Key has _op, which says what becomes of the row of a key"))
	}
	if len(cfg.Metadata) > 0 && cfg.Handle == nil {
		errs = append(errs, errors.New("Metadata without Handle"))
	}
	if err := errors.Join(errs...); err != nil {
		return cfg, &fencepost.UserError{Code: "sink-config", Err: fmt.Errorf("open sqlite sink: %w", err), Exit: 2}
	}
	if parts, err := sqlstore.ParseName(cfg.Table); err == nil && len(parts) == 1 {
		cfg.Table = parts[0]
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return cfg, fmt.Errorf("open sqlite sink: %w", err)
	}
	cfg.Path = path
	return cfg, nil
}
