package main

import (
	"context"
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

var offsetsRepairManual = manual{
	what: "Say what can be done about positions that the brokers contradict, and do it. Plans first.",
	examples: []example{
		{"fencepost offsets repair trips.yaml", "each choice"},
		{"fencepost offsets repair trips.yaml --policy truncated=divergence --execute", ""},
		{"fencepost offsets repair trips.yaml --topic trips:7 --record skip --execute", "one record"},
	},
	usage: "fencepost offsets repair FILE|URL [flags]",
	flags: []string{
		"--policy CHOICE,VERDICT=CHOICE  VERDICT: aged_out recreated truncated lost_row",
		"--record retry|skip  a record that does not decode; with --topic: the next record",
		"--topic T[:P,P-P]  these only; may be repeated. Default: all",
		"--execute  do it; without it nothing is changed",
		brokersHelp,
		"--why TEXT  kept with each move, beside time and who ($FENCEPOST_WHO)",
	},
	exit:   "0 nothing to repair, or verified   1 error   2 usage   3 something is left   4 refused",
	see:    "offsets set, moves --gaps",
	tables: true,
}

type repairFlags struct {
	policy, record, why string
	topics              []string
	execute             bool
	url                 targetFlags
}

func (a *app) offsetsRepairVerb() *cobra.Command {
	var flags repairFlags
	cmd := &cobra.Command{Use: "repair", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			return target.Use(cmd.Context(), args[0], a.targets(target.Ledger, flags.url), func(ctx context.Context, t *target.Target) error {
				return a.repair(ctx, t.Rooms, flags)
			})
		}}
	fs := cmd.Flags()
	fs.StringVar(&flags.policy, "policy", "", "")
	fs.StringVar(&flags.record, "record", "", "")
	fs.StringArrayVar(&flags.topics, "topic", nil, "")
	fs.BoolVar(&flags.execute, "execute", false, "")
	fs.StringVar(&flags.why, "why", "", "")
	fs.StringVar(&flags.url.brokers, "brokers", "", "")
	return cmd
}

// choices reads the flags; what they do not say is as the file has it.
func (f repairFlags) choices(r admin.Rooms) (c admin.Choices, sel admin.Selection, err error) {
	c.Policy = r.Policy
	if f.policy != "" {
		if c.Policy, err = admin.ParsePolicy(f.policy, r.Policy); err != nil {
			return c, sel, usage("--policy earliest, or --policy earliest,truncated=divergence", "--policy %s: %s", f.policy, err)
		}
	}
	switch f.record {
	case "":
	case "retry":
		c.Record = admin.RecordRetry
	case "skip":
		c.Record = admin.RecordSkip
	default:
		return c, sel, usage("--record retry, or --record skip", "--record %s: not one of its words", f.record)
	}
	if sel, err = admin.ParseSelection(f.topics); err != nil {
		return c, sel, usage("--topic trips, or --topic trips:0,2-4", "--topic %s", err)
	}
	return c, sel, nil
}

func (a *app) repair(ctx context.Context, r admin.Rooms, flags repairFlags) error {
	c, sel, err := flags.choices(r)
	if err != nil {
		return err
	}
	v, err := admin.Look(ctx, r)
	if err != nil {
		return err
	}
	plan, err := admin.PlanRepair(r, v, sel, c)
	if err != nil {
		return err
	}
	if !flags.execute {
		return a.tellRepair(plan)
	}
	if left := plan.Undecided(); len(left) > 0 {
		return &fencepost.Fault{Code: "choice-needed", Exit: 2, Err: fmt.Errorf("%s without a choice: %s; nothing was changed",
			text.Plural(len(left), "parked partition"), partitions(left)), Help: "--policy earliest, --record retry|skip; or --topic for the others alone"}
	}
	done, err := plan.Plan.Execute(ctx, r, flags.why)
	if err != nil {
		return err
	}
	if err := a.tellDone("offsets repair", plan.Plan, done); err != nil {
		return err
	}
	if left := append(plan.Waiting, plan.Stuck...); len(left) > 0 {
		if a.output == "table" || a.output == "wide" {
			for _, s := range left {
				fmt.Fprintf(a.stdout, "left       %s %s, %s: %s\n", s.TopicPartition, s.Decision.Verdict, s.State, s.Reason)
			}
		}
		return exited(3)
	}
	return nil
}

func partitions(list []fencepost.TopicPartition) string {
	words := make([]string, len(list))
	for i, tp := range list {
		words[i] = tp.String()
	}
	return strings.Join(words, " ")
}

