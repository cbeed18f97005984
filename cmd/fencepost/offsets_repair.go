package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var offsetsRepairManual = manual{
	what: "Say what can be done about positions that the brokers contradict, and do it. Plans first.",
	examples: []example{
		{"fencepost offsets repair trips.yaml", "each choice"},
		{"fencepost offsets repair trips.yaml --policy truncated=divergence --execute", ""},
		{"fencepost offsets repair trips.yaml --topic trips:7 --record skip --execute", "one record"},
	},
	usage:  "fencepost offsets repair FILE|URL [flags]",
	exit:   "0 nothing to repair, or verified   1 error   2 usage   3 something is left   4 refused",
	see:    "offsets set, moves --gaps",
	tables: true,
}

type repairFlags struct {
	policy, record, why string
	records             int
	topics              []string
	execute             bool
	url                 targetFlags
}

func (a *app) offsetsRepairVerb() *cobra.Command {
	var flags repairFlags
	cmd := &cobra.Command{Use: "repair", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			return target.Use(cmd.Context(), args[0], a.targets(target.Ledger, flags.url), func(ctx context.Context, t *target.Target) error {
				return a.repair(ctx, t, flags)
			})
		}}
	fs := cmd.Flags()
	fs.StringVar(&flags.policy, "policy", "", "CHOICE,VERDICT=CHOICE  VERDICT: aged_out recreated truncated lost_row")
	fs.StringVar(&flags.record, "record", "", "retry|skip  the record that parks a partition")
	fs.IntVar(&flags.records, "records", 1, "N  with --record skip: pass up to N in a row")
	fs.StringArrayVar(&flags.topics, "topic", nil, topicUse)
	fs.BoolVar(&flags.execute, "execute", false, "do it; without it nothing is changed")
	fs.StringVar(&flags.url.brokers, "brokers", "", brokersUse)
	fs.StringVar(&flags.why, "why", "", "TEXT  kept with each move, beside time and who ($FENCEPOST_WHO)")
	return cmd
}

// choices reads the flags; what they do not say is as the file has it.
func (f repairFlags) choices(r admin.Resources) (c admin.Choices, sel admin.Selection, err error) {
	c.Policy = r.Policy
	policy := f.policy
	policy, c.Mirror = cutMirror(policy)
	if policy != "" {
		if c.Policy, err = admin.ParsePolicy(policy, r.Policy); err != nil {
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
	if c.Records = f.records; f.records < 1 || f.records > 1000 || f.records > 1 && c.Record != admin.RecordSkip {
		return c, sel, usage("--record skip --records 20", "--records %d: 1 to 1000, with --record skip", f.records)
	}
	if sel, err = admin.ParseSelection(f.topics); err != nil {
		return c, sel, usage("--topic trips, or --topic trips:0,2-4", "--topic %s", err)
	}
	return c, sel, nil
}

// cutMirror takes lost_row=mirror out of a policy: it is a choice of an operator's alone.
func cutMirror(policy string) (rest string, mirror bool) {
	parts := strings.Split(policy, ",")
	others := slices.DeleteFunc(parts, func(p string) bool { return strings.ReplaceAll(strings.TrimSpace(p), "-", "_") == "lost_row=mirror" })
	return strings.Join(others, ","), len(others) < strings.Count(policy, ",")+1
}

func (a *app) repair(ctx context.Context, at *target.Target, flags repairFlags) error {
	r := at.Resources
	c, sel, err := flags.choices(r)
	if err != nil {
		return err
	}
	v, err := admin.Look(ctx, r)
	if err != nil {
		return err
	}
	v.ReadParked(ctx, r, sel, c.Records)
	plan, err := admin.PlanRepair(r, v, sel, c)
	if err != nil {
		return err
	}
	plan.Count(ctx, r)
	if !flags.execute {
		answer := view.NewRepair(plan)
		return a.answer(answer, func() { a.printRepair(answer, at) })
	}
	if left := plan.Undecided(); len(left) > 0 {
		return &fencepost.UserError{Code: "choice-needed", Exit: 2, Err: fmt.Errorf("%s without a choice: %s; nothing was changed",
			text.Plural(len(left), "parked partition"), partitions(left)), Help: at.Remedy(view.NewRepair(plan).Choose()) + "; or --topic for the others alone"}
	}
	done, err := plan.Plan.Execute(ctx, r, flags.why)
	if err != nil {
		return err
	}
	answer := view.NewRepaired(plan, done)
	return a.answer(answer, func() { a.printDone(answer) })
}

func partitions(list []fencepost.TopicPartition) string {
	words := make([]string, len(list))
	for i, tp := range list {
		words[i] = tp.String()
	}
	return strings.Join(words, " ")
}

func (a *app) printRepair(r view.Repair, at *target.Target) {
	r.Print(a.sheet(at))
	if r.Ailing == 0 {
		return
	}
	help := "add --execute"
	if r.Undecided > 0 {
		help = at.Remedy(r.Choose())
	}
	a.unchanged(help)
}

// unchanged ends a plan. What does not fit beside it has a line of its own, on which a command stays whole, to be pasted.
func (a *app) unchanged(help string) {
	const says = "Nothing was changed."
	t := a.terminal(a.stdout)
	help, gap := "help: "+a.as(help), "  "
	if t.Width > 0 && len(says)+len(gap)+len(help) > t.Width {
		if gap = "\n  "; !strings.Contains(help, "fencepost ") {
			help = screen.Wrap(help, 8, t.Width)
		}
	}
	fmt.Fprintln(a.stdout, says+gap+t.Paint(screen.Dim, help))
}
