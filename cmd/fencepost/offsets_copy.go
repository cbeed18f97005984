package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

var offsetsCopyManual = manual{
	what: "Take positions over from another ledger, or from another program. Plans first; --execute does it.",
	examples: []example{
		{"fencepost offsets copy 'redis://HOST/0?layout=pattern-a&key=KEY' B.yaml --meaning next", ""},
		{"fencepost offsets copy 'kafka://HOST:9092?group=old' B.yaml --execute", ""},
		{"fencepost offsets copy A.yaml B.yaml", ""},
	},
	usage: "fencepost offsets copy A B [flags]\nA: FILE, URL of a ledger or of another program's offsets.  B: FILE, or URL of a ledger",
	flags: append([]string{
		meaningHelp,
		"--brokers HOST:9092|FILE  of B, where it is a URL and A leads to none",
		"--from-brokers HOST:9092|FILE  of A, where its cluster is another one",
	}, copyHelp...),
	exit:   "0 planned, or verified   1 error   2 usage   4 refused, nothing changed",
	see:    "offsets diff (look at both first), offsets import, run --resume",
	tables: true,
}

// copyHelp is the flags that copy and import have in common.
var copyHelp = []string{
	"--topic T[:P,P-P]  these only; may be repeated. Default: all",
	"--over  also partitions that B holds already",
	"--policy CHOICE,VERDICT=CHOICE  earliest or latest, for positions that the brokers contradict",
	"--missing earliest|latest  for partitions that A has no position of",
	"--execute  do it; without it nothing is changed",
	"--why TEXT  kept with each move, beside time, who and where it came from",
	"--plan-out FILE  write the plan; then offsets set B --plan FILE --execute",
}

// copyFlags is what an operator says about a copy.
type copyFlags struct {
	url           targetFlags
	policy, start string
	why, planOut  string
	topics        []string
	over, execute bool
}

func (f *copyFlags) add(cmd *cobra.Command) {
	f.url.add(cmd)
	fs := cmd.Flags()
	fs.StringArrayVar(&f.topics, "topic", nil, "")
	fs.BoolVar(&f.over, "over", false, "")
	fs.StringVar(&f.policy, "policy", "", "")
	fs.StringVar(&f.start, "missing", "", "")
	fs.BoolVar(&f.execute, "execute", false, "")
	fs.StringVar(&f.why, "why", "", "")
	fs.StringVar(&f.planOut, "plan-out", "", "")
}

func (a *app) offsetsCopyVerb() *cobra.Command {
	var flags copyFlags
	cmd := &cobra.Command{Use: "copy", ValidArgsFunction: completeTargets,
		Args: func(cmd *cobra.Command, args []string) error { return a.targetArgs(cmd, args, 2) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.copyOffsets(cmd.Context(), args[0], args[1], flags)
		}}
	flags.add(cmd)
	cmd.Flags().StringVar(&flags.url.fromBrokers, "from-brokers", "", "")
	return cmd
}

// options reads the flags.
func (f copyFlags) options(from string) (o admin.CopyOptions, err error) {
	o = admin.CopyOptions{Over: f.over, From: from, Why: f.why}
	if f.policy != "" {
		if o.Policy, err = admin.ParsePolicy(f.policy, ledger.Policy{}); err != nil {
			return o, usage("--policy earliest, or --policy aged_out=earliest,truncated=latest", "--policy %s: %s", f.policy, err)
		}
	}
	switch f.start {
	case "":
	case "earliest":
		o.Missing = ledger.Earliest
	case "latest":
		o.Missing = ledger.Latest
	default:
		return o, usage("--missing earliest, or --missing latest", "--missing %s: not one of its words", f.start)
	}
	if o.Selection, err = admin.ParseSelection(f.topics); err != nil {
		return o, usage("--topic trips, or --topic trips:0,2-4", "--topic %s", err)
	}
	return o, nil
}

func (a *app) copyOffsets(ctx context.Context, from, to string, flags copyFlags) error {
	if _, err := flags.options(""); err != nil {
		return err
	}
	return target.UsePair(ctx, from, to, a.targets(target.Offsets, flags.url), func(ctx context.Context, both *target.Pair) error {
		if both.B.Layout != nil {
			return usage("fencepost offsets export A writes the forms of other tools", "%s is another program's: only ledgers are copied into", both.B.Location())
		}
		o, err := flags.options(both.A.Origin())
		if err != nil {
			return err
		}
		c, err := both.Copy(ctx, o)
		if err != nil {
			return err
		}
		if flags.planOut != "" {
			if err := keepCopy(c, both, flags.planOut); err != nil {
				return err
			}
		}
		if !flags.execute {
			return a.tellCopy(c, both, flags.planOut, nil)
		}
		done, err := c.Plan.Execute(ctx, both.B.Rooms, "")
		if err != nil {
			return err
		}
		return a.tellCopy(c, both, "", &done)
	})
}

// keepCopy writes the plan. It is for one ledger, so there has to be one.
func keepCopy(c *admin.Copy, both *target.Pair, path string) error {
	if c.Fresh {
		return usage("add --execute: nobody runs there yet, so it can not go stale", "a plan is for one ledger, and %s has none yet", both.B)
	}
	return writePlan(c.Plan, path)
}

