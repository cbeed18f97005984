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
	Text    string // OK: what is so. Else: what is wrong, and why
	Code    string // not OK: kebab-case, stable
	Help    string // not OK: the remedy in the server's own words; empty: it follows from Code and Facts
	// Facts are as those of a UserError. Of a table that is OK they are names of its columns, one a line: not_null takes no null, unsigned
	// holds integers from 2^63 on, decimals holds digits beyond those of a double, and millis nothing of a moment below a millisecond.
	Facts map[string]string
	// Key is the key of the pipeline file that the finding is about, below the checked part: "table",
	// "schema.distance". Empty: the part as a whole.
	Key string
	// Silent: not OK because something did not answer, so that nothing is said about it.
	Silent bool
}
