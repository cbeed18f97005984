package view

import (
	"cmp"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Copy is the answer of offsets copy and offsets import: what was taken over, or would be.
type Copy struct {
	fine
	Head
	Group    fencepost.Group `json:"group"`
	Executed bool            `json:"executed"`
	Verified bool            `json:"verified"`
	From     string          `json:"from"`
	To       string          `json:"to"`
	ByTime   bool            `json:"by_time"` // between clusters
	Stay     int             `json:"stay"`
	Notes    []string        `json:"notes"`
	Moves    []CopiedMove    `json:"moves"`

	Clock  text.Clock  `json:"-"` // how times are printed
	Held   int         `json:"-"` // partitions of which B holds a position already
	Fresh  bool        `json:"-"` // B has no ledger yet
	Uneven bool        `json:"-"` // the topic has another number of partitions there
	Made   *admin.Done `json:"-"` // nil: nothing was done yet
}

// CopiedMove is one partition.
type CopiedMove struct {
	Topic        string     `json:"topic"`
	Partition    int32      `json:"partition"`
	Cause        string     `json:"cause"`
	Stored       Word       `json:"stored"` // what A holds; null: nothing
	Held         *Position  `json:"held" csv:"offset fence"`
	Next         CopiedNext `json:"next"`
	Earliest     int64      `json:"earliest"`
	End          int64      `json:"end"`
	Unread       int64      `json:"unread"`               // offsets
	UnreadExact  bool       `json:"unread_exact" csv:"-"` // each of them is a record
	Verdict      Verdict    `json:"verdict"`
	Repeats      int64      `json:"repeats"` // offsets
	RepeatsExact bool       `json:"repeats_exact" csv:"-"`
	LosesAtMost  Number     `json:"loses_at_most"`
	RecordAtNext Instant    `json:"record_at_next"`
	Why          Word       `json:"why"`
}

// CopiedNext is where a partition is taken over to.
type CopiedNext struct {
	Offset  fencepost.Offset `json:"offset"`
	TopicID Word             `json:"topic_id"`
}

// NewCopy makes the answer of a command; from and to name the two ends, and done is what was done, nil for a plan.
func NewCopy(command string, c *admin.Copy, from, to string, done *admin.Done) Copy {
	out := Copy{Head: head(command), Group: c.Plan.Group, Executed: done != nil, Verified: done != nil, From: from, To: to, ByTime: c.Across, Stay: c.Plan.Stay,
		Notes: list(c.Notes), Moves: []CopiedMove{}, Clock: text.ClockAt(c.Plan.Made), Held: c.Held, Fresh: c.Fresh, Uneven: c.Uneven, Made: done}
	for _, l := range c.Lines {
		out.Moves = append(out.Moves, CopiedMove{l.Topic, l.Partition, l.Cause.String(), Word(l.Read), position(l.Held),
			CopiedNext{l.Next.Offset, Word(l.Next.TopicID.String())}, int64(l.Bounds.Earliest), int64(l.Bounds.HighWatermark), l.Unread(), l.Full, Verdict(l.Verdict), l.Repeats, l.Dense,
			Number(l.AtMost), Instant{l.At}, Word(l.Why)})
	}
	return out
}

// Rows are the moves.
func (c Copy) Rows() any { return c.Moves }

// Target says what B has already.
func (c Copy) Target() string {
	switch {
	case c.Fresh:
		return "no ledger yet; it is made with the first move"
	case c.Held == 0:
		return "knows none of these partitions"
	case c.Held == len(c.Moves):
		return "holds these partitions already"
	}
	return fmt.Sprintf("holds %d of these %s already", c.Held, text.Plural(len(c.Moves), "partition"))
}

// TimeNote says what going by time is worth; empty where that is not done.
func (c Copy) TimeNote() string {
	switch {
	case !c.ByTime:
		return ""
	case c.Uneven:
		return "the topic has another number of partitions there, so every one goes to the smallest time of all; records behind it that were read already are repeated"
	}
	return "offsets differ between clusters, so each position goes to the first record at or after the time of the record that is next to read; " +
		"records of the same millisecond may be repeated, and one out of order in time may be repeated or passed"
}

// Table is the moves in a table.
func (c Copy) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "READ", Right: true}, {Name: "HELD", Right: true}, {Name: "NEXT", Right: true},
		{Name: "EARLIEST", Right: true, Hide: 1}, {Name: "END", Right: true}, {Name: "UNREAD", Right: true}, {Name: "VERDICT"}}}
	if c.ByTime {
		table.Columns[7] = screen.Column{Name: "RECORD-AT (" + c.Clock.String() + ")"}
	}
	for _, m := range c.Moves {
		table.Rows = append(table.Rows, screen.Row{Cells: []string{partition(m.Topic, m.Partition), cmp.Or(string(m.Stored), "-"), m.Held.String(), text.Count(m.Next.Offset),
			text.Count(m.Earliest), text.Count(m.End), amount(m.Unread, m.UnreadExact), m.last(c)}, Style: screen.Yellow, Paint: m.LosesAtMost != 0})
	}
	return table
}

// last is the last cell of a move: the time by which it was found, or the verdict with its price.
func (m CopiedMove) last(c Copy) string {
	verdict := ledger.Verdict(m.Verdict).String()
	switch {
	case c.ByTime && m.RecordAtNext.IsZero():
		return "at the end"
	case c.ByTime:
		return c.Clock.Time(m.RecordAtNext.Time)
	case m.Stored == "":
		return "start"
	case m.LosesAtMost < 0:
		return verdict + "; loses unknown"
	case m.LosesAtMost > 0:
		return verdict + "; loses at most " + m.LosesAtMost.String()
	case m.Repeats != 0:
		return verdict + "; repeats " + amount(m.Repeats, m.RepeatsExact)
	}
	return verdict
}

// Moved is "3 partitions, cause import; topic ID ... stored with them". REQUIRES: it was executed.
func (c Copy) Moved() string {
	causes := map[ledger.Cause]int{}
	ids := map[fencepost.TopicID]bool{}
	for _, m := range c.Made.Moves {
		causes[m.Cause]++
		ids[m.Next.TopicID] = true
	}
	says := text.Plural(causes[ledger.CauseImport], "partition") + ", cause import"
	if n := causes[ledger.CauseStart]; n > 0 {
		says += ", and " + text.Plural(n, "partition") + ", cause start"
	}
	switch {
	case ids[fencepost.TopicID{}]:
		return says + "; without topic IDs, which these brokers do not have"
	case len(ids) == 1:
		return says + "; topic ID " + c.Made.Moves[0].Next.TopicID.String() + " stored with them"
	case len(ids) > 1:
		return says + "; topic IDs stored with them"
	}
	return "nothing had to move"
}
