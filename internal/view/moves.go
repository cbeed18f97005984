package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Moves is the answer of moves: how positions moved, oldest first.
type Moves struct {
	Head
	Group   fencepost.Group `json:"group"`
	Folded  int64           `json:"commits_folded"`
	AtMost  int64           `json:"at_most"` // records that these moves passed unapplied, at most, besides those of Unknown
	Unknown []string        `json:"unknown"` // topics whose number is not known
	Moves   []Move          `json:"moves"`

	Clock text.Clock `json:"-"` // how times are printed
	Old   []string   `json:"-"` // those of Unknown that were recreated: the records were the old topic's
	Gaps  bool       `json:"-"` // only moves that passed records were asked for
}

// Move is one recorded move.
type Move struct {
	Time          Instant   `json:"time"`
	Topic         string    `json:"topic"`
	Partition     int32     `json:"partition"`
	Cause         string    `json:"cause"`
	Commits       int64     `json:"commits"`
	Held          *Position `json:"held"`
	Next          *Position `json:"next"`
	AtMost        Number    `json:"at_most"`
	AtMostUnknown bool      `json:"at_most_unknown"`
	Who           Word      `json:"who"`
	Why           Word      `json:"why"`
}

// NewMoves makes the answer, which is of now.
func NewMoves(m admin.Told, group fencepost.Group, f admin.Filter, now time.Time) Moves {
	out := Moves{Head: head("moves"), Group: group, Folded: m.Folded, AtMost: m.AtMost, Unknown: m.Unknown, Moves: []Move{}, Clock: text.ClockAt(now), Old: m.Old, Gaps: f.Gaps}
	for _, one := range m.Moves {
		out.Moves = append(out.Moves, Move{Instant{one.At}, one.Topic, one.Partition, one.Cause.String(), one.Commits, position(one.Held), position(one.Next),
			Number(one.AtMost), one.AtMost == ledger.UnknownLoss, Word(one.Who), Word(one.Reason())})
	}
	return out
}

// Rows are the moves.
func (m Moves) Rows() any { return m.Moves }

// Exit is 3 where gaps were asked for, and there is one.
func (m Moves) Exit() int { return found(m.Gaps && len(m.Moves) > 0) }

// Table is the moves in a table: the same move of neighbouring partitions is one line.
func (m Moves) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "TIME"}, {Name: "PARTITION"}, {Name: "CAUSE"}, {Name: "HELD", Right: true},
		{Name: "NEXT", Right: true}, {Name: "AT-MOST", Right: true}, {Name: "WHO", Hide: 1}, {Name: "WHY", Cut: true}}}
	for _, run := range m.Runs() {
		table.Rows = append(table.Rows, run.Move.row(m.Clock, run.Name))
	}
	return table
}

// MoveRun is a move, or the same one of neighbouring partitions: trips:0-11.
type MoveRun struct {
	Move        // of the first
	Name string // of all
}

// Runs are the moves; the same one of neighbouring partitions is one run.
func (m Moves) Runs() (runs []MoveRun) {
	for i := 0; i < len(m.Moves); {
		n := alike(m.Moves[i:])
		first, last := m.Moves[i], m.Moves[i+n-1].Partition
		name := partition(first.Topic, first.Partition)
		if last != first.Partition {
			name += fmt.Sprintf("-%d", last)
		}
		runs = append(runs, MoveRun{first, name})
		i += n
	}
	return runs
}

// alike is how many moves, from the first on, are the same move of neighbouring partitions.
func alike(moves []Move) int {
	first := moves[0]
	n := 1
	for n < len(moves) {
		m := moves[n]
		if m.Topic != first.Topic || m.Partition != first.Partition+int32(n) || m.Cause != first.Cause || m.Commits != 0 ||
			m.Held.String() != first.Held.String() || m.Next.String() != first.Next.String() || m.AtMost != first.AtMost ||
			m.Who != first.Who || m.Why != first.Why || !m.Time.Truncate(time.Second).Equal(first.Time.Truncate(time.Second)) {
			break
		}
		n++
	}
	return n
}

// row is the line of a move, or of the same one of several partitions.
func (m Move) row(clock text.Clock, name string) screen.Row {
	cause := m.Cause
	if m.Commits > 1 {
		cause = text.Plural(m.Commits, "commit")
	}
	return screen.Row{Cells: []string{clock.Time(m.Time.Time), name, cause, m.Held.String(), m.Next.String(), m.AtMost.Loss(),
		screen.Printable(string(m.Who)), cmp.Or(strings.TrimSpace(screen.Printable(string(m.Why))), "-")}, Style: screen.Yellow, Paint: m.AtMost != 0}
}

// NeverApplied sums what the chosen moves passed: counted, of topics that were recreated, and of others whose
// log parted from what was applied at a place that is not known.
func (m Moves) NeverApplied() string {
	var parts []string
	if m.AtMost > 0 || len(m.Unknown) == 0 {
		parts = append(parts, "at most "+text.Count(m.AtMost)+" records")
	}
	others := slices.DeleteFunc(slices.Clone(m.Unknown), func(topic string) bool { return slices.Contains(m.Old, topic) })
	for _, some := range []struct {
		topics []string
		of     string
	}{{m.Old, "of the old topic "}, {others, "of topic "}} {
		if len(some.topics) == 0 {
			continue
		}
		what := "an unknown number "
		if len(parts) == 0 {
			what += "of records "
		}
		parts = append(parts, what+some.of+text.List(some.topics))
	}
	return strings.Join(append([]string{parts[0] + " were never applied"}, parts[1:]...), ", and ")
}
