package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var offsetsForgetManual = manual{
	what: "Leave a topic behind that the group has read once and reads no more. Plans first.",
	examples: []example{
		{"fencepost offsets forget trips.yaml --topic orders", "the plan"},
		{"fencepost offsets forget trips.yaml --topic orders --why mistake --execute", ""},
	},
	usage: "fencepost offsets forget FILE|URL --topic T [flags]\n" +
		"Its positions stay where they are, and count no more; a run that reads the\n" +
		"topic goes on from them.",
	exit:   "0 planned, or verified   1 error   2 usage   4 refused: the file reads the topic",
	see:    "offsets show, moves",
	tables: true,
}

type forgetFlags struct {
	topics  []string
	execute bool
	why     string
	url     targetFlags
}

func (a *app) offsetsForgetVerb() *cobra.Command {
	var flags forgetFlags
	cmd := &cobra.Command{Use: "forget", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(flags.topics) == 0 {
				return usage("fencepost offsets forget FILE --topic T", "offsets forget needs --topic")
			}
			return target.Use(cmd.Context(), args[0], a.targets(target.Ledger, flags.url), func(ctx context.Context, t *target.Target) error {
				return a.forget(ctx, t.Resources, flags)
			})
		}}
	fs := cmd.Flags()
	fs.StringArrayVar(&flags.topics, "topic", nil, "T  this one, whole; may be repeated")
	fs.BoolVar(&flags.execute, "execute", false, "do it; without it nothing is changed")
	fs.StringVar(&flags.url.brokers, "brokers", "", brokersUse)
	fs.StringVar(&flags.why, "why", "", whyUse)
	return cmd
}

func (a *app) forget(ctx context.Context, r admin.Resources, flags forgetFlags) error {
	v, err := admin.Look(ctx, r)
	if err != nil {
		return err
	}
	p, err := admin.PlanForget(r, v, flags.topics)
	if err != nil {
		return err
	}
	if flags.execute {
		done, err := p.Execute(ctx, r, flags.why)
		if err != nil {
			return err
		}
		answer := view.NewDone(p, done)
		answer.Command = "offsets forget"
		return a.answer(answer, func() { a.printDone(answer) })
	}
	answer := view.NewPlan(p)
	answer.Command = "offsets forget"
	return a.answer(answer, func() {
		fmt.Fprintf(a.stdout, "plan for %s: leave %s behind, %d stay\n\n", answer.Group, text.Plural(len(answer.Moves), "partition"), answer.Stay)
		table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "OFFSET", Right: true}}}
		for _, m := range answer.Moves {
			table.Rows = append(table.Rows, screen.Row{Cells: []string{fmt.Sprintf("%s:%d", m.Topic, m.Partition), m.Held.String()}})
		}
		t := a.terminal(a.stdout)
		table.Print(a.stdout, ttyWidth(t), t.Paint)
		a.unchanged("add --execute")
	})
}
