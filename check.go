package fencepost

import "context"

// Checker is an optional ability of a Sink or Source: it looks at its servers the way `fencepost check` does and
// changes nothing. What it tries, it rolls back.
type Checker interface {
	// Check returns what it found, in the order in which a person reads it. columns is what the decoder makes.
	Check(ctx context.Context, columns []ColumnSpec) []Finding
}

// Finding is one line of a check.
type Finding struct {
	Subject string // what was looked at, one word: database, ledger, trial, brokers, topic, group
	OK      bool
	Text    string            // OK: what is so. Else: what is wrong, and why
	Code    string            // not OK: kebab-case, stable
	Help    string            // not OK: the remedy in the server's own words; empty: it follows from Code and Facts
	Facts   map[string]string // as those of a UserError; of a table that is OK: not_null, the columns that take no null, one a line
	// Key is the key of the pipeline file that the finding is about, below the checked part: "table",
	// "schema.distance". Empty: the part as a whole.
	Key string
	// Silent: not OK because something did not answer, so that nothing is said about it.
	Silent bool
}
