package fencepost

import (
	"context"
	"errors"
)

// ErrNoRow is what a Decoder returns of a record that makes no row. The record counts as applied.
var ErrNoRow = errors.New("the record makes no row")

// Decoder makes rows of columns from one record: nearly always one. Used by one goroutine; each lane has its own.
type Decoder interface {
	// Columns says what Decode appends, in this order, before any metadata column.
	Columns() []ColumnSpec
	// Decode appends one row: exactly one value to each of the first len(Columns()) columns. A decoder that explodes records appends
	// several, the same number to each column; all of them are rows of the record, and share its commit. A decoder without columns
	// makes one row. If Decode returns an error, a *BadRecord, an *Unready or ErrNoRow, the caller drops what was begun with
	// Batch.Truncate. Behind ErrNoRow it goes on with the next record, behind a BadRecord it stops, and behind an Unready it tries
	// the same record again later.
	Decode(r *Record, columns []Column) error
}

// BadRecord says why one record cannot be made a row.
type BadRecord struct {
	Code   string // record-undecodable
	Reason string // for people: value is not JSON at byte 17
	// Parks: the partition stops at the record, whatever is said of bad ones. What is wrong is not this record's alone, and a person decides.
	Parks bool
}

// Because is the same of another reason.
func (e *BadRecord) Because(reason string) *BadRecord { return &BadRecord{e.Code, reason, e.Parks} }

// Error is the reason.
func (e *BadRecord) Error() string { return e.Reason }

// BadCode is the code of a record that a decoder refuses: the decoder's own, or record-undecodable where its error has none.
func BadCode(err error) string {
	if bad, ok := errors.AsType[*BadRecord](err); ok && bad.Code != "" {
		return bad.Code
	}
	return "record-undecodable"
}

// Unready says that a record cannot be decoded yet, for no fault of its own: its schema is in a registry that has not answered.
// The record's partition waits, and the record is tried again.
type Unready struct {
	Code   string // registry-silent
	Reason string // for people: the registry at http://localhost:8081 refuses connections
	// Await returns once the answer is there, good or bad, or the context ends: another try before is in vain. nil: no answer is
	// on its way, and a later try asks anew.
	Await func(context.Context)
}

// Error is the reason.
func (e *Unready) Error() string { return e.Reason }
