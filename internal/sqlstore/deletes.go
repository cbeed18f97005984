package sqlstore

import (
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// How a batch deletes. Its rows go through a temporary table, of which the last row of each key decides. The rows of all its keys, those
// that are deleted too, are locked in the order of the keys, in which an upsert locks them: two lanes that meet in the same keys lock them in one
// order, whatever each does with them.
//
// A batch in which no row is a delete goes by the statements of an upsert alone.

// Deleting reports whether batches of these columns may delete rows by the job's key.
func (j Job) Deleting(columns []fencepost.ColumnSpec) bool {
	return j.Form() == Upsert && sink.Deletes(columns)
}

// Declared is the columns that DDL gives a table with this key: an upsert needs no column fencepost.MetaOp.
func Declared(key []string, columns []fencepost.ColumnSpec) []fencepost.ColumnSpec {
	return slices.DeleteFunc(slices.Clone(columns), func(c fencepost.ColumnSpec) bool { return c.Name == fencepost.MetaOp && len(key) > 0 })
}

// withoutOp is why a table without the column fencepost.MetaOp does not take deletes; an upsert needs no such column.
func (d *Dialect[S]) withoutOp(j Job) []Misfit {
	if j.Form() == Upsert {
		return nil
	}
	fault := sink.DeletesNotTaken(fmt.Sprintf("table %s has neither a key nor a column %s", j.Table, fencepost.MetaOp),
		fmt.Sprintf("key: [COLUMN] upserts and deletes;   or ALTER TABLE %s ADD COLUMN %s %s;", d.name(j), fencepost.MetaOp, d.Target.Natural(fencepost.Text)))
	return []Misfit{{Code: fault.Code, Text: fault.Error(), Help: fault.Help}}
}

// unmentioned is the refusal of SQL that reads every record as a row, where some are deletes. nil: there is nothing to refuse.
func (j Job) unmentioned(columns []fencepost.ColumnSpec) error {
	if !sink.Deletes(columns) || j.Mentions(fencepost.MetaOp) {
		return nil
	}
	return SQLWithoutOp()
}

// SQLWithoutOp is the refusal of SQL that does not mention fencepost.MetaOp, where the batch has it.
func SQLWithoutOp() error {
	return sink.DeletesNotTaken("the sql does not mention "+fencepost.MetaOp, fmt.Sprintf("sql: ... FROM batch WHERE %s <> '%s'; and what a delete does", fencepost.MetaOp, fencepost.OpDelete))
}

// taken is how many of a batch's columns go into the table, and what it does with deletes.
func (t *Target) taken(j Job, columns []fencepost.ColumnSpec) (n int, deletes string) {
	n = len(columns)
	if j.Deleting(columns) {
		deletes = fmt.Sprintf("; deletes by (%s)", Join(j.Key, func(name string) string { return name }))
		if !t.Has(fencepost.MetaOp) {
			n--
		}
	}
	return n, deletes
}
