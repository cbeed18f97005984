package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

var offsetsDiffManual = manual{
	what: "Hold two ledgers, or another program's offsets, side by side with the brokers. Changes nothing.",
	examples: []example{
		{"fencepost offsets diff 'redis://HOST/0?layout=pattern-a&key=KEY' orders.yaml --meaning next", ""},
		{"fencepost offsets diff 'kafka://HOST:9092?group=old' 'kafka://HOST:9092?group=new'", ""},
	},
	usage: "fencepost offsets diff A B [flags]\n" + urlForms,
	flags: []string{
		"--meaning WORD[,WORD]  of another program's numbers: next, batch-start, last-processed",
		"--brokers HOST:9092|FILE  where neither A nor B leads to any",
		"--topic T[:P,P-P]  these only; may be repeated. Default: all",
		"-o table|wide|json|yaml|csv",
	},
	exit:   "0 the same   1 error   2 usage   3 they differ   4 they are of two clusters",
	see:    "offsets show, offsets copy",
	tables: true,
}

func (a *app) offsetsDiffVerb() *cobra.Command {
	var url targetFlags
	var topics []string
	cmd := &cobra.Command{Use: "diff", ValidArgsFunction: completeTargets,
		Args: func(cmd *cobra.Command, args []string) error { return a.targetArgs(cmd, args, 2) },
		RunE: func(cmd *cobra.Command, args []string) error {
			sel, err := admin.ParseSelection(topics)
			if err != nil {
				return usage("--topic trips, or --topic trips:0,2-4", "--topic %s", err)
			}
			return target.UsePair(cmd.Context(), args[0], args[1], a.targets(target.Offsets, url), func(ctx context.Context, both *target.Pair) error {
				return a.diff(ctx, both, sel)
			})
		}}
	url.add(cmd)
	cmd.Flags().StringArrayVar(&topics, "topic", nil, "")
	return cmd
}

func (a *app) diff(ctx context.Context, both *target.Pair, sel admin.Selection) error {
	if both.Across {
		return &fencepost.Fault{Code: "other-cluster", Exit: 4, Err: errors.New("A and B are of two clusters, whose offsets do not compare"),
			Help: "fencepost offsets show, of each; or fencepost offsets copy A B, which goes by time"}
	}
	one, err := admin.Look(ctx, both.A.Rooms)
	if err != nil {
		return both.A.Pointed(err)
	}
	other, err := admin.Look(ctx, both.B.Rooms)
	if err != nil {
		return err
	}
	d, err := admin.Diff(one, other, sel)
	if err != nil {
		return err
	}
	switch a.output {
	case "json", "yaml":
		a.document(object{"format", 1, "command", "offsets diff", "a", both.A.String(), "b", both.B.String(), "equal", d.Equal, "apart", d.Apart,
			"only_in_a", d.OnlyA, "only_in_b", d.OnlyB, "a_holds_topic_ids", !bare(one), "b_holds_topic_ids", !bare(other),
			"a_notes", notesJSON(one.Notes), "b_notes", notesJSON(other.Notes), "partitions", diffJSON(d)})
	case "csv":
		err = a.rows(diffJSON(d), diffColumns)
	default:
		a.printDiff(d, both, one, other)
	}
	if err == nil && !d.Same() {
		return exited(3)
	}
	return err
}

func (a *app) printDiff(d admin.Difference, both *target.Pair, one, other admin.View) {
	t := a.terminal(a.stdout)
	fmt.Fprintf(a.stdout, "A  %s\nB  %s\n\n", both.A, both.B)
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "A", Right: true}, {Name: "B", Right: true}, {Name: "A-B", Right: true},
		{Name: "EARLIEST", Right: true, Hide: 1}, {Name: "END", Right: true}, {Name: "VERDICT-A"}, {Name: "VERDICT-B"}}}
	for _, l := range d.Lines {
		cells := []string{l.String(), sideOffset(l.A), sideOffset(l.B), "-", "-", "-", sideVerdict(l.A), sideVerdict(l.B)}
		if l.A != nil && l.B != nil {
			cells[3] = text.Count(l.Apart())
			if l.Apart() > 0 {
				cells[3] = "+" + cells[3]
			}
		}
		if b := l.Bounds(); b.Err == nil {
			cells[4], cells[5] = text.Count(b.Earliest), text.Count(b.End)
		}
		table.Rows = append(table.Rows, screen.Row{Cells: cells, Style: screen.Yellow, Paint: cells[3] != "0"})
	}
	table.Print(a.stdout, ttyWidth(t), t.Paint)
	fmt.Fprintln(a.stdout, screen.Wrap(diffText(d, bare(one), bare(other)), 0, t.Width))
	for _, note := range one.Notes {
		fmt.Fprintln(a.stdout, screen.Wrap("note  A: "+screen.Printable(note), 6, t.Width))
	}
	for _, note := range other.Notes {
		fmt.Fprintln(a.stdout, screen.Wrap("note  B: "+screen.Printable(note), 6, t.Width))
	}
}

// bare reports whether another program's positions would not show a recreated topic.
func bare(v admin.View) bool { return v.Foreign && !v.HoldsTopicIDs() }

// diffText is "1 equal, 1 apart, 1 only in A. A holds no topic IDs: it would not show a recreated topic."
func diffText(d admin.Difference, bareA, bareB bool) string {
	var parts []string
	for _, part := range []struct {
		n    int
		text string
	}{{d.Equal, "equal"}, {d.Apart, "apart"}, {d.OnlyA, "only in A"}, {d.OnlyB, "only in B"}} {
		if part.n > 0 {
			parts = append(parts, text.Count(int64(part.n))+" "+part.text)
		}
	}
	text := strings.Join(parts, ", ") + "."
	switch {
	case bareA && bareB:
		text += " A and B hold no topic IDs: they would not show a recreated topic."
	case bareA:
		text += " A holds no topic IDs: it would not show a recreated topic."
	case bareB:
		text += " B holds no topic IDs: it would not show a recreated topic."
	}
	return text
}

func sideOffset(s *admin.Standing) string {
	if s == nil {
		return "-"
	}
	return text.Count(s.Position.Offset)
}

func sideVerdict(s *admin.Standing) string {
	if s == nil || s.Decision.Verdict == ledger.VerdictUnset {
		return "-"
	}
	return s.Decision.Verdict.String()
}

// diffColumns are the columns of -o csv.
var diffColumns = []string{"topic", "partition", "a_offset", "a_stored", "a_verdict", "b_offset", "b_stored", "b_verdict", "a_minus_b", "earliest", "end"}

func diffJSON(d admin.Difference) []object {
	lines := []object{}
	side := func(s *admin.Standing) any {
		if s == nil {
			return nil
		}
		var stored any
		if s.Entry != nil {
			stored = s.Entry.Raw
		}
		return object{"offset", s.Position.Offset, "stored", stored, "verdict", verdictJSON(s.Decision.Verdict)}
	}
	for _, l := range d.Lines {
		var apart, earliest, end any
		if l.A != nil && l.B != nil {
			apart = l.Apart()
		}
		if b := l.Bounds(); b.Err == nil {
			earliest, end = b.Earliest, b.End
		}
		lines = append(lines, object{"topic", l.Topic, "partition", l.Partition, "a", side(l.A), "b", side(l.B), "a_minus_b", apart, "earliest", earliest, "end", end})
	}
	return lines
}
