package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

var offsetsShowManual = manual{
	what: "Show where each partition stands, whether the brokers agree, and what is unread. Changes nothing.",
	examples: []example{
		{"fencepost offsets show trips.yaml", "what needs a person first"},
		{"fencepost offsets show trips.yaml --all -o wide", "all of it"},
		{"fencepost offsets show trips.yaml -o json", "for programs"},
		{"fencepost offsets show 'sqlite:trips.db?group=G' --brokers trips.yaml", "a URL"},
	},
	usage: "fencepost offsets show FILE|URL [flags]\n" + urlForms,
	flags: []string{
		"--all  every partition in a line of its own",
		brokersHelp,
		meaningHelp,
		"-o table|wide|json|yaml|csv  wide: also epoch, fence, topic ID, and who moved it last",
	},
	exit:   "0 ok   1 error   2 usage   3 a verdict needs a person",
	see:    "moves, check",
	tables: true,
}

func (a *app) offsetsShowVerb() *cobra.Command {
	var all bool
	var url targetFlags
	cmd := &cobra.Command{Use: "show", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			return target.Use(cmd.Context(), args[0], a.targets(target.Offsets, url), func(ctx context.Context, t *target.Target) error {
				v, err := admin.Look(ctx, t.Rooms)
				if err != nil {
					return err
				}
				return a.showView(v, t, all)
			})
		}}
	cmd.Flags().BoolVar(&all, "all", false, "")
	url.add(cmd)
	return cmd
}

// showView prints a View in the form asked for, and says by the exit code whether a person is needed.
func (a *app) showView(v admin.View, p *target.Target, all bool) error {
	var err error
	switch a.output {
	case "json", "yaml":
		a.document(viewJSON(v, p))
	case "csv":
		var rows []object
		for _, s := range v.Standings {
			rows = append(rows, standingJSON(s))
		}
		err = a.rows(rows, standingColumns)
	default:
		a.printView(v, p, all)
	}
	if err == nil && (v.Parked() > 0 || v.Lost()) {
		return exited(3)
	}
	return err
}

// foldAbove is how many lines a table may have before its ok partitions are folded.
const foldAbove = 40

func (a *app) printView(v admin.View, p *target.Target, all bool) {
	t := a.terminal(a.stdout)
	wide := a.output == "wide"
	fmt.Fprintln(a.stdout, screen.Wrap(fmt.Sprintf("%s   times %s", heading(v, p), v.At.Local().Format("-07:00")), 2, ttyWidth(a.terminal(a.stdout))))
	for _, line := range topicLines(v) {
		fmt.Fprintln(a.stdout, line)
	}
	fmt.Fprintln(a.stdout)
	plain := v.Ordered()
	var folded []admin.Standing
	if n := v.Odd(); !all && !wide && (n > 0 || len(plain) > foldAbove) {
		plain, folded = plain[:n], plain[n:]
	}
	table := screen.Table{Columns: showColumns(wide)}
	for _, s := range plain {
		table.Rows = append(table.Rows, showRow(s, v.At, wide))
	}
	table.Rows = append(table.Rows, lastRow(v, folded))
	width := 0
	if t.TTY && !wide {
		width = t.Width
	}
	table.Print(a.stdout, width, t.Paint)
	a.printReasons(v, p, t)
}

// heading says whose positions these are.
func heading(v admin.View, p *target.Target) string {
	if v.Foreign {
		return "offsets " + p.String()
	}
	return fmt.Sprintf("group %s   ledger %s", v.Group, p.Where)
}