// tellRepair prints the choices in the form asked for.
func (a *app) tellRepair(plan *admin.Repair) (err error) {
	left := len(plan.Ailing) + len(plan.Waiting) + len(plan.Stuck)
	switch a.output {
	case "json", "yaml":
		waiting := []string{}
		for _, s := range append(plan.Waiting, plan.Stuck...) {
			waiting = append(waiting, s.TopicPartition.String())
		}
		a.document(object{"format", 1, "command", "offsets repair", "group", plan.Plan.Group, "executed", false,
			"options", optionsJSON(plan), "left", waiting})
	case "csv":
		err = a.rows(optionsJSON(plan), optionColumns)
	default:
		a.printRepair(plan)
	}
	if err == nil && left > 0 {
		return exited(3)
	}
	return err
}

func (a *app) printRepair(plan *admin.Repair) {
	t := a.terminal(a.stdout)
	var parts []string
	need := len(plan.Undecided())
	switch {
	case len(plan.Ailing) == 0:
		parts = append(parts, "nothing to choose")
	case need == 0:
		parts = append(parts, text.Plural(len(plan.Ailing), "partition")+" to repair")
	default:
		parts = append(parts, text.Plural(need, "parked partition")+map[bool]string{true: " needs", false: " need"}[need == 1]+" a choice")
	}
	for _, s := range plan.Waiting {
		parts = append(parts, s.TopicPartition.String()+" waits and needs none")
	}
	fmt.Fprintf(a.stdout, "plan for %s: %s\n", plan.Plan.Group, strings.Join(parts, "; "))
	for _, s := range plan.Stuck {
		fmt.Fprintf(a.stdout, "%s  %s: %s; no move mends that\n", s.TopicPartition, s.Decision.Verdict, s.Reason)
	}
	if len(plan.Ailing) == 0 {
		return
	}
	fmt.Fprintln(a.stdout)
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "VERDICT"}, {Name: "CHOICE"}, {Name: "OFFSET", Right: true},
		{Name: "NEXT", Right: true}, {Name: "REPEATS", Right: true}, {Name: "LOSES-AT-MOST", Right: true}, {Name: ""}}}
	for _, ailing := range plan.Ailing {
		table.Rows = append(table.Rows, optionRows(ailing)...)
	}
	table.Print(a.stdout, ttyWidth(t), t.Paint)
	for _, ailing := range plan.Ailing {
		if d := ailing.Decision; d.Verdict == ledger.Truncated && d.Diverged >= 0 {
			fmt.Fprintf(a.stdout, "sink       what the %s vanished offsets of %s did stays; no choice takes it back\n",
				text.Count(ailing.Position.Offset-d.Diverged), ailing.TopicPartition)
		}
	}
	help := "add --execute"
	if need > 0 {
		help = "--policy earliest,truncated=divergence  --record retry|skip  --execute"
	}
	fmt.Fprintln(a.stdout, "Nothing was changed.  "+t.Paint(screen.Dim, "help: "+a.as(help)))
}

// optionRows are the lines of one partition: what was chosen, or everything that can be.
func optionRows(ailing admin.Ailing) (rows []screen.Row) {
	options := ailing.Options
	if ailing.Chosen != nil {
		options = []admin.Option{*ailing.Chosen}
	}
	for i, o := range options {
		cells := []string{"", "", o.Choice, offsetText(o.Held), text.Count(o.Next.Offset), losesText(o.Repeats), losesText(o.AtMost), o.Note}
		if i == 0 {
			cells[0], cells[1] = o.TopicPartition.String(), ailing.Decision.Verdict.String()
		}
		rows = append(rows, screen.Row{Cells: cells, Style: screen.Red, Paint: ailing.Chosen == nil})
	}
	return rows
}

// optionColumns are the columns of offsets repair -o csv.
var optionColumns = []string{"topic", "partition", "verdict", "choice", "chosen", "cause", "held_offset", "next_offset", "repeats", "loses_at_most", "note"}

func optionsJSON(plan *admin.Repair) []object {
	options := []object{}
	for _, ailing := range plan.Ailing {
		for i, o := range ailing.Options {
			var cause any
			if o.Cause != ledger.CauseUnset {
				cause = o.Cause.String()
			}
			options = append(options, object{"topic", o.Topic, "partition", o.Partition, "verdict", kebab(ailing.Decision.Verdict.String()), "choice", o.Choice,
				"chosen", ailing.Chosen == &ailing.Options[i], "cause", cause, "held", positionJSON(o.Held), "next", object{"offset", o.Next.Offset},
				"repeats", known(o.Repeats), "loses_at_most", known(o.AtMost), "note", spoken(o.Note)})
		}
	}
	return options
}
