package view

import (
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Plan is the answer of offsets set without --execute: what it would do.
type Plan struct {
	fine
	Head
	Group    fencepost.Group `json:"group"`
	Executed bool            `json:"executed"`
	Stay     int             `json:"stay"`      // partitions that do not move
	ToTime   Instant         `json:"to_time"`   // the instant that the target names; null: it names none
	PastLast []string        `json:"past_last"` // partitions without a record at or after ToTime: they go to the end, or stay there
	Moves    []PlannedMove   `json:"moves"`     // in partition order

	Past      string          `json:"-"` // PastLast, with neighbours joined
	Clock     text.Clock      `json:"-"` // how times are printed
	Left      fencepost.Place `json:"-"` // where the group went on, if the ledger is an old primary's
	Committed bool            `json:"-"` // a Kafka group's commits are moved, and not a ledger
	Members   int             `json:"-"` // of that group, live
}

// PlannedMove is one partition that would move.
type PlannedMove struct {
	Topic        string    `json:"topic"`
	Partition    int32     `json:"partition"`
	Cause        string    `json:"cause"`
	Held         *Position `json:"held" csv:"offset fence"`
	Next         Next      `json:"next"`
	Repeats      int64     `json:"repeats"`               // offsets
	RepeatsExact bool      `json:"repeats_exact" csv:"-"` // each of them is a record
	LosesAtMost  Number    `json:"loses_at_most"`
	RecordAtNext Instant   `json:"record_at_next" csv:"-"`
	Why          Word      `json:"why"`
}

// NewPlan makes the answer.
func NewPlan(p *admin.Plan) Plan {
	out := Plan{Head: head("offsets set"), Group: p.Group, Stay: p.Stay, ToTime: Instant{p.ToTime()}, PastLast: []string{}, Moves: []PlannedMove{},
		Clock: text.ClockAt(p.Made), Left: p.Left, Committed: p.Committed, Members: p.Members}
	for _, l := range p.Lines {
		out.Moves = append(out.Moves, PlannedMove{l.Topic, l.Partition, l.Cause.String(), position(l.Held), Next{l.Next.Offset}, l.Repeats, l.Dense,
			Number(l.AtMost), Instant{l.RecordAt}, Word(l.Why)})
	}
	for _, tp := range p.PastLast {
		out.PastLast = append(out.PastLast, tp.String())
	}
	out.Past = named(p.PastLast, 20)
	return out
}

// Rows are the moves.
func (p Plan) Rows() any { return p.Moves }

// Repeats is how many records are applied again.
func (p Plan) Repeats() (n text.Amount) {
	for _, m := range p.Moves {
		n = n.Plus(text.Amount{N: m.Repeats, Most: m.Repeats > 0 && !m.RepeatsExact})
	}
	return n
}

// Summary is "rewind 3 partitions, skip 1 partition".
func (p Plan) Summary() string {
	n := map[string]int{}
	for _, m := range p.Moves {
		n[m.Cause]++
	}
	var parts []string
	for cause := ledger.CauseStart; cause <= ledger.CauseImport; cause++ {
		if n[cause.String()] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", cause, text.Plural(n[cause.String()], "partition")))
		}
	}
	return strings.Join(parts, ", ")
}

// Safety says beside whom the plan may be carried out.
func (p Plan) Safety() string {
	switch {
	case !p.Committed:
		return "Safe while workers run: they obey the Fence"
	case p.Members > 0:
		return "Refused while it has live members: " + text.Count(p.Members)
	}
	return "No member is live; Kafka has no Fence"
}

// Table is the moves in a table.
func (p Plan) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "OFFSET", Right: true}, {Name: "NEXT", Right: true},
		{Name: "REPEATS", Right: true}, {Name: "LOSES-AT-MOST", Right: true}, {Name: "RECORD-AT-NEXT (" + p.Clock.String() + ")", Hide: 1}}}
	for _, m := range p.Moves {
		table.Rows = append(table.Rows, screen.Row{Cells: []string{partition(m.Topic, m.Partition), m.Held.String(), text.Count(m.Next.Offset),
			amount(m.Repeats, m.RepeatsExact), m.LosesAtMost.Loss(), p.Clock.Time(m.RecordAtNext.Time)}, Style: screen.Yellow, Paint: m.LosesAtMost != 0})
	}
	return table
}

