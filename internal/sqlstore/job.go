package sqlstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Job is what a sink does with a batch: the part of a connector's Config that is the same for all.
type Job struct {
	Table    string // as ParseName takes it
	Key      []string
	SQL      string
	Audit    string // with SQL or a function: the table of a row a record; empty: none is known
	Handled  bool   // by a function of the user's
	Lanes    int    // 0: one with SQL or a function, else any number
	NoLedger bool
	Keep     ledger.KeepCommits
}

// Form is the kind of a Job.
type Form uint8

// The forms.
const (
	Append Form = iota
	Upsert
	SQL
	Handle
)

// Form returns which of the exclusive fields is set. REQUIRES: a valid Job.
func (j Job) Form() Form {
	switch {
	case j.Handled:
		return Handle
	case j.SQL != "":
		return SQL
	case len(j.Key) > 0:
		return Upsert
	}
	return Append
}

// Validate lists all errors of a Job.
func (j Job) Validate() (errs []error) {
	n := 0
	for _, set := range []bool{j.Table != "", strings.TrimSpace(j.SQL) != "", j.Handled} {
		if set {
			n++
		}
	}
	if n != 1 {
		errs = append(errs, errors.New("exactly one of Table, SQL and Handle must be set"))
	}
	if len(j.Key) > 0 && j.Table == "" {
		errs = append(errs, errors.New("Key needs Table"))
	}
	if slices.Contains(j.Key, "") {
		errs = append(errs, errors.New("Key has an empty column name"))
	}
	if slices.Contains(j.Key, fencepost.MetaOp) {
		errs = append(errs, errors.New("Key has _op, which says what becomes of the row of a key"))
	}
	if _, err := ParseName(j.Audit); j.Audit != "" && (err != nil || j.Table != "") {
		errs = append(errs, errors.Join(errors.New("Audit is one name of a table, for SQL and Handle"), err))
	}
	if _, err := ParseName(j.Table); j.Table != "" && err != nil {
		errs = append(errs, fmt.Errorf("Table %w", err))
	}
	if j.Lanes < 0 {
		errs = append(errs, fmt.Errorf("Lanes is %d", j.Lanes))
	}
	if j.Keep > ledger.KeepNone {
		errs = append(errs, fmt.Errorf("KeepCommits is %d", j.Keep))
	}
	return errs
}

// lanes returns how many commits may run side by side; 0: any number. A user's statements may depend on each other.
func (j Job) lanes() int {
	if f := j.Form(); j.Lanes == 0 && (f == SQL || f == Handle) {
		return 1
	}
	return j.Lanes
}

// Mentions reports whether the job's SQL names a column.
func (j Job) Mentions(column string) bool { return NamesWord(j.SQL, column) }

// Head returns the beginning of the job's DDL. use chooses the database, tables makes the ledger's tables.
func (j Job) Head(system, use, tables string) string {
	if j.NoLedger {
		return "-- Fencepost sink for " + system + "; its ledger is elsewhere. Run by the database's owner; twice changes nothing.\n" + use
	}
	return fmt.Sprintf("-- Fencepost ledger version %d for %s. Run by the database's owner; twice changes nothing.\n", Version, system) + use + tables
}

// CreateTable returns the DDL of the job's table for these columns; empty: it has no table. declare returns a column's
// type, index is one more item behind the columns or empty, options follow them.
func (j Job) CreateTable(plain func(string) string, columns []fencepost.ColumnSpec, declare func(fencepost.ColumnSpec) string, index, options string) string {
	if j.Table == "" {
		return ""
	}
	var list []string
	for _, c := range Declared(j.Key, columns) {
		list = append(list, plain(c.Name)+" "+declare(c))
	}
	if len(j.Key) > 0 {
		list = append(list, "PRIMARY KEY ("+Join(j.Key, plain)+")")
	}
	if index != "" {
		list = append(list, index)
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s)%s;  -- from schema\n", Qualified(j.Table, plain), strings.Join(list, ", "), options)
}
