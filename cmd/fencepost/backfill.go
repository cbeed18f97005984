package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/logs"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var backfillManual = manual{
	what: "Run old records again into the same sink, exactly once, under a group of its own: the pipeline's " +
		"positions stay, and its workers may run. Plans first; --execute does it, or goes on with it.",
	examples: []example{
		{"fencepost backfill trips.yaml --range trips:3:410200..421000", "to 420,999"},
		{"fencepost backfill trips.yaml --from 2026-11-20 --to 2026-11-21 --execute", "one day"},
		{"fencepost backfill trips.yaml --from 2026-11-20 --to 2026-11-21 \\ --topic trips:0-4", ""},
	},
	usage: "fencepost backfill FILE --range TOPIC:P:FROM..UNTIL [flags]\n" +
		"       fencepost backfill FILE --from TIME --to TIME [flags]",
	exit:   "0 planned, or done   1 error, or cut short   2 usage   3 some left parked   4 refused",
	see:    "offsets set (move the pipeline itself), run --until, audit (calls these rows doubled)",
	tables: true,
}

type backfillFlags struct {
	ranges, topics             []string
	from, to, name, group, why string
	execute                    bool
	wait                       time.Duration
}

func (a *app) backfillVerb() *cobra.Command {
	var flags backfillFlags
	cmd := &cobra.Command{Use: "backfill", Args: a.oneFile, ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error { return a.backfill(cmd.Context(), args[0], flags) }}
	fs := cmd.Flags()
	fs.StringArrayVar(&flags.ranges, "range", nil, "RANGE  these offsets, UNTIL not; may be repeated, once a partition")
	fs.StringVar(&flags.from, "from", "", "TIME  the first record of this time or later, by the records' own timestamps")
	fs.StringVar(&flags.to, "to", "", "TIME  up to the first record of this time or later, which is not run")
	fs.StringArrayVar(&flags.topics, "topic", nil, "T[:P,P-P]  with --from: these only; may be repeated. Default: all")
	fs.StringVar(&flags.name, "name", "", "NAME  the group is GROUP-backfill-NAME. Default: made of what is asked for")
	fs.StringVar(&flags.group, "group", "", "GROUP  the whole name of the group")
	fs.BoolVar(&flags.execute, "execute", false, "do it; without it nothing is changed")
	fs.DurationVar(&flags.wait, "wait", time.Minute, "60s  how long to wait for what does not answer, at the end")
	a.logFlag(cmd)
	fs.StringVar(&flags.why, "why", "", "TEXT  kept with each start, beside time and who ($FENCEPOST_WHO, or user@host)")
	return cmd
}

// ask reads what is to be run again.
func (f backfillFlags) ask() (a admin.BackfillAsk, err error) {
	const help = "--range trips:3:410200..421000, or --from 2026-11-20 --to 2026-11-21"
	switch {
	case f.wait <= 0:
		return a, usage("--wait 60s", "--wait %s: not above 0", f.wait)
	case f.name != "" && f.group != "":
		return a, usage("one of them", "--name and --group both name the group")
	case len(f.ranges) > 0 && (f.from != "" || f.to != "" || len(f.topics) > 0):
		return a, usage(help, "--range says it all: --from, --to and --topic do not go with it")
	case len(f.ranges) > 0:
		if a.Ranges, err = admin.ParseRanges(f.ranges); err != nil {
			return a, usage("--range trips:3:410200..421000", "--range %s", err)
		}
		return a, nil
	case f.from == "" || f.to == "":
		return a, usage(help, "backfill needs --range, or --from and --to")
	}
	if a.From, err = text.ParseTime(f.from, time.Local); err != nil {
		return a, notTime("--from", f.from, err, help, "not a time")
	}
	if a.To, err = text.ParseTime(f.to, time.Local); err != nil {
		return a, notTime("--to", f.to, err, help, "not a time")
	}
	if a.To.Before(a.From) {
		return a, usage(help, "--from %s --to %s: it ends before it begins", f.from, f.to)
	}
	if a.Sel, err = admin.ParseSelection(f.topics); err != nil {
		return a, usage("--topic trips, or --topic trips:0,2-4", "--topic %s", err)
	}
	return a, nil
}

// beside is the group of the backfill. Without a name it is named after its request.
func (f backfillFlags) beside(main fencepost.Group, ask admin.BackfillAsk) fencepost.Group {
	switch {
	case f.group != "":
		return fencepost.Group(f.group)
	case f.name != "":
		return main + "-backfill-" + fencepost.Group(f.name)
	}
	return main + fencepost.Group(fmt.Sprintf("-backfill-%.4x", sha256.Sum256([]byte(ask.String()))))
}

