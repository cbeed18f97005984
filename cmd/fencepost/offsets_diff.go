package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/view"
)

var offsetsDiffManual = manual{
	what: "Hold two ledgers, or another program's offsets, side by side with the brokers. Changes nothing.",
	examples: []example{
		{"fencepost offsets diff 'redis://HOST/0?layout=pattern-a&key=KEY' orders.yaml \\ --meaning next", ""},
		{"fencepost offsets diff 'kafka://HOST:9092?group=old' \\ 'kafka://HOST:9092?group=new'", ""},
	},
	usage: "fencepost offsets diff A B [flags]\n" + urlForms,
	notes: []string{
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
	cmd.Flags().StringVar(&url.meaning, "meaning", "", "WORD[,WORD]  of another program's numbers: next, batch-start, last-processed")
	cmd.Flags().StringVar(&url.brokers, "brokers", "", "HOST:9092|FILE  where neither A nor B leads to any")
	cmd.Flags().StringArrayVar(&topics, "topic", nil, topicUse)
	return cmd
}

func (a *app) diff(ctx context.Context, both *target.Pair, sel admin.Selection) error {
	if both.Across {
		return &fencepost.UserError{Code: "other-cluster", Exit: 4, Err: errors.New("A and B are of two clusters, whose offsets do not compare"),
			Help: "fencepost offsets show, of each; or fencepost offsets copy A B, which goes by time"}
	}
	one, err := admin.Look(ctx, both.A.Resources)
	if err != nil {
		return both.A.Pointed(err)
	}
	other, err := admin.Look(ctx, both.B.Resources)
	if err != nil {
		return err
	}
	d, err := admin.Diff(one, other, sel)
	if err != nil {
		return err
	}
	answer := view.NewDifference(d, both.A.String(), both.B.String(), one, other)
	return a.answer(answer, func() { a.printDiff(answer) })
}

func (a *app) printDiff(d view.Difference) {
	t := a.terminal(a.stdout)
	fmt.Fprintf(a.stdout, "A  %s\nB  %s\n\n", d.A, d.B)
	d.Table().Print(a.stdout, ttyWidth(t), t.Paint)
	fmt.Fprintln(a.stdout, screen.Wrap(d.Summary(), 0, t.Width))
	for _, note := range d.ANotes {
		fmt.Fprintln(a.stdout, screen.Wrap("note  A: "+screen.Printable(note), 6, t.Width))
	}
	for _, note := range d.BNotes {
		fmt.Fprintln(a.stdout, screen.Wrap("note  B: "+screen.Printable(note), 6, t.Width))
	}
}
