package sqlstore

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// ErrOwnSQL is why rows that a user's SQL or handler writes say nothing of their records. It wraps
// sink.ErrNoProvenance.
var ErrOwnSQL = fmt.Errorf("%w: SQL of the pipeline's own writes them, and audit names no table of theirs", sink.ErrNoProvenance)

// NamesRecords returns sink.ErrNoProvenance, wrapped, where a table lacks a column that says which record a row came
// from. has reports whether it has a column.
func NamesRecords(table string, has func(column string) bool) error {
	var missing []string
	for _, c := range sink.RecordColumns() {
		if !has(c.Name) {
			missing = append(missing, c.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: table %s has no %s", sink.ErrNoProvenance, table, strings.Join(missing, ", "))
	}
	return nil
}

// Applied makes of a reading what sink.Provenance yields: read calls yield for each count until it returns false, and
// its error is the last that is yielded.
func Applied(read func(yield func(sink.Applied, error) bool) error) iter.Seq2[sink.Applied, error] {
	return func(yield func(sink.Applied, error) bool) {
		if err := read(yield); err != nil {
			yield(sink.Applied{}, fmt.Errorf("read rows: %w", err))
		}
	}
}

// FindsRecords reports whether the DDL of a table with this key and these columns has an index by which the row of a record is
// found: where the columns name the record, and rows are not written over by a key.
func FindsRecords(key []string, columns []fencepost.ColumnSpec) bool {
	return len(key) == 0 && !slices.ContainsFunc(sink.RecordColumns(), func(want fencepost.ColumnSpec) bool {
		return !slices.ContainsFunc(columns, func(c fencepost.ColumnSpec) bool { return c.Name == want.Name })
	})
}
