package view

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

// foldAbove is how many lines a table may have before its ok partitions are folded.
const foldAbove = 40

// Detail is how much of the positions a table shows.
type Detail uint8

// The details.
const (
	Folded Detail = iota // partitions that are as they should be are one line, where there are many or others matter more
	All                  // a line for each partition
	Wide                 // and all that is known of it
)

// Table is the positions in a table.
func (p Positions) Table(detail Detail) screen.Table {
	plain, odd := p.Ordered()
	wide := detail == Wide
	var folded []Standing
	if detail == Folded && (odd > 0 || len(plain) > foldAbove) {
		plain, folded = plain[:odd], plain[odd:]
	}
	table := screen.Table{Columns: standingColumns(wide)}
	many := detail == Folded && len(plain) > foldAbove
	for i := 0; i < len(plain); {
		n := 1
		if many {
			n = alikeStandings(plain[i:])
		}
		row := plain[i].row(p, wide)
		if n > 1 {
			row.Cells[0] = span(plain[i : i+n])
			row.Cells[len(row.Cells)-1] = "" // each has one of its own
		}
		table.Rows = append(table.Rows, row)
		i += n
	}
	table.Rows = append(table.Rows, p.lastRow(folded))
	return table
}

// span names neighbours: trips:0-3.
func span(list []Standing) string {
	return text.Spans(len(list), func(i int) (string, int32) { return list[i].Topic, list[i].Partition })[0]
}

// alikeStandings is how many partitions, from the first on, are neighbours that are odd for the same reason and read alike in a
// table.
func alikeStandings(list []Standing) int {
	first, cells := list[0], list[0].cells()[1:]
	n := 1
	for n < len(list) && first.Odd {
		s := list[n]
		if !s.Odd || s.Topic != first.Topic || s.Partition != first.Partition+int32(n) || s.Reason != first.Reason || !slices.Equal(s.cells()[1:], cells) {
			break
		}
		n++
	}
	return n
}

func standingColumns(wide bool) []screen.Column {
	columns := []screen.Column{{Name: "PARTITION"}, {Name: "OFFSET", Right: true}, {Name: "EARLIEST", Right: true, Hide: 4},
		{Name: "STABLE", Right: true, Hide: 2}, {Name: "END", Right: true}, {Name: "LAG", Right: true},
		{Name: "LAG-TIME", Right: true, Hide: 3}, {Name: "VERDICT"}, {Name: "STATE"}}
	if wide {
		return append(columns, screen.Column{Name: "LEADER-EPOCH", Right: true}, screen.Column{Name: "FENCE"}, screen.Column{Name: "TOPIC-ID"},
			screen.Column{Name: "CAUSE"}, screen.Column{Name: "TIME"}, screen.Column{Name: "WHO"}, screen.Column{Name: "WHY"})
	}
	return append(columns, screen.Column{Name: "LAST-MOVE", Hide: 1})
}

// Name is the partition: trips:3.
func (s Standing) Name() string {
	return fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}.String()
}

// cells are a partition's, without those of its last move.
func (s Standing) cells() []string {
	cells := []string{s.Name(), s.Position.String(), "-", "-", "-", s.Lag.String(), s.LagTime.String(), s.Verdict.String(), string(s.State)}
	if b := s.Bounds; b != nil {
		cells[2], cells[3], cells[4] = text.Count(b.Earliest), text.Count(b.Stable), text.Count(b.End)
	}
	return cells
}

// row is the line of one partition.
func (s Standing) row(p Positions, wide bool) screen.Row {
	row := screen.Row{Style: screen.Green, Paint: s.Settled}
	switch string(s.State) {
	case admin.Parked.String():
		row.Style, row.Paint = screen.Red, true
	case admin.Waiting.String(), admin.Blocked.String(), admin.Retrying.String(), admin.CutOff.String():
		row.Style, row.Paint = screen.Yellow, true
	}
	row.Cells = append(s.cells(), s.lastMove(p, wide)...)
	return row
}

// lastMove is who moved a position last: in one cell, or in seven.
func (s Standing) lastMove(all Positions, wide bool) []string {
	m := s.LastMove
	if !wide {
		if m == nil {
			return []string{"-"}
		}
		return []string{m.Cause + " " + Ago(all.Time.Time, m.Time.Time)}
	}
	cells := []string{"-", "-", "-", "-", "-", "-", "-"}
	if p := s.Position; p != nil {
		if p.LeaderEpoch >= 0 {
			cells[0] = fmt.Sprint(int64(p.LeaderEpoch))
		}
		cells[1], cells[2] = cmp.Or(string(p.Fence), "-"), string(p.TopicID)
	}
	if m != nil {
		cells[3], cells[4], cells[5], cells[6] = m.Cause, all.Clock.Time(m.Time.Time), string(m.Who), cmp.Or(screen.Printable(string(m.Why)), "-")
	}
	return cells
}

// lastRow sums the rows above, or stands for the partitions that were folded.
func (p Positions) lastRow(folded []Standing) screen.Row {
	if len(folded) > 0 {
		lag, longest := Number(0), Age(0)
		for _, s := range folded {
			lag += max(s.Lag, 0)
			longest = max(longest, s.LagTime)
		}
		return screen.Row{Cells: []string{fmt.Sprintf("%d more, all ok (--all)", len(folded)), "", "", "", "", lag.String(), longest.String(), "ok"},
			Style: screen.Green, Paint: true}
	}
	offsets, ends := Number(-1), Number(-1) // a partition of which one is not known is left out of that sum
	for _, s := range p.Positions {
		if s.Position != nil {
			offsets = max(offsets, 0) + Number(s.Position.Offset)
		}
		if s.Bounds != nil {
			ends = max(ends, 0) + Number(s.Bounds.End)
		}
	}
	return screen.Row{Cells: []string{"total", offsets.String(), "", "", ends.String(), cmp.Or(p.Lag(), "-"), p.LagTime().String(), p.Verdicts()}}
}

// Lag is the sum of what is known; at least so much, where of a partition it is not. Empty: it is not known of any.
func (p Positions) Lag() string {
	switch {
	case p.Totals.LagUnknown == p.Totals.Partitions:
		return ""
	case p.Totals.AtLeast:
		return "at least " + text.Count(p.Totals.Lag)
	}
	return text.Count(p.Totals.Lag)
}

// LagTime is the age of the oldest unread record; not known if a lagging partition's is not.
func (p Positions) LagTime() (longest Age) {
	longest = -1
	for _, s := range p.Positions {
		if s.Lag > 0 && s.LagTime < 0 {
			return -1
		}
		longest = max(longest, s.LagTime)
	}
	return longest
}
