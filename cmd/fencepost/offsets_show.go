package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/ledger"
)

var offsetsShowManual = manual{
	what: "Show where each partition stands, whether the brokers agree, and what is unread. Changes nothing.",
	examples: []example{
		{"fencepost offsets show trips.yaml", "what needs a person first"},
		{"fencepost offsets show trips.yaml --all -o wide", "all of it"},
		{"fencepost offsets show trips.yaml --topic trips:0-3", "4 partitions"},
		{"fencepost offsets show trips.yaml -o json", "for programs"},
		{"fencepost offsets show 'sqlite:trips.db?group=G' --brokers trips.yaml", "a URL"},
	},
	usage: "fencepost offsets show FILE|URL [flags]\n" + urlForms,
	notes: []string{
		"-o table|wide|json|yaml|csv  wide: also epoch, fence, topic ID, and who moved it last",
	},
	columns: []string{
		"OFFSET  next to read: each offset below it was applied",
		"EARLIEST  the first offset that the log still has",
		"STABLE  the last stable offset: an open transaction holds back what is behind it",
		"END  the next offset to be written",
		"LAG  END - OFFSET. Markers, aborted and compacted entries count as records do",
		"LAG-TIME  age of the oldest unread record. - is not known, in every column",
		"VERDICT  what the brokers say to the position: fencepost help VERDICT (aged-out)",
		"STATE  idle: nothing is left to read. waiting: the brokers do not answer for it. blocked: by an open transaction. parked: a person has to decide. " +
			"running: a worker is alive to read it. -: to be read, by a worker or by none",
		"LAST-MOVE  what moved the position last, and when: commit, start, rewind, skip, gap, import",
	},
	exit:   "0 ok   1 error   2 usage   3 a partition needs a person or waits for brokers, or no worker can commit",
	see:    "moves, check",
	tables: true,
}

func (a *app) offsetsShowVerb() *cobra.Command {
	var all bool
	var topics []string
	var url targetFlags
	cmd := &cobra.Command{Use: "show", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			sel, err := admin.ParseSelection(topics)
			if err != nil {
				return usage("--topic trips, or --topic trips:0,2-4", "--topic %s", err)
			}
			return target.Use(cmd.Context(), args[0], a.targets(target.Offsets, url), func(ctx context.Context, t *target.Target) error {
				v, err := admin.Look(ctx, t.Resources)
				if err == nil {
					v, err = v.Only(sel)
				}
				if err != nil {
					return err
				}
				p := view.NewPositions(v, t.Where, t.Form)
				if t.Layout == nil {
					p.CountLetters(admin.LetterCount(ctx, t.Resources))
				}
				return a.answer(p, func() { a.printPositions(p, t, all) })
			})
		}}
	cmd.Flags().BoolVar(&all, "all", false, "every partition in a line of its own")
	cmd.Flags().StringArrayVar(&topics, "topic", nil, topicUse)
	cmd.Flags().StringVar(&url.brokers, "brokers", "", brokersUse)
	cmd.Flags().StringVar(&url.meaning, "meaning", "", meaningUse)
	return cmd
}

// printPositions prints the table, and explains what is odd in it.
func (a *app) printPositions(p view.Positions, at *target.Target, all bool) {
	t := a.terminal(a.stdout)
	heading := fmt.Sprintf("group %s   ledger %s", p.Group, p.Ledger.URL)
	if p.Layout != nil {
		heading = "offsets " + at.String()
	}
	fmt.Fprintln(a.stdout, screen.Wrap(fmt.Sprintf("%s   times %s", heading, p.Clock), 2, ttyWidth(t)))
	for _, line := range p.TopicLines() {
		fmt.Fprintln(a.stdout, line)
	}
	if line := p.WorkersLine(); line != "" {
		fmt.Fprintln(a.stdout, screen.Wrap(line, 2, ttyWidth(t)))
	}
	fmt.Fprintln(a.stdout)
	detail, width := view.Folded, ttyWidth(t)
	switch {
	case a.output == "wide":
		detail, width = view.Wide, 0
	case all:
		detail = view.All
	}
	p.Table(detail).Print(a.stdout, width, t.Paint)
	lines := p.Explained()
	for i, l := range lines {
		if l.Name == "note" {
			lines[i].Text = a.as(at.Remedy(l.Text))
		}
	}
	printExplained(a.stdout, lines, t)
	if p.DeadLetters > 0 {
		fmt.Fprintln(a.stdout, text.Plural(int64(p.DeadLetters), "dead letter")+" wait"+map[bool]string{true: "s"}[p.DeadLetters == 1]+"."+
			t.Paint(screen.Dim, "   help: "+a.as(at.Remedy("fencepost dead-letters list FILE"))))
	}
	states := p.States()
	if states == "" {
		return
	}
	fmt.Fprint(a.stdout, states+".")
	if p.Totals.Parked > 0 {
		fmt.Fprint(a.stdout, t.Paint(screen.Dim, "   help: "+a.as(at.Remedy(parkedHelp(p)))))
	}
	fmt.Fprintln(a.stdout)
}

// parkedHelp is the command for what is parked. Another program's offsets are not repaired where they are, but on the way
// into a ledger.
func parkedHelp(p view.Positions) string {
	for _, s := range p.Positions {
		if s.Verdict == view.Verdict(ledger.OldPrimary) && s.Position != nil {
			return codes.OldPrimary(fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}, s.Position.Offset)
		}
	}
	if p.Layout == nil {
		return "fencepost offsets repair FILE"
	}
	for _, s := range p.Positions {
		if s.State == view.Word(admin.Parked.String()) && s.Verdict == view.Verdict(ledger.Missing) {
			return "mend or delete those entries; offsets copy --topic T takes the others"
		}
	}
	return fmt.Sprintf("fencepost offsets copy FILE PIPELINE.yaml --meaning %s --policy earliest", p.Layout.Meaning)
}

// printExplained prints names and prose behind them, line by line, after an empty line.
func printExplained(w io.Writer, lines []view.Explained, t terminal) {
	wide := 0
	for _, l := range lines {
		wide = max(wide, len(l.Name))
	}
	for i, l := range lines {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%-*s  %s\n", wide, l.Name, screen.Wrap(screen.Printable(l.Text), wide+2, t.Width))
	}
}