func (a *app) backfill(parent context.Context, name string, flags backfillFlags) error {
	ask, err := flags.ask()
	if err != nil {
		return err
	}
	main, err := pipeline.Load(name, a.env)
	if err != nil {
		return err
	}
	f := main.Beside(flags.beside(main.Group, ask))
	var b *admin.Backfill
	err = target.UseFile(parent, f, a.targets(target.Offsets, targetFlags{}), func(ctx context.Context, t *target.Target) error {
		if b, err = admin.PlanBackfill(ctx, t.Resources, main.Group, ask, flags.why); err != nil || !flags.execute {
			return err
		}
		return b.Start(ctx, t.Resources)
	})
	if err != nil {
		return err
	}
	if b.Left() == 0 || !flags.execute {
		return a.tellBackfill(b, f, flags.execute, false)
	}
	return a.runBackfill(parent, f, b, flags.wait)
}

// runBackfill runs what is left, reads back and prints the result.
func (a *app) runBackfill(parent context.Context, f *pipeline.File, b *admin.Backfill, wait time.Duration) error {
	ends := b.Ends()
	run := f.Taking(slices.SortedFunc(maps.Keys(ends), fencepost.TopicPartition.Compare))
	limitMemory(run)
	who := worker(run)
	log := a.log(run, who)
	hears := a.listener(run, log, who, true)
	err := a.consume(parent, job{file: run, hears: hears, log: log, set: func(cfg *engine.Config) {
		cfg.Until, cfg.Wait, cfg.Who, cfg.Events = engine.Until{Offsets: ends}, wait, who, hears.Event
	}})
	if err != nil && !errors.Is(err, engine.ErrCutShort) {
		err = f.Pointed(err)
		if _, ok := hears.(*logs.Log); ok {
			a.logged = true
			fault := faultOf(err)
			log.Failed(fault.Code, fault.Error(), a.as(fault.Help))
		}
		return err
	}
	cut := err != nil
	// Also after Ctrl-C: the result is what was read back.
	if err := target.UseFile(context.WithoutCancel(parent), f, a.targets(target.Offsets, targetFlags{}), func(ctx context.Context, t *target.Target) error {
		return b.ReadBack(ctx, t.Resources)
	}); err != nil {
		return err
	}
	if err := a.tellBackfill(b, f, true, true); err != nil {
		return err
	}
	if cut || b.Left() > 0 {
		return exited(1)
	}
	return nil
}

// tellBackfill prints a plan, or how it ended, in the form asked for.
func (a *app) tellBackfill(b *admin.Backfill, f *pipeline.File, executed, ran bool) error {
	answer := view.NewBackfill(b, executed)
	return a.answer(answer, func() { a.printBackfill(answer, f, ran) })
}

func (a *app) printBackfill(b view.Backfill, f *pipeline.File, ran bool) {
	switch {
	case b.Executed && ran && b.Left == 0:
		where := "stands at the end of its range"
		if len(b.Ranges) > 1 {
			where = "stand at the ends of their ranges"
		}
		fmt.Fprintf(a.stdout, "verified   %s of group %s %s\n", text.Plural(len(b.Ranges), "partition"), b.Group, where)
	case b.Executed && ran:
		fmt.Fprintf(a.stdout, "left       %s of group %s. The same command goes on there\n", text.Plural(b.Left, "offset"), b.Group)
	case b.Left == 0 && b.Begun:
		fmt.Fprintf(a.stdout, "%s: nothing to do, it is done\n", b.Group)
	case b.Left == 0:
		fmt.Fprintf(a.stdout, "%s: nothing to do, no offset lies in what was asked for\n", b.Group)
	default:
		a.printBackfillPlan(b, f)
	}
}

// printBackfillPlan prints a plan as a table.
func (a *app) printBackfillPlan(b view.Backfill, f *pipeline.File) {
	t := a.terminal(a.stdout)
	how := "begin"
	if b.Begun {
		how = "go on"
	}
	head := fmt.Sprintf("plan for %s: %s, %s to run; group %s stays where it is", b.Group, how, text.Plural(b.Left, "offset"), b.Beside)
	fmt.Fprintf(a.stdout, "%s\n\n", screen.Wrap(head, 2, ttyWidth(t)))
	b.Table().Print(a.stdout, ttyWidth(t), t.Paint)
	if !b.FromTime.IsZero() {
		fmt.Fprintf(a.stdout, "time       [%s .. %s) %s, by the records' own timestamps\n", b.Clock.Time(b.FromTime.Time), b.Clock.Time(b.ToTime.Time), b.Clock)
	}
	if len(b.Cut) > 0 {
		text := fmt.Sprintf("%s begins at its earliest record: older ones of that time may be gone", strings.Join(b.Cut, " "))
		fmt.Fprintf(a.stdout, "log        %s\n", screen.Wrap(text, 11, t.Width))
	}
	if text := againText(b, f); text != "" {
		fmt.Fprintf(a.stdout, "sink       %s\n", screen.Wrap(text, 11, t.Width))
	}
	a.unchanged("add --execute")
}

// againText says what a backfill does to rows that are there, or will be.
func againText(b view.Backfill, f *pipeline.File) string {
	switch {
	case len(f.About().Key) > 0: // also where the main line never was: a newer record of the key may be there
		return fmt.Sprintf("table %s has a key: rows are written again and stand there once, an old record over a newer one", f.About().Table)
	case b.Repeats().N == 0:
		return ""
	}
	return sinkText(b.Repeats(), f)
}
