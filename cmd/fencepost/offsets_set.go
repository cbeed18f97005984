package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

var offsetsSetManual = manual{
	what: "Move positions, safely also while workers run. Plans first; --execute does it and verifies.",
	examples: []example{
		{"fencepost offsets set trips.yaml --to -1000", "each partition 1,000 back"},
		{"fencepost offsets set trips.yaml --to 2026-11-21T03:00 --execute", "first record at or after it"},
		{"fencepost offsets set trips.yaml --to -2h --topic trips:0,2-4", "two hours back, 4 partitions"},
		{"fencepost offsets set trips.yaml --plan plan.json --execute", "exactly that plan, or refused"},
	},
	usage: "fencepost offsets set FILE|URL --to TARGET [flags]\n" +
		"TARGET: earliest  latest  N  +N  -N  TIME (local unless it has an offset)  -DURATION (10m 2h 3d)",
	flags: []string{
		"--to TARGET  where to",
		"--topic T[:P,P-P]  these only; may be repeated. Default: all",
		"--clamp  take a target outside the log to its bound, do not refuse",
		"--execute  do it; without it nothing is changed",
		"--plan-out FILE  write the plan",
		"--plan FILE  take a plan that was written, in place of --to",
		brokersHelp,
		"--why TEXT  kept with each move, beside time and who ($FENCEPOST_WHO, or user@host)",
	},
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
	fs.StringVar(&flags.to, "to", "", "")
	fs.StringArrayVar(&flags.topics, "topic", nil, "")
	fs.BoolVar(&flags.clamp, "clamp", false, "")
	fs.BoolVar(&flags.execute, "execute", false, "")
	fs.StringVar(&flags.planOut, "plan-out", "", "")
	fs.StringVar(&flags.plan, "plan", "", "")
	fs.StringVar(&flags.why, "why", "", "")
	fs.StringVar(&flags.url.brokers, "brokers", "", "")
	return cmd
}

// forms are how times and durations are written, on the command line as in the file.
var forms = admin.Forms{Time: keys.ParseTime, Duration: text.ParseDuration}

// planned makes the plan that the flags ask for.
func (f setFlags) planned(ctx context.Context, r admin.Rooms) (*admin.Plan, error) {
	if f.plan != "" {
		return f.savedPlan(ctx, r)
	}
	to, ok := admin.ParseDestination(f.to, forms, time.Now())
	if !ok {
		return nil, usage("--to earliest, latest, 1000, +1000, -1000, 2026-11-21T03:00 or -2h", "--to %s: no target", f.to)
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

func (f setFlags) savedPlan(ctx context.Context, r admin.Rooms) (*admin.Plan, error) {
	data, err := os.ReadFile(f.plan)
	if err != nil {
		return nil, &fencepost.Fault{Code: "file-not-readable", Exit: 2, Err: err, Help: "name a file that --plan-out wrote"}
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
	return target.Use(ctx, name, a.targets(target.Ledger, flags.url), func(ctx context.Context, t *target.Target) error {
		p, err := flags.planned(ctx, t.Rooms)
		if err != nil {
			return err
		}
		if flags.planOut != "" {
			if err := writePlan(p, flags.planOut); err != nil {
				return err
			}
		}
		if !flags.execute {
			return a.tellPlan("offsets set", p, t, flags.planOut)
		}
		done, err := p.Execute(ctx, t.Rooms, flags.why)
		if err != nil {
			return err
		}
		return a.tellDone("offsets set", p, done)
	})
}

// writePlan keeps a plan in a file.
func writePlan(p *admin.Plan, path string) error {
	if err := os.WriteFile(path, p.Encode(), 0o644); err != nil {
		return &fencepost.Fault{Code: "file-not-writable", Err: err, Help: "--plan-out with a path that can be written"}
	}
	return nil
}

// tellPlan prints a plan in the form asked for.
func (a *app) tellPlan(command string, p *admin.Plan, at *target.Target, planOut string) error {
	switch a.output {
	case "json", "yaml":
		a.document(object{"format", 1, "command", command, "group", p.Group, "executed", false, "stay", p.Stay, "moves", planJSON(p)})
		return nil
	case "csv":
		return a.rows(planJSON(p), planColumns)
	}
	t := a.terminal(a.stdout)
	if len(p.Lines) == 0 {
		fmt.Fprintf(a.stdout, "plan for %s: nothing to move, %s stand there already\n", p.Group, text.Plural(p.Stay, "partition"))
		return nil
	}
	fmt.Fprintf(a.stdout, "plan for %s: %s, %d stay. Safe while workers run: they obey the Fence\n\n", p.Group, planSummary(p), p.Stay)
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "OFFSET", Right: true}, {Name: "NEXT", Right: true},
		{Name: "REPEATS", Right: true}, {Name: "LOSES-AT-MOST", Right: true}, {Name: "RECORD-AT-NEXT (" + time.Now().Format("-07:00") + ")", Hide: 1}}}
	for _, l := range p.Lines {
		table.Rows = append(table.Rows, screen.Row{Cells: []string{l.String(), offsetText(l.Held), text.Count(l.Next.Offset),
			text.Count(l.Repeats), losesText(l.AtMost), recordAt(l)}, Style: screen.Yellow, Paint: l.AtMost != 0})
	}
	table.Print(a.stdout, ttyWidth(t), t.Paint)
	if text := sinkText(p.Repeats(), at.File); text != "" {
		fmt.Fprintf(a.stdout, "sink       %s\n", screen.Wrap(text, 11, t.Width))
	}
	help := "add --execute; or keep it: --plan-out FILE, then --plan FILE --execute"
	if planOut != "" {
		help = fmt.Sprintf("fencepost offsets set %s --plan %s --execute", at.Word(), planOut)
	}
	fmt.Fprintln(a.stdout, "Nothing was changed.  "+t.Paint(screen.Dim, "help: "+a.as(help)))
	return nil
}

