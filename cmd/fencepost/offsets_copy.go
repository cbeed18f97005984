package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/ledger"
)

var offsetsCopyManual = manual{
	what: "Take positions over from another ledger, or from another program. Plans first; --execute does it.",
	examples: []example{
		{"fencepost offsets copy 'redis://HOST/0?layout=pattern-a&key=KEY' B.yaml \\ --meaning next", ""},
		{"fencepost offsets copy 'kafka://HOST:9092?group=old' B.yaml --execute", ""},
		{"fencepost offsets copy A.yaml B.yaml", ""},
	},
	usage:  "fencepost offsets copy A B [flags]\nA: FILE, URL of a ledger or of another program's offsets\nB: FILE, or URL of a ledger",
	exit:   "0 planned, or verified   1 error   2 usage   4 refused, nothing changed",
	see:    "offsets diff (look at both first), offsets import, run --resume",
	tables: true,
}

// copyFlags is what an operator says about a copy.
type copyFlags struct {
	url           targetFlags
	policy, start string
	why, planOut  string
	topics        []string
	over, execute bool
	live          bool
}

// add adds the flags that copy and import have in common.
func (f *copyFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.topics, "topic", nil, topicUse)
	fs.BoolVar(&f.over, "over", false, "also partitions that B holds already")
	fs.StringVar(&f.policy, "policy", "", "CHOICE,VERDICT=CHOICE  earliest or latest, for positions that the brokers contradict")
	fs.StringVar(&f.start, "missing", "", "earliest|latest  for partitions that A has no position of")
	fs.BoolVar(&f.execute, "execute", false, "do it; without it nothing is changed")
	fs.BoolVar(&f.live, "live", false, "although A's group is live: what it reads after is read again")
	fs.StringVar(&f.why, "why", "", "TEXT  kept with each move, beside time, who and where it came from")
	fs.StringVar(&f.planOut, "plan-out", "", "FILE  write the plan; then offsets set B --plan FILE --execute")
}

func (a *app) offsetsCopyVerb() *cobra.Command {
	var flags copyFlags
	cmd := &cobra.Command{Use: "copy", ValidArgsFunction: completeTargets,
		Args: func(cmd *cobra.Command, args []string) error { return a.targetArgs(cmd, args, 2) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.copyOffsets(cmd.Context(), args[0], args[1], flags)
		}}
	fs := cmd.Flags()
	fs.StringVar(&flags.url.meaning, "meaning", "", meaningUse)
	fs.StringVar(&flags.url.brokers, "brokers", "", "HOST:9092|FILE  of B, where it is a URL and A leads to none")
	fs.StringVar(&flags.url.fromBrokers, "from-brokers", "", "HOST:9092|FILE  of A, where its cluster is another one")
	flags.add(cmd)
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
		if c.Members > 0 && !flags.live {
			return sourceLive(c.Members, both.A)
		}
		done, err := c.Plan.Execute(ctx, both.B.Resources, "")
		if err != nil {
			return err
		}
		return a.tellCopy(c, both, "", &done)
	})
}

// sourceLive refuses to take over from readers that are at work.
func sourceLive(members int, from *target.Target) error {
	return &fencepost.UserError{Code: "group-live", Help: "stop them first; or --live takes over where they are now",
		Err: fmt.Errorf("%s has %s: what they read from now on would be read again by B; nothing was changed", from.Location(), text.Plural(members, "live member"))}
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
	answer := view.NewCopy(a.command, c, both.A.String(), both.B.String(), done)
	return a.answer(answer, func() { a.printCopy(answer, both.B, planOut) })
}

func (a *app) printCopy(c view.Copy, to *target.Target, planOut string) {
	t := a.terminal(a.stdout)
	fmt.Fprintf(a.stdout, "A  %s\nB  %s: %s\n\n", c.From, c.To, c.Target())
	c.Table().Print(a.stdout, ttyWidth(t), t.Paint)
	if note := c.TimeNote(); note != "" {
		fmt.Fprintf(a.stdout, "time       %s\n", screen.Wrap(note, 11, t.Width))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(a.stdout, "note       %s\n", screen.Wrap(screen.Printable(note), 11, t.Width))
	}
	if !c.Executed {
		help := "add --execute"
		if planOut != "" {
			help = fmt.Sprintf("fencepost offsets set %s --plan %s --execute", to.Word(), planOut)
		}
		a.unchanged(help)
		return
	}
	fmt.Fprintf(a.stdout, "moved      %s\n", c.Moved())
	next := ""
	if to.File != nil {
		next = ".  next: " + a.as("fencepost run "+to.Word()+" --resume")
	}
	fmt.Fprintf(a.stdout, "verified   %d of %s read back; A was not changed%s\n", len(c.Made.Moves), text.Plural(len(c.Made.Moves), "partition"), next)
}
