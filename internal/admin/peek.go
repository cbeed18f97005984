package admin

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// Peeked is a record as the topic has it, and what the pipeline's decoder makes of it as far as it goes.
type Peeked struct {
	fencepost.Record
	Columns []fencepost.Column // with one value, or none where the decoder did not get there; nil: nothing decodes it
	Bad     error              // why it cannot be decoded; nil: it can, or it was not tried
}

// Peek reads the first records of a partition at or behind an offset, at most n: offsets of markers and compacted records
// have none.
//
// Errors: *fencepost.UserError out-of-bounds.
func Peek(ctx context.Context, r Resources, tp fencepost.TopicPartition, from fencepost.Offset, n int) (all []Peeked, err error) {
	b := r.Cluster.LogOffsets(ctx, []fencepost.OffsetQuery{{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch}})[tp]
	switch {
	case b.Err != nil:
		return nil, fmt.Errorf("read %s: %w", tp, b.Err)
	case from < b.Earliest || from >= b.HighWatermark:
		return nil, &fencepost.UserError{Code: "out-of-bounds", Exit: 4, Help: "name an offset in the log",
			Err: fmt.Errorf("%s has no offset %s: its log is [%s .. %s)", tp, text.Count(from), text.Count(b.Earliest), text.Count(b.HighWatermark))}
	}
	ctx, cancel := context.WithTimeout(ctx, peekTime)
	defer cancel()
	err = r.Reader.Scan(ctx, map[fencepost.TopicPartition]fencepost.OffsetRange{tp: {From: from, Until: b.HighWatermark}}, func(rec *fencepost.Record) bool {
		all = append(all, r.peeked(kept(rec)))
		return len(all) < n
	})
	if len(all) > 0 {
		return all, nil
	}
	if err == nil {
		err = &fencepost.UserError{Code: "out-of-bounds", Exit: 4, Help: "name an offset of a record",
			Err: fmt.Errorf("%s has no record at or behind %s: only markers, or what a transaction holds back", tp, text.Count(from))}
	}
	return nil, err
}

// peeked decodes a record.
func (r Resources) peeked(rec fencepost.Record) Peeked {
	p := Peeked{Record: rec}
	if r.Decode != nil {
		p.Columns, p.Bad = r.Decode(&rec)
	}
	return p
}

// Shown is the value of a column's row as people read it; "null", "default" of the table, "unchanged" and "-" for none.
func Shown(c *fencepost.Column, row int) string {
	switch {
	case row >= c.Len():
		return "-"
	case c.Absent(row):
		return "default"
	case c.Unchanged(row):
		return "unchanged"
	case c.Null(row):
		return "null"
	}
	switch c.Type {
	case fencepost.Int:
		return strconv.FormatInt(c.Int(row), 10)
	case fencepost.Bool:
		return strconv.FormatBool(c.Bool(row))
	case fencepost.Float:
		if f := c.Float(row); !math.IsNaN(f) {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
		return "NaN"
	case fencepost.Timestamp:
		return time.UnixMicro(c.Micros(row)).UTC().Format(time.RFC3339Nano)
	case fencepost.Text, fencepost.Bytes, fencepost.Decimal, fencepost.JSON, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return string(c.Bytes(row))
}

// ReadParked reads the records that park partitions, at most n of each: what a repair shows, and passes.
func (v *View) ReadParked(ctx context.Context, r Resources, sel Selection, n int) {
	for i := range v.Standings {
		s := &v.Standings[i]
		if at := s.BadAt(); at >= 0 && sel.Has(s.TopicPartition) && r.Reader != nil {
			s.Records, _ = Peek(ctx, r, s.TopicPartition, at, n) // what could not be read is not shown
		}
	}
}
