package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

var movesManual = manual{
	what: "Show how positions moved: when, by whom, why, and how many records they passed unapplied.",
	examples: []example{
		{"fencepost moves trips.yaml", "all but commits, oldest first"},
		{"fencepost moves trips.yaml --gaps --since 24h", "losses only; exit 3 if there is one: for cron"},
		{"fencepost moves trips.yaml --commits -o csv", "every row that the ledger keeps"},
	},
	usage: "fencepost moves FILE|URL [flags]",
	flags: []string{
		"--gaps  only moves that passed records unapplied",
		"--since TIME|DURATION  not older than that: 2026-11-21T03:00, 24h, 7d",
		"--commits  commits too, as the ledger kept them (keep_commits)",
		"-o table|wide|json|yaml|csv",
	},
	exit:   "0 ok   1 error   2 usage   3 with --gaps: there is one",
	see:    "offsets show, audit",
	tables: true,
}

func (a *app) movesVerb() *cobra.Command {
	var filter admin.Filter
	var since string
	cmd := &cobra.Command{Use: "moves", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if since != "" {
				var ok bool
				if filter.Since, ok = pointInTime(since); !ok {
					return usage("--since 24h, or --since 2026-11-21T03:00", "--since %s: neither a duration nor a time", since)
				}
			}
			return target.Use(cmd.Context(), args[0], a.targets(target.Stored, targetFlags{}), func(ctx context.Context, t *target.Target) error {
				if t.Layout != nil {
					return usage("fencepost offsets show FILE", "%s is another program's, and keeps no history", t.Location())
				}
				told, err := admin.Moves(ctx, t.Rooms, filter)
				if err != nil {
					return err
				}
				return a.tellMoves(told, t.Rooms, filter)
			})
		}}
	cmd.Flags().BoolVar(&filter.Gaps, "gaps", false, "")
	cmd.Flags().StringVar(&since, "since", "", "")
	cmd.Flags().BoolVar(&filter.Commits, "commits", false, "")
	return cmd
}

// pointInTime reads a time, or an age before now.
func pointInTime(s string) (time.Time, bool) {
	if d, ok := text.ParseDuration(s); ok {
		return time.Now().Add(-d), true
	}
	return keys.ParseTime(s)
}

func (a *app) tellMoves(told admin.Told, r admin.Rooms, filter admin.Filter) (err error) {
	switch a.output {
	case "json", "yaml":
		moves := []object{}
		for _, m := range told.Moves {
			moves = append(moves, moveJSON(m))
		}
		a.document(object{"format", 1, "command", "moves", "group", r.Group, "commits_folded", told.Folded,
			"at_most", told.AtMost, "unknown", told.Unknown, "moves", moves})
	case "csv":
		var rows []object
		for _, m := range told.Moves {
			rows = append(rows, moveJSON(m))
		}
		err = a.rows(rows, moveColumns)
	default:
		a.printMoves(told, r, filter)
	}
	if err == nil && filter.Gaps && len(told.Moves) > 0 {
		return exited(3)
	}
	return err
}

func (a *app) printMoves(told admin.Told, r admin.Rooms, filter admin.Filter) {
	t := a.terminal(a.stdout)
	head := fmt.Sprintf("group %s   times %s", r.Group, time.Now().Format("-07:00"))
	if told.Folded > 0 {
		head += "   " + text.Plural(told.Folded, "commit") + " folded (--commits)"
	}
	fmt.Fprintln(a.stdout, head)
	if len(told.Moves) == 0 {
		fmt.Fprintln(a.stdout, map[bool]string{true: "no gap", false: "no move"}[filter.Gaps])
		return
	}
	fmt.Fprintln(a.stdout)
	table := screen.Table{Columns: []screen.Column{{Name: "TIME"}, {Name: "PARTITION"}, {Name: "CAUSE"}, {Name: "HELD", Right: true},
		{Name: "NEXT", Right: true}, {Name: "AT-MOST", Right: true}, {Name: "WHO", Hide: 1}, {Name: "WHY", Cut: true}}}
	for i := 0; i < len(told.Moves); {
		n := alike(told.Moves[i:])
		table.Rows = append(table.Rows, moveRow(told.Moves[i:i+n]))
		i += n
	}
	width := 0
	if t.TTY && a.output != "wide" {
		width = t.Width
	}
	table.Print(a.stdout, width, t.Paint)
	if filter.Gaps {
		fmt.Fprintln(a.stdout, neverApplied(told))
	}
}