// topicLines names the topics, with another incarnation that the ledger knows.
func topicLines(v admin.View) (lines []string) {
	nameWidth := 0
	topics := v.Topics()
	for _, topic := range topics {
		nameWidth = max(nameWidth, len(topic.Name))
	}
	for _, topic := range topics {
		line := fmt.Sprintf("%-*s    %s   topic ID %s", nameWidth, topic.Name, text.Plural(topic.Partitions, "partition"), topic.ID)
		if topic.Ledger != topic.ID && topic.Ledger != (fencepost.TopicID{}) {
			line += "   (ledger: " + topic.Ledger.String() + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

func showColumns(wide bool) []screen.Column {
	columns := []screen.Column{{Name: "PARTITION"}, {Name: "OFFSET", Right: true}, {Name: "EARLIEST", Right: true, Hide: 4},
		{Name: "STABLE", Right: true, Hide: 2}, {Name: "END", Right: true}, {Name: "LAG", Right: true},
		{Name: "LAG-TIME", Right: true, Hide: 3}, {Name: "VERDICT"}, {Name: "STATE"}}
	if wide {
		return append(columns, screen.Column{Name: "LEADER-EPOCH", Right: true}, screen.Column{Name: "FENCE"}, screen.Column{Name: "TOPIC-ID"},
			screen.Column{Name: "CAUSE"}, screen.Column{Name: "TIME"}, screen.Column{Name: "WHO"}, screen.Column{Name: "WHY"})
	}
	return append(columns, screen.Column{Name: "LAST-MOVE", Hide: 1})
}

// showRow is the line of one partition.
func showRow(s admin.Standing, at time.Time, wide bool) screen.Row {
	cells := []string{s.TopicPartition.String(), "-", "-", "-", "-", number(s.Lag), lagTime(s.LagTime), s.Decision.Verdict.String(), s.State.String()}
	if !s.Position.Absent() {
		cells[1] = text.Count(s.Position.Offset)
	}
	if s.Bounds.Err == nil {
		cells[2], cells[3], cells[4] = text.Count(s.Bounds.Earliest), text.Count(s.Bounds.Stable), text.Count(s.Bounds.End)
	}
	if s.Decision.Verdict == ledger.VerdictUnset {
		cells[7] = "-"
	}
	row := screen.Row{Style: screen.Green, Paint: s.Settled()}
	switch s.State {
	case admin.Parked:
		row.Style, row.Paint = screen.Red, true
	case admin.Waiting, admin.Blocked:
		row.Style, row.Paint = screen.Yellow, true
	case admin.Idle, admin.StateUnknown:
	}
	row.Cells = append(cells, lastMove(s, at, wide)...)
	return row
}

// lastMove is who moved a position last: in one cell, or in seven.
func lastMove(s admin.Standing, at time.Time, wide bool) []string {
	if !wide {
		if s.Last == nil {
			return []string{"-"}
		}
		return []string{s.Last.Cause.String() + " " + ago(at.Sub(s.Last.At))}
	}
	cells := []string{"-", "-", s.Position.TopicID.String(), "-", "-", "-", "-"}
	if s.Position.LeaderEpoch >= 0 && !s.Position.Absent() {
		cells[0] = fmt.Sprint(s.Position.LeaderEpoch)
	}
	if s.Position.Fence != 0 {
		cells[1] = s.Position.Fence.String()
	}
	if m := s.Last; m != nil {
		cells[3], cells[4], cells[5], cells[6] = m.Cause.String(), m.At.Local().Format(time.DateTime), m.Who, cmp.Or(screen.Printable(m.Reason()), "-")
	}
	return cells
}

// lastRow sums what stands above, or stands for the partitions that were folded.
func lastRow(v admin.View, folded []admin.Standing) screen.Row {
	if len(folded) == 0 {
		offsets, ends, lag := v.Totals()
		return screen.Row{Cells: []string{"total", number(offsets), "", "", number(ends), number(lag), lagTime(v.LagTime()), v.Counts()}}
	}
	lag, longest := int64(0), time.Duration(0)
	for _, s := range folded {
		lag += max(s.Lag, 0)
		longest = max(longest, s.LagTime)
	}
	return screen.Row{Cells: []string{fmt.Sprintf("%d more, all ok (--all)", len(folded)), "", "", "", "", text.Count(lag), lagTime(longest), "ok"},
		Style: screen.Green, Paint: true}
}

// printReasons explains what is odd, and says what to type.
func (a *app) printReasons(v admin.View, p *target.Target, t terminal) {
	var lines [][2]string
	for _, s := range v.Ordered()[:v.Odd()] {
		if s.Bad != nil {
			lines = append(lines, [2]string{s.TopicPartition.String(), fmt.Sprintf("record at %s can not be decoded: %s", text.Count(s.NextAt), s.Bad)})
		} else if s.Reason != "" {
			lines = append(lines, [2]string{s.TopicPartition.String(), s.Reason})
		}
	}
	for _, s := range v.Standings {
		if m := s.Moved; m != nil && !m.Adopts() && v.At.Sub(m.At) < 24*time.Hour {
			told := fmt.Sprintf("%s by %s %s, %s -> %s", m.Cause, m.Who, ago(v.At.Sub(m.At)), offsetText(m.Held), text.Count(m.Next.Offset))
			if why := m.Reason(); why != "" {
				told += ": " + why
			}
			lines = append(lines, [2]string{s.TopicPartition.String(), told})
		}
	}
	for _, note := range v.Notes {
		lines = append(lines, [2]string{"note", note})
	}
	if bare(v) {
		lines = append(lines, [2]string{"note", "it holds no topic IDs: a recreated topic would not show"})
	}
	if v.Lost() {
		lines = append(lines, [2]string{"ledger", fmt.Sprintf("it is empty, but the group has run: Kafka holds %d offsets of it; restore it", v.Mirrored)})
	}
	printExplained(a.stdout, lines, t)
	if counts := v.Odds(); counts != "" {
		fmt.Fprint(a.stdout, counts+".")
		if v.Parked() > 0 {
			fmt.Fprint(a.stdout, t.Paint(screen.Dim, "   help: "+a.as(p.Remedy(v.Remedy()))))
		}
		fmt.Fprintln(a.stdout)
	}
}

// printExplained prints a name and prose behind it, line by line, after an empty line.
func printExplained(w io.Writer, lines [][2]string, t terminal) {
	wide := 0
	for _, l := range lines {
		wide = max(wide, len(l[0]))
	}
	for i, l := range lines {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%-*s  %s\n", wide, l[0], screen.Wrap(screen.Printable(l[1]), wide+2, t.Width))
	}
}

// number is a count for people; "-" for one that nobody knows.
func number(n int64) string {
	if n < 0 {
		return "-"
	}
	return text.Count(n)
}

func lagTime(d time.Duration) string {
	if d < 0 {
		return "-"
	}
	return text.Duration(d.Round(time.Second))
}

// ago is an age for people; clocks of two machines may differ, and nothing is younger than now.
func ago(d time.Duration) string { return text.Duration(max(0, d).Round(time.Second)) + " ago" }

// kebab is a verdict as programs read it: aged-out.
func kebab(s string) string { return strings.ReplaceAll(s, " ", "-") }