// tellCopy prints the plan, which was kept in a file if planOut names one, and what was done of it; nil: nothing.
func (a *app) tellCopy(c *admin.Copy, both *target.Pair, planOut string, done *admin.Done) error {
	switch a.output {
	case "json", "yaml":
		a.document(object{"format", 1, "command", a.command, "group", c.Plan.Group, "executed", done != nil, "verified", done != nil,
			"from", both.A.String(), "to", both.B.String(), "by_time", c.Across, "stay", c.Plan.Stay, "notes", notesJSON(c.Notes), "moves", copyJSON(c)})
		return nil
	case "csv":
		return a.rows(copyJSON(c), copyColumns)
	}
	t := a.terminal(a.stdout)
	fmt.Fprintf(a.stdout, "A  %s\nB  %s: %s\n\n", both.A, both.B, targetText(c))
	copyTable(c).Print(a.stdout, ttyWidth(t), t.Paint)
	if c.Across {
		fmt.Fprintf(a.stdout, "time       %s\n", screen.Wrap(acrossText(c), 11, t.Width))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(a.stdout, "note       %s\n", screen.Wrap(screen.Printable(note), 11, t.Width))
	}
	if done == nil {
		help := "help: add --execute"
		if planOut != "" {
			help = a.as(fmt.Sprintf("help: fencepost offsets set %s --plan %s --execute", both.B.Word(), planOut))
		}
		fmt.Fprintln(a.stdout, "Nothing was changed.  "+t.Paint(screen.Dim, help))
		return nil
	}
	fmt.Fprintf(a.stdout, "moved      %s\n", movedText(*done))
	next := ""
	if both.B.File != nil {
		next = ".  next: " + a.as("fencepost run "+both.B.File.Name+" --resume")
	}
	fmt.Fprintf(a.stdout, "verified   %d of %s read back; A was not changed%s\n", len(done.Moves), text.Plural(len(done.Moves), "partition"), next)
	return nil
}

func targetText(c *admin.Copy) string {
	switch {
	case c.Fresh:
		return "no ledger yet; it is made with the first move"
	case c.Held == 0:
		return "knows none of these partitions"
	case c.Held == len(c.Lines):
		return "holds these partitions already"
	}
	return fmt.Sprintf("holds %d of these %s already", c.Held, text.Plural(len(c.Lines), "partition"))
}

// acrossText says what going by time is worth.
func acrossText(c *admin.Copy) string {
	text := "offsets differ between clusters, so each position goes to the first record at or after the time of the record that is next to read; " +
		"records of the same millisecond may be repeated, and one out of order in time may be repeated or passed"
	if c.Uneven {
		text = "the topic has another number of partitions there, so every one goes to the smallest time of all; records behind it that were read already are repeated"
	}
	return text
}

func copyTable(c *admin.Copy) *screen.Table {
	table := &screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "READ", Right: true}, {Name: "HELD", Right: true}, {Name: "NEXT", Right: true},
		{Name: "EARLIEST", Right: true, Hide: 1}, {Name: "END", Right: true}, {Name: "UNREAD", Right: true}, {Name: "VERDICT"}}}
	if c.Across {
		table.Columns[7] = screen.Column{Name: "RECORD-AT (" + time.Now().Format("-07:00") + ")"}
	}
	for _, l := range c.Lines {
		last := l.Verdict.String()
		switch {
		case c.Across && l.At.IsZero():
			last = "at the end"
		case c.Across:
			last = l.At.Local().Format(time.DateTime)
		case l.Read == "":
			last = "start"
		case l.AtMost == ledger.UnknownLoss:
			last += "; loses unknown"
		case l.AtMost != 0:
			last += "; loses at most " + losesText(l.AtMost)
		case l.Repeats != 0:
			last += "; repeats " + text.Count(l.Repeats)
		}
		table.Rows = append(table.Rows, screen.Row{Cells: []string{l.String(), cmp.Or(l.Read, "-"), offsetText(l.Held), text.Count(l.Next.Offset),
			text.Count(l.Bounds.Earliest), text.Count(l.Bounds.End), text.Count(l.Unread()), last}, Style: screen.Yellow, Paint: l.AtMost != 0})
	}
	return table
}

// movedText is "3 partitions, cause import; topic ID ... stored with them".
func movedText(done admin.Done) string {
	causes := map[ledger.Cause]int{}
	ids := map[fencepost.TopicID]bool{}
	for _, m := range done.Moves {
		causes[m.Cause]++
		ids[m.Next.TopicID] = true
	}
	told := text.Plural(causes[ledger.CauseImport], "partition") + ", cause import"
	if n := causes[ledger.CauseStart]; n > 0 {
		told += ", and " + text.Plural(n, "partition") + ", cause start"
	}
	switch {
	case ids[fencepost.TopicID{}]:
		return told + "; without topic IDs, which these brokers do not have"
	case len(ids) == 1:
		return told + "; topic ID " + done.Moves[0].Next.TopicID.String() + " stored with them"
	case len(ids) > 1:
		return told + "; topic IDs stored with them"
	}
	return "nothing had to move"
}

// copyColumns are the columns of -o csv.
var copyColumns = []string{"topic", "partition", "cause", "stored", "held_offset", "held_fence", "next_offset", "next_topic_id", "earliest", "end",
	"unread", "verdict", "repeats", "loses_at_most", "record_at_next", "why"}

func copyJSON(c *admin.Copy) []object {
	moves := []object{}
	for _, l := range c.Lines {
		var at any
		if !l.At.IsZero() {
			at = utc(l.At)
		}
		moves = append(moves, object{"topic", l.Topic, "partition", l.Partition, "cause", l.Cause.String(), "stored", spoken(l.Read),
			"held", positionJSON(l.Held), "next", object{"offset", l.Next.Offset, "topic_id", spoken(l.Next.TopicID.String())},
			"earliest", l.Bounds.Earliest, "end", l.Bounds.End, "unread", l.Unread(), "verdict", verdictJSON(l.Verdict),
			"repeats", l.Repeats, "loses_at_most", known(l.AtMost), "record_at_next", at, "why", spoken(l.Why)})
	}
	return moves
}
