package sink

import (
	"context"
	"errors"
	"iter"

	"github.com/fencepost/fencepost"
)

// Provenance is an optional ability of a Sink: it says which records the rows of its table came from, by the columns
// _topic, _partition and _offset.
type Provenance interface {
	// Applied yields each record that has a row, with how many rows it has, in partition and offset order, as of one
	// moment. Rows that name no record (one of the three is null) come first, as one entry with Topic "".
	//
	// Errors: ErrNoProvenance; any other error: no answer.
	Applied(context.Context) iter.Seq2[Applied, error]
}

// Applied is one record that has rows in a sink's table.
type Applied struct {
	fencepost.TopicPartition
	Offset fencepost.Offset
	Rows   int64
	// Places is how many different fencepost.MetaIndex the rows have: of an exploded record each row has its own. 0: the table has no
	// such column, and a record has one row.
	Places int64
}

// RecordColumns are the columns that say which record a row came from: Provenance rests on them.
func RecordColumns() []fencepost.ColumnSpec { return fencepost.MetaColumns()[:3] }

// ErrNoProvenance says that the rows do not say which records they came from: the table lacks a column, or SQL of the
// user's own writes it. Yielded by Provenance.Applied, wrapped with the reason.
var ErrNoProvenance = errors.New("the rows do not tell their records")
