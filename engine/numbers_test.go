package engine

import (
	"strconv"
	"sync/atomic"

	"github.com/fencepost/fencepost"
)

// numbers decodes values that are numbers, except one that it calls bad.
type numbers struct{ bad atomic.Int64 }

func (*numbers) Columns() []fencepost.ColumnSpec {
	return []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Int}}
}

func (d *numbers) Decode(r *fencepost.Record, cols []fencepost.Column) error {
	n, _ := strconv.Atoi(string(r.Value))
	if string(r.Value) == strconv.FormatInt(d.bad.Load(), 10) {
		return &fencepost.BadRecord{Code: "record-undecodable", Reason: "the test calls it bad"}
	}
	cols[0].AppendInt(int64(n))
	return nil
}
