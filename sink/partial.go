package sink

import (
	"slices"

	"github.com/fencepost/fencepost"
)

// Partial reports whether records of these columns may leave columns of a row as they are.
func Partial(columns []fencepost.ColumnSpec) bool {
	return slices.ContainsFunc(columns, func(c fencepost.ColumnSpec) bool { return c.Partial })
}

// AnyUnchanged reports whether a row of the batch's segments leaves a column as it is.
func AnyUnchanged(b *fencepost.Batch) bool {
	for i := range b.Columns {
		c := &b.Columns[i]
		if !c.Partial || !c.HasNulls() {
			continue
		}
		for row := range b.All() {
			if c.Unchanged(row) {
				return true
			}
		}
	}
	return false
}

// RowNotThere is the refusal of a record that does not hold all columns, where the table has no row to leave the others alone in.
func RowNotThere() *Rejected {
	return &Rejected{Reason: "the record does not hold all columns, and its row is not there to keep the others",
		Hint: "the source has to send whole rows: in Postgres ALTER TABLE ... REPLICA IDENTITY FULL"}
}
