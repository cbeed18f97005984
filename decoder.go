package fencepost

import "errors"

// ErrNoRow is what a Decoder returns of a record that makes no row. The record counts as applied.
var ErrNoRow = errors.New("the record makes no row")

// Decoder makes one row of columns from one record. Used by one goroutine; each lane has its own.
type Decoder interface {
	// Columns says what Decode appends, in this order, before any metadata column.
	Columns() []ColumnSpec
	// Decode appends exactly one value to each of the first len(Columns()) columns. If it returns an error, a
	// *BadRecord, a *NotYet or ErrNoRow, the caller drops the begun row with Batch.Truncate. Behind ErrNoRow it goes on with the next
	// record, at a BadRecord it stops, and at a NotYet it waits and tries the same record again.
	Decode(r *Record, columns []Column) error
}

// BadRecord says why one record cannot be made a row.
type BadRecord struct {
	Code   string // record-undecodable
	Reason string // for people: value is not JSON at byte 17
}

// Error is the reason.
func (e *BadRecord) Error() string { return e.Reason }

// NotYet is what a Decoder returns of a record that it cannot decode now, and perhaps later: what it needs for that (a schema
// registry) does not answer. It says nothing about the record, so the partition does not park: it waits at this record, which is
// tried again, and its other records wait behind it.
type NotYet struct {
	Code   string // registry-silent
	Reason string // for people: what is waited for, and why it does not come
	Err    error  // the cause; it may be nil
}

// Error is the reason.
func (e *NotYet) Error() string { return e.Reason }

// Unwrap is the cause.
func (e *NotYet) Unwrap() error { return e.Err }
