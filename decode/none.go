package decode

import "github.com/fencepost/fencepost"

// None is a Factory of decoders without a column: batches have the records' offsets and timestamps, and, where the sink
// asks for them, key and headers. What a record holds is not looked at.
func None() fencepost.Decoder { return noColumn{} }

type noColumn struct{}

func (noColumn) Columns() []fencepost.ColumnSpec                    { return nil }
func (noColumn) Decode(*fencepost.Record, []fencepost.Column) error { return nil }