// planSummary is "rewind 3 partitions, skip 1 partition".
func planSummary(p *admin.Plan) string {
	n := map[ledger.Cause]int{}
	var causes []ledger.Cause
	for _, l := range p.Lines {
		if n[l.Cause]++; n[l.Cause] == 1 {
			causes = append(causes, l.Cause)
		}
	}
	slices.Sort(causes)
	told := ""
	for i, c := range causes {
		if i > 0 {
			told += ", "
		}
		told += fmt.Sprintf("%s %s", c, text.Plural(n[c], "partition"))
	}
	return told
}

// sinkText says what repeated records do in the sink.
func sinkText(repeats int64, f *pipeline.File) string {
	switch {
	case repeats == 0:
		return ""
	case f == nil:
		return fmt.Sprintf("%s are applied again by whoever runs the group", text.Plural(repeats, "record"))
	}
	return f.About().Repeat(repeats)
}

// tellDone prints what was moved, and that it was read back.
func (a *app) tellDone(command string, p *admin.Plan, done admin.Done) error {
	var moves []object
	for i, m := range done.Moves {
		moves = append(moves, object{"topic", m.Topic, "partition", m.Partition, "cause", m.Cause.String(), "held", positionJSON(m.Held),
			"next", positionJSON(m.Next), "repeats", known(done.Repeats[i]), "loses_at_most", known(m.AtMost), "why", spoken(m.Reason())})
	}
	switch a.output {
	case "json", "yaml":
		a.document(object{"format", 1, "command", command, "group", p.Group, "executed", true, "verified", true, "stay", p.Stay,
			"went_on", done.WentOn, "moves", moves})
		return nil
	case "csv":
		return a.rows(moves, planColumns)
	}
	a.printDone(done)
	return nil
}

// printDone prints a line for each move, and that it was read back.
func (a *app) printDone(done admin.Done) {
	wide := [4]int{}
	lines := make([][4]string, len(done.Moves))
	for i, m := range done.Moves {
		price := "repeats " + losesText(done.Repeats[i])
		switch {
		case m.Cause == ledger.CauseStart && !m.Held.Absent():
			price = "of the new topic; loses unknown"
		case m.AtMost == ledger.UnknownLoss:
			price = "loses unknown"
		case m.AtMost > 0:
			price = "loses at most " + text.Count(m.AtMost)
		}
		lines[i] = [4]string{m.TopicPartition.String(), m.Cause.String(), offsetText(m.Held) + " -> " + text.Count(m.Next.Offset), price}
		for c, cell := range lines[i] {
			wide[c] = max(wide[c], len(cell))
		}
	}
	for _, l := range lines {
		fmt.Fprintf(a.stdout, "moved      %-*s  %-*s  %-*s   %s\n", wide[0], l[0], wide[1], l[1], wide[2], l[2], l[3])
	}
	told := fmt.Sprintf("%d of %s hold the new Fence", len(done.Moves), text.Plural(len(done.Moves), "partition"))
	if len(done.Moves) == 1 {
		told = "1 of 1 partition holds the new Fence"
	}
	if len(done.Moves) == 0 {
		told = "nothing had to move"
	}
	if done.WentOn > 0 {
		told += fmt.Sprintf("; a worker went on from it already in %d", done.WentOn)
	}
	fmt.Fprintln(a.stdout, "verified   "+told)
}

// planColumns are the columns of -o csv.
var planColumns = []string{"topic", "partition", "cause", "held_offset", "held_fence", "next_offset", "repeats", "loses_at_most", "why"}

func planJSON(p *admin.Plan) []object {
	moves := []object{}
	for _, l := range p.Lines {
		var at any
		if !l.RecordAt.IsZero() {
			at = utc(l.RecordAt)
		}
		moves = append(moves, object{"topic", l.Topic, "partition", l.Partition, "cause", l.Cause.String(), "held", positionJSON(l.Held),
			"next", object{"offset", l.Next.Offset}, "repeats", l.Repeats, "loses_at_most", known(l.AtMost), "record_at_next", at, "why", spoken(l.Why)})
	}
	return moves
}

func offsetText(p ledger.Position) string {
	if p.Absent() {
		return "-"
	}
	return text.Count(p.Offset)
}

func losesText(n int64) string {
	if n == ledger.UnknownLoss {
		return "unknown"
	}
	return text.Count(n)
}

func recordAt(l admin.Line) string {
	if l.RecordAt.IsZero() {
		return "-"
	}
	return l.RecordAt.Local().Format(time.DateTime)
}

// ttyWidth is the width that a table has to fit; 0 without a terminal: then nothing is hidden.
func ttyWidth(t terminal) int {
	if t.TTY {
		return t.Width
	}
	return 0
}
