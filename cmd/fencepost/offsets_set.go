package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var offsetsSetManual = manual{
	what: "Move positions, safely also while workers run. Plans first; --execute does it and verifies.",
	examples: []example{
		{"fencepost offsets set trips.yaml --to -1000", "each partition 1,000 back"},
		{"fencepost offsets set trips.yaml --to 2026-11-21T03:00 --execute", "first record at or after it"},
		{"fencepost offsets set trips.yaml --to -2h --topic trips:0,2-4", "two hours back, 4 partitions"},
		{"fencepost offsets set trips.yaml --plan plan.json --execute", "exactly that plan, or refused"},
		{"fencepost offsets set 'kafka://HOST:9092?group=G' --to earliest", "any Kafka group that is idle"},
	},
	usage: "fencepost offsets set FILE|URL --to TARGET [flags]\n" +
		"TARGET: earliest  latest  N  +N  -N  -DURATION (10m 2h 3d)\n" +
		"        TIME (local unless it has an offset)",
	exit:   "0 planned, or verified   1 error   2 usage   4 refused: out of bounds, stale plan",
	see:    "offsets repair (a verdict is the reason), moves",
	tables: true,
}

type setFlags struct {
	to, planOut, plan, why string
	topics                 []string
	clamp, execute         bool
	url                    targetFlags
}

func (a *app) offsetsSetVerb() *cobra.Command {
	var flags setFlags
	cmd := &cobra.Command{Use: "set", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error { return a.setOffsets(cmd.Context(), args[0], flags) }}
	fs := cmd.Flags()
	fs.StringVar(&flags.to, "to", "", "TARGET  where to")
	fs.StringArrayVar(&flags.topics, "topic", nil, topicUse)
	fs.BoolVar(&flags.clamp, "clamp", false, "take a target outside the log to its bound, do not refuse")
	fs.BoolVar(&flags.execute, "execute", false, "do it; without it nothing is changed")
	fs.StringVar(&flags.planOut, "plan-out", "", "FILE  write the plan")
	fs.StringVar(&flags.plan, "plan", "", "FILE  take a plan that was written, in place of --to")
	fs.StringVar(&flags.url.brokers, "brokers", "", brokersUse)
	fs.StringVar(&flags.why, "why", "", whyUse)
	return cmd
}

// planned makes the plan that the flags ask for.
func (f setFlags) planned(ctx context.Context, r admin.Resources) (*admin.Plan, error) {
	if f.plan != "" {
		return f.savedPlan(ctx, r)
	}
	to, err := admin.ParseDestination(f.to, time.Now())
	if err != nil {
		return nil, notTime("--to", f.to, err, "--to earliest, latest, 1000, +1000, -1000, 2026-11-21T03:00 or -2h", "no target")
	}
	sel, err := admin.ParseSelection(f.topics)
	if err != nil {
		return nil, usage("--topic trips, or --topic trips:0,2-4", "--topic %s", err)
	}
	v, err := admin.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	return admin.PlanSet(ctx, r, v, sel, to, f.clamp)
}

func (f setFlags) savedPlan(ctx context.Context, r admin.Resources) (*admin.Plan, error) {
	data, err := os.ReadFile(f.plan)
	if err != nil {
		return nil, &fencepost.UserError{Code: "file-not-readable", Exit: 2, Err: err, Help: "name a file that --plan-out wrote"}
	}
	p, err := admin.DecodePlan(data)
	if err != nil {
		return nil, err
	}
	v, err := admin.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	return p, p.Recheck(v)
}

// check refuses flags that contradict each other.
func (f setFlags) check() error {
	switch {
	case f.to == "" && f.plan == "":
		return usage("--to earliest, latest, 1000, +1000, -1000, 2026-11-21T03:00 or -2h", "offsets set needs --to")
	case f.plan != "" && (f.to != "" || len(f.topics) > 0 || f.clamp || f.planOut != ""):
		return usage("--plan FILE --execute", "--plan is the whole plan: --to, --topic, --clamp and --plan-out do not go with it")
	}
	return nil
}

func (a *app) setOffsets(ctx context.Context, name string, flags setFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	return target.Use(ctx, name, a.targets(target.Movable, flags.url), func(ctx context.Context, t *target.Target) error {
		if t.Layout != nil && flags.why != "" {
			return usage("leave --why out", "a Kafka group keeps no history, and no reason")
		}
		p, err := flags.planned(ctx, t.Resources)
		if err != nil {
			return err
		}
		if flags.planOut != "" {
			if err := writePlan(p, flags.planOut); err != nil {
				return err
			}
		}
		if !flags.execute {
			plan := view.NewPlan(p)
			return a.answer(plan, func() { a.printPlan(plan, t, flags.planOut) })
		}
		done, err := p.Execute(ctx, t.Resources, flags.why)
		if err != nil {
			return err
		}
		answer := view.NewDone(p, done)
		return a.answer(answer, func() { a.printDone(answer) })
	})
}

// writePlan keeps a plan in a file.
func writePlan(p *admin.Plan, path string) error {
	if err := os.WriteFile(path, p.Encode(), 0o644); err != nil {
		return &fencepost.UserError{Code: "file-not-writable", Err: err, Help: "--plan-out with a path that can be written"}
	}
	return nil
}

// printPlan prints what would be moved, what that does to the sink, and how it is done.
func (a *app) printPlan(p view.Plan, at *target.Target, planOut string) {
	p.Print(a.sheet(at), sinkText(p.Repeats(), at.File))
	if len(p.Moves) == 0 {
		return
	}
	help := "add --execute; or keep it: --plan-out FILE, then --plan FILE --execute"
	if planOut != "" {
		help = fmt.Sprintf("fencepost offsets set %s --plan %s --execute", at.Word(), planOut)
	}
	a.unchanged(help)
}

// sinkText says what repeated records do in the sink.
func sinkText(repeats text.Amount, f *pipeline.File) string {
	switch {
	case repeats.N == 0:
		return ""
	case f == nil:
		return repeats.Of("record") + " are applied again by whoever runs the group"
	}
	repeats.Most = repeats.Most || f.Tombstone == "skip" // a record without a value makes no row
	return f.About().Repeat(repeats)
}

// printDone prints a line for each move, and that it was read back.
func (a *app) printDone(done view.Done) {
	for _, line := range done.Lines() {
		fmt.Fprintln(a.stdout, line)
	}
}

// sheet is where the answer of a verb about a target is printed.
func (a *app) sheet(at *target.Target) view.Sheet {
	t := a.terminal(a.stdout)
	s := view.Sheet{Out: a.stdout, Width: t.Width, Table: ttyWidth(t), Paint: t.Paint, Help: func(says string) string { return a.as(at.Remedy(says)) }}
	if a.output == "wide" {
		s.Table = 0
	}
	return s
}

// ttyWidth is the width that a table has to fit; 0 without a terminal: then nothing is hidden.
func ttyWidth(t terminal) int {
	if t.TTY {
		return t.Width
	}
	return 0
}
