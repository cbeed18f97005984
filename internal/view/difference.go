package view

import (
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

// Difference is the answer of offsets diff: two groups side by side.
type Difference struct {
	Head
	A           string     `json:"a"`
	B           string     `json:"b"`
	Equal       int        `json:"equal"`
	Apart       int        `json:"apart"`
	OnlyA       int        `json:"only_in_a"`
	OnlyB       int        `json:"only_in_b"`
	AHoldsTopic bool       `json:"a_holds_topic_ids"`
	BHoldsTopic bool       `json:"b_holds_topic_ids"`
	ANotes      []string   `json:"a_notes"`
	BNotes      []string   `json:"b_notes"`
	Partitions  []DiffLine `json:"partitions"` // in partition order
}

// DiffLine is one partition.
type DiffLine struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	A         *Side  `json:"a"` // nil: A has no position of it
	B         *Side  `json:"b"`
	AMinusB   *int64 `json:"a_minus_b"` // nil where only one has a position
	Earliest  Number `json:"earliest"`
	End       Number `json:"end"`
}

// Side is what one of the two holds.
type Side struct {
	Offset  fencepost.Offset `json:"offset"`
	Stored  *string          `json:"stored"` // what another program stored
	Verdict Verdict          `json:"verdict"`
}

// NewDifference makes the answer of two looks; a and b name what was looked at.
func NewDifference(d admin.Difference, a, b string, one, other admin.View) Difference {
	out := Difference{Head: head("offsets diff"), A: a, B: b, Equal: d.Equal, Apart: d.Apart, OnlyA: d.OnlyA, OnlyB: d.OnlyB,
		AHoldsTopic: !one.Bare(), BHoldsTopic: !other.Bare(), ANotes: list(one.Notes), BNotes: list(other.Notes), Partitions: []DiffLine{}}
	for _, l := range d.Lines {
		line := DiffLine{Topic: l.Topic, Partition: l.Partition, A: side(l.A), B: side(l.B), Earliest: -1, End: -1}
		if l.A != nil && l.B != nil {
			apart := l.Apart()
			line.AMinusB = &apart
		}
		if b := l.LogOffsets(); b.Err == nil {
			line.Earliest, line.End = Number(b.Earliest), Number(b.HighWatermark)
		}
		out.Partitions = append(out.Partitions, line)
	}
	return out
}

func side(s *admin.Standing) *Side {
	if s == nil {
		return nil
	}
	out := &Side{Offset: s.Position.Offset, Verdict: Verdict(s.Decision.Verdict)}
	if s.Entry != nil {
		out.Stored = &s.Entry.Raw
	}
	return out
}

// Rows are the partitions.
func (d Difference) Rows() any { return d.Partitions }

// Exit is 3 where they differ.
func (d Difference) Exit() int { return found(d.Apart+d.OnlyA+d.OnlyB > 0) }

// Table is the partitions in a table.
func (d Difference) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "A", Right: true}, {Name: "B", Right: true}, {Name: "A-B", Right: true},
		{Name: "EARLIEST", Right: true, Hide: 1}, {Name: "END", Right: true}, {Name: "VERDICT-A"}, {Name: "VERDICT-B"}}}
	for _, l := range d.Partitions {
		apart := "-"
		if n := l.AMinusB; n != nil {
			apart = text.Count(*n)
			if *n > 0 {
				apart = "+" + apart
			}
		}
		aOffset, aVerdict := l.A.cells()
		bOffset, bVerdict := l.B.cells()
		name := fencepost.TopicPartition{Topic: l.Topic, Partition: l.Partition}.String()
		table.Rows = append(table.Rows, screen.Row{Cells: []string{name, aOffset, bOffset, apart, l.Earliest.String(), l.End.String(), aVerdict, bVerdict},
			Style: screen.Yellow, Paint: apart != "0"})
	}
	return table
}

func (s *Side) cells() (offset, verdict string) {
	if s == nil {
		return "-", "-"
	}
	return text.Count(s.Offset), s.Verdict.String()
}

// Summary is "1 equal, 1 apart, 1 only in A. A holds no topic IDs: it would not show a recreated topic."
func (d Difference) Summary() string {
	var parts []string
	for _, part := range []struct {
		n    int
		text string
	}{{d.Equal, "equal"}, {d.Apart, "apart"}, {d.OnlyA, "only in A"}, {d.OnlyB, "only in B"}} {
		if part.n > 0 {
			parts = append(parts, text.Count(part.n)+" "+part.text)
		}
	}
	says := strings.Join(parts, ", ") + "."
	switch {
	case !d.AHoldsTopic && !d.BHoldsTopic:
		says += " A and B hold no topic IDs: they would not show a recreated topic."
	case !d.AHoldsTopic:
		says += " A holds no topic IDs: it would not show a recreated topic."
	case !d.BHoldsTopic:
		says += " B holds no topic IDs: it would not show a recreated topic."
	}
	return says
}
