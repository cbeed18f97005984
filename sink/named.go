package sink

import (
	"errors"

	"github.com/fencepost/fencepost"
)

// RowOf is the Row of a Rejected for the row of that index in the batch's columns; 0: no segment has it.
func RowOf(b *fencepost.Batch, index int) (row int) {
	for _, s := range b.Segments {
		if index >= s.Lo && index < s.Hi {
			return row + index - s.Lo + 1
		}
		row += s.Rows()
	}
	return 0
}

// Name has a *Rejected that names no row name this one, counted as Rejected.Row is. Any other error it returns as it is.
func Name(err error, row int) error {
	if r, ok := errors.AsType[*Rejected](err); ok && (r.Blame == TheRows || r.Blame == TheSize) && r.Row == 0 {
		r.Row = row
	}
	return err
}
