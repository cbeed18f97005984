package view

import (
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

// Backfill is the answer of backfill: what is to run again, and how far it is.
type Backfill struct {
	fine
	Head
	Group    fencepost.Group `json:"group"`
	Beside   fencepost.Group `json:"beside"` // the main line's
	Executed bool            `json:"executed"`
	Verified bool            `json:"verified"`
	Left     int64           `json:"left"`      // offsets
	FromTime Instant         `json:"from_time"` // of a span of time: its instants, [From, To); null where offsets were named
	ToTime   Instant         `json:"to_time"`
	Ranges   []Range         `json:"ranges"`

	Clock text.Clock `json:"-"` // how times are printed
	Begun bool       `json:"-"` // the ledger knows the group: it goes on where it stopped
	Cut   []string   `json:"-"` // partitions whose log begins inside of the time that was asked for
}

// Range is one partition's part.
type Range struct {
	Topic     string           `json:"topic"`
	Partition int32            `json:"partition"`
	From      fencepost.Offset `json:"from"`
	Until     fencepost.Offset `json:"until"`
	Offset    fencepost.Offset `json:"offset"` // its position
	Left      int64            `json:"left"`
	Repeats   int64            `json:"repeats"`               // offsets
	Exact     bool             `json:"repeats_exact" csv:"-"` // each of them is a record
}

// NewBackfill makes the answer of a plan, or of what was executed.
func NewBackfill(b *admin.Backfill, executed bool) Backfill {
	out := Backfill{Head: head("backfill"), Group: b.Group, Beside: b.Of, Executed: executed, Verified: executed && b.Left() == 0, Left: b.Left(),
		FromTime: Instant{b.From}, ToTime: Instant{b.To}, Ranges: []Range{}, Clock: text.ClockAt(b.Made), Begun: b.Begun}
	for _, r := range b.Ranges {
		out.Ranges = append(out.Ranges, Range{r.Topic, r.Partition, r.From, r.Until, r.At, r.Left(), r.Again, r.Dense})
		if r.Cut {
			out.Cut = append(out.Cut, r.TopicPartition.String())
		}
	}
	return out
}

// Rows are the ranges.
func (b Backfill) Rows() any { return b.Ranges }

// Repeats is how many records the main line applies too.
func (b Backfill) Repeats() (n text.Amount) {
	for _, r := range b.Ranges {
		n = n.Plus(text.Amount{N: r.Repeats, Most: r.Repeats > 0 && !r.Exact})
	}
	return n
}

// Table is the ranges in a table.
func (b Backfill) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "RANGE"}, {Name: "OFFSET", Right: true}, {Name: "LEFT", Right: true},
		{Name: "REPEATS", Right: true}}}
	for _, r := range b.Ranges {
		table.Rows = append(table.Rows, screen.Row{Cells: []string{partition(r.Topic, r.Partition),
			fmt.Sprintf("[%s .. %s)", text.Count(r.From), text.Count(r.Until)), text.Count(r.Offset), text.Count(r.Left), amount(r.Repeats, r.Exact)}})
	}
	return table
}
