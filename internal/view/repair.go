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

// Repair is the answer of offsets repair without --execute: what can be done about each position that is not ok.
type Repair struct {
	Head
	Group    fencepost.Group `json:"group"`
	Executed bool            `json:"executed"`
	Options  []Option        `json:"options"` // in partition order
	Left     []string        `json:"left"`    // partitions that wait, or that no move mends
	Records  []Record        `json:"records"` // those that park partitions

	Ailing    int      `json:"-"` // partitions that need a choice
	Undecided int      `json:"-"` // those of them that have none yet
	Waits     []string `json:"-"` // those of Left that wait
	Stuck     []string `json:"-"` // those of Left that no move mends, with the reason
	Sink      []string `json:"-"` // what a choice does not take back
}

// Option is one thing that can be done about one partition.
type Option struct {
	Topic       string    `json:"topic"`
	Partition   int32     `json:"partition"`
	Verdict     string    `json:"verdict"`
	Choice      string    `json:"choice"`
	Chosen      bool      `json:"chosen"`
	Cause       Word      `json:"cause"` // null: nothing moves
	Held        *Position `json:"held" csv:"offset"`
	Next        Next      `json:"next"`
	Repeats     Number    `json:"repeats"`               // offsets
	Exact       bool      `json:"repeats_exact" csv:"-"` // each of them is a record
	LosesAtMost Number    `json:"loses_at_most"`
	Note        Word      `json:"note"`

	Words   string `json:"-"` // the verdict for people
	Decided bool   `json:"-"` // one of the partition's options is chosen
}

// NewRepair makes the answer.
func NewRepair(r *admin.Repair) Repair {
	out := Repair{Head: head("offsets repair"), Group: r.Plan.Group, Options: []Option{}, Left: []string{}, Records: []Record{}, Ailing: len(r.Ailing), Undecided: len(r.Undecided())}
	for _, ailing := range r.Ailing {
		for _, rec := range ailing.Records {
			out.Records = append(out.Records, record(rec))
		}
		for i, o := range ailing.Options {
			option := Option{Topic: o.Topic, Partition: o.Partition, Verdict: Kebab(ailing.Decision.Verdict), Choice: o.Choice,
				Chosen: ailing.Chosen == &ailing.Options[i], Held: position(o.Held), Next: Next{o.Next.Offset}, Repeats: Number(o.Repeats), Exact: o.Dense,
				LosesAtMost: Number(o.AtMost), Note: Word(o.Note), Words: ailing.Decision.Verdict.String(), Decided: ailing.Chosen != nil}
			if o.Cause != ledger.CauseUnset {
				option.Cause = Word(o.Cause.String())
			}
			out.Options = append(out.Options, option)
		}
		if d := ailing.Decision; d.Verdict == ledger.Truncated && d.Diverged >= 0 {
			out.Sink = append(out.Sink, fmt.Sprintf("what the %s vanished offsets of %s did stays; no choice takes it back",
				text.Count(ailing.Position.Offset-d.Diverged), ailing.TopicPartition))
		}
	}
	for _, s := range r.Waiting {
		out.Waits = append(out.Waits, s.TopicPartition.String())
		if s.Report != nil {
			out.Stuck = append(out.Stuck, fmt.Sprintf("%s  %s: %s", s.TopicPartition, s.State, s.Told()))
		}
	}
	out.Left = append(out.Left, out.Waits...)
	for _, s := range r.Stuck {
		out.Left = append(out.Left, s.TopicPartition.String())
		out.Stuck = append(out.Stuck, fmt.Sprintf("%s  %s: %s", s.TopicPartition, s.Decision.Verdict, s.Reason))
	}
	return out
}

// NewRepaired is the answer of offsets repair with --execute.
func NewRepaired(r *admin.Repair, done admin.Done) Done {
	out := NewDone(r.Plan, done)
	out.Command = "offsets repair"
	for _, some := range [][]admin.Standing{r.Waiting, r.Stuck} {
		for _, s := range some {
			out.Left = append(out.Left, fmt.Sprintf("%s %s, %s: %s", s.TopicPartition, s.Decision.Verdict, s.State, s.Reason))
		}
	}
	return out
}

// Rows are the options.
func (r Repair) Rows() any { return r.Options }

// Exit is 3 where anything is left to repair.
func (r Repair) Exit() int { return found(r.Ailing+len(r.Left) > 0) }

// Summary is "2 parked partitions need a choice; trips:3 waits and needs none".
func (r Repair) Summary() string {
	var parts []string
	switch {
	case r.Ailing == 0:
		parts = append(parts, "nothing to choose")
	case r.Undecided == 0:
		parts = append(parts, text.Plural(r.Ailing, "partition")+" to repair")
	case r.Undecided == 1:
		parts = append(parts, "1 parked partition needs a choice")
	default:
		parts = append(parts, text.Plural(r.Undecided, "parked partition")+" need a choice")
	}
	for _, name := range r.Waits {
		parts = append(parts, name+" waits and needs none")
	}
	return strings.Join(parts, "; ")
}

// Choose is how to choose. Where records alone park partitions, no policy is asked for, and the command is whole.
func (r Repair) Choose() string {
	var parked []string
	for _, o := range r.Options {
		switch {
		case o.Decided || o.Choice == "retry":
		case o.Choice == "skip":
			parked = append(parked, " --topic "+partition(o.Topic, o.Partition))
		default:
			return "--policy earliest,truncated=divergence  --record retry|skip  --execute"
		}
	}
	if len(parked) > mostNamed {
		parked = nil
	}
	return "mend the cause; or fencepost offsets repair FILE" + strings.Join(parked, "") + " --record skip --execute"
}

// mostNamed is how many partitions a command names. Of more it takes all.
const mostNamed = 3

// Table is the options in a table: of a partition for which one is chosen, that one.
func (r Repair) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "VERDICT"}, {Name: "CHOICE"}, {Name: "OFFSET", Right: true},
		{Name: "NEXT", Right: true}, {Name: "REPEATS", Right: true}, {Name: "LOSES-AT-MOST", Right: true}, {Name: ""}}}
	last := ""
	for _, o := range r.Options {
		if o.Decided && !o.Chosen {
			continue
		}
		cells := []string{"", "", o.Choice, o.Held.String(), text.Count(o.Next.Offset), amount(o.Repeats, o.Exact), o.LosesAtMost.Loss(), string(o.Note)}
		if name := partition(o.Topic, o.Partition); name != last {
			cells[0], cells[1], last = name, o.Words, name
		}
		table.Rows = append(table.Rows, screen.Row{Cells: cells, Style: screen.Red, Paint: !o.Decided})
	}
	return table
}
