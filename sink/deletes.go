package sink

import (
	"slices"

	"github.com/fencepost/fencepost"
)

// Deletes reports whether records of these columns may be deletes: whether their decoder makes fencepost.MetaOp.
func Deletes(columns []fencepost.ColumnSpec) bool {
	return slices.ContainsFunc(columns, func(c fencepost.ColumnSpec) bool { return c.Name == fencepost.MetaOp })
}

// AnyDelete reports whether a row of the batch's segments is a delete.
func AnyDelete(b *fencepost.Batch) bool {
	ops := b.Column(fencepost.MetaOp)
	if ops == nil {
		return false
	}
	for _, s := range b.Segments {
		for row := s.Lo; row < s.Hi; row++ {
			if ops.Text(row) == fencepost.OpDelete {
				return true
			}
		}
	}
	return false
}

// DeletesNotTaken is the error of a sink that gets fencepost.MetaOp and would make of a delete a row like any other: a
// *fencepost.UserError deletes-not-taken, in which errors.As finds a *Rejected. help is what makes the sink take deletes.
func DeletesNotTaken(reason, help string) *fencepost.UserError {
	rejected := &Rejected{Reason: reason + ": a delete would become a row like any other", Hint: help}
	return &fencepost.UserError{Code: deletesNotTaken, Err: rejected, Help: help}
}

const deletesNotTaken = "deletes-not-taken"

// takesDeletes returns DeletesNotTaken unless a struct has a field for what a record does.
func (t *typed) takesDeletes(columns []fencepost.ColumnSpec) error {
	if !Deletes(columns) || Deletes(t.required) || Deletes(t.optional) {
		return nil
	}
	return DeletesNotTaken("the handler's rows have no field for "+fencepost.MetaOp, "give the struct a field for the column "+fencepost.MetaOp+", or let the decoder skip deletes")
}