// neverApplied sums what the chosen moves passed: counted, of topics that were recreated, and of others of which nobody
// knows where their log parted from what was applied.
func neverApplied(told admin.Told) string {
	var parts []string
	if told.AtMost > 0 || len(told.Unknown) == 0 {
		parts = append(parts, "at most "+text.Count(told.AtMost)+" records")
	}
	others := slices.DeleteFunc(slices.Clone(told.Unknown), func(topic string) bool { return slices.Contains(told.Old, topic) })
	for _, some := range []struct {
		topics []string
		of     string
	}{{told.Old, "of the old topic "}, {others, "of topic "}} {
		if len(some.topics) == 0 {
			continue
		}
		what := "an unknown number "
		if len(parts) == 0 {
			what += "of records "
		}
		parts = append(parts, what+some.of+list(some.topics))
	}
	return strings.Join(append([]string{parts[0] + " were never applied"}, parts[1:]...), ", and ")
}

// alike is how many moves, from the first on, are the same move of neighbouring partitions: one line for them.
func alike(moves []ledger.Recorded) int {
	first := moves[0]
	n := 1
	for n < len(moves) {
		m := moves[n]
		if m.Topic != first.Topic || m.Partition != first.Partition+int32(n) || m.Cause != first.Cause || m.Commits != 0 ||
			m.Held.Offset != first.Held.Offset || m.Held.Absent() != first.Held.Absent() || m.Next.Offset != first.Next.Offset ||
			m.AtMost != first.AtMost || m.Who != first.Who || m.Reason() != first.Reason() || !m.At.Truncate(time.Second).Equal(first.At.Truncate(time.Second)) {
			break
		}
		n++
	}
	return n
}

// moveRow is the line of one move, or of one of several partitions.
func moveRow(moves []ledger.Recorded) screen.Row {
	m := moves[0]
	who := m.TopicPartition.String()
	if n := len(moves); n > 1 {
		who += fmt.Sprintf("-%d", moves[n-1].Partition)
	}
	held, atMost := "-", text.Count(m.AtMost)
	if !m.Held.Absent() {
		held = text.Count(m.Held.Offset)
	}
	if m.AtMost == ledger.UnknownLoss {
		atMost = "unknown"
	}
	cause := m.Cause.String()
	if m.Commits > 1 {
		cause = text.Plural(m.Commits, "commit")
	}
	return screen.Row{Cells: []string{m.At.Local().Format(time.DateTime), who, cause, held, text.Count(m.Next.Offset), atMost,
		screen.Printable(m.Who), cmp.Or(strings.TrimSpace(screen.Printable(m.Reason())), "-")}, Style: screen.Yellow, Paint: m.AtMost != 0}
}

// moveColumns are the columns of moves -o csv.
var moveColumns = []string{"time", "topic", "partition", "cause", "commits", "held_offset", "held_leader_epoch", "held_fence", "held_topic_id",
	"next_offset", "next_leader_epoch", "next_fence", "next_topic_id", "at_most", "at_most_unknown", "who", "why"}

func moveJSON(m ledger.Recorded) object {
	return object{"time", utc(m.At), "topic", m.Topic, "partition", m.Partition, "cause", m.Cause.String(), "commits", m.Commits,
		"held", positionJSON(m.Held), "next", positionJSON(m.Next), "at_most", known(m.AtMost), "at_most_unknown", m.AtMost == ledger.UnknownLoss,
		"who", spoken(m.Who), "why", spoken(m.Reason())}
}