// partition is a partition's name: trips:3.
func partition(topic string, p int32) string {
	return fencepost.TopicPartition{Topic: topic, Partition: p}.String()
}

// Done is the answer of a verb that moved positions, as they were read back.
type Done struct {
	Head
	Group    fencepost.Group `json:"group"`
	Executed bool            `json:"executed"`
	Verified bool            `json:"verified"`
	Stay     int             `json:"stay"`
	WentOn   int             `json:"went_on"` // partitions that a worker had taken up already
	Moves    []DoneMove      `json:"moves"`

	Left []string `json:"-"` // of a repair: what is left, and why, a line each

	Committed bool `json:"-"` // a Kafka group's commits were moved, which have no Fence
}

// DoneMove is one move that was made.
type DoneMove struct {
	Topic       string    `json:"topic"`
	Partition   int32     `json:"partition"`
	Cause       string    `json:"cause"`
	Held        *Position `json:"held" csv:"offset fence"`
	Next        *Position `json:"next" csv:"offset"`
	Repeats     Number    `json:"repeats"`               // offsets
	Exact       bool      `json:"repeats_exact" csv:"-"` // each of them is a record
	LosesAtMost Number    `json:"loses_at_most"`
	Why         Word      `json:"why"`
}

// NewDone makes the answer of offsets set.
func NewDone(p *admin.Plan, done admin.Done) Done {
	out := Done{Head: head("offsets set"), Group: p.Group, Executed: true, Verified: true, Stay: p.Stay, WentOn: done.WentOn, Committed: p.Committed}
	for i, m := range done.Moves {
		out.Moves = append(out.Moves, DoneMove{m.Topic, m.Partition, m.Cause.String(), position(m.Held), position(m.Next), Number(done.Repeats[i].N), !done.Repeats[i].Most,
			Number(m.AtMost), Word(m.Reason())})
	}
	return out
}

// Rows are the moves.
func (d Done) Rows() any { return d.Moves }

// Exit is 3 where something is left to repair.
func (d Done) Exit() int { return found(len(d.Left) > 0) }

// Lines are a line for each move, and one that says that it was read back.
func (d Done) Lines() (lines []string) {
	wide := [4]int{}
	cells := make([][4]string, len(d.Moves))
	for i, m := range d.Moves {
		cells[i] = [4]string{partition(m.Topic, m.Partition), m.Cause, m.Held.String() + " -> " + m.Next.String(), m.price()}
		for c, cell := range cells[i] {
			wide[c] = max(wide[c], len(cell))
		}
	}
	for _, c := range cells {
		lines = append(lines, fmt.Sprintf("moved      %-*s  %-*s  %-*s   %s", wide[0], c[0], wide[1], c[1], wide[2], c[2], c[3]))
	}
	says := fmt.Sprintf("%d of %s hold the new Fence", len(d.Moves), text.Plural(len(d.Moves), "partition"))
	switch len(d.Moves) {
	case 0:
		says = "nothing had to move"
	case 1:
		says = "1 of 1 partition holds the new Fence"
	}
	if d.Committed && len(d.Moves) > 0 {
		says = fmt.Sprintf("%d of %s read back", len(d.Moves), text.Plural(len(d.Moves), "partition"))
	}
	if d.WentOn > 0 {
		says += fmt.Sprintf("; a worker went on from it already in %d", d.WentOn)
	}
	lines = append(lines, "verified   "+says)
	for _, left := range d.Left {
		lines = append(lines, "left       "+left)
	}
	return lines
}

// price is what a move costs: records that are repeated, or passed.
func (m DoneMove) price() string {
	switch {
	case m.Cause == ledger.CauseStart.String() && m.Held != nil:
		return "of the new topic; loses unknown"
	case m.LosesAtMost < 0:
		return "loses unknown"
	case m.LosesAtMost > 0:
		return "loses at most " + m.LosesAtMost.String()
	}
	return "repeats " + amount(m.Repeats, m.Exact)
}
