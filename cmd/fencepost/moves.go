package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var movesManual = manual{
	what: "Show how positions moved: when, by whom, why, and how many records they passed unapplied.",
	examples: []example{
		{"fencepost moves trips.yaml", "all but commits, oldest first"},
		{"fencepost moves trips.yaml --gaps --since 24h", "losses only; exit 3 if there is one: for cron"},
		{"fencepost moves trips.yaml --commits -o csv", "every row that the ledger keeps"},
	},
	usage: "fencepost moves FILE|URL [flags]",
	notes: []string{
		"-o table|wide|json|yaml|csv",
	},
	exit:   "0 ok   1 error   2 usage   3 with --gaps: there is one",
	see:    "offsets show, audit",
	tables: true,
}

func (a *app) movesVerb() *cobra.Command {
	var filter admin.Filter
	var since string
	cmd := &cobra.Command{Use: "moves", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if since != "" {
				var err error
				if filter.Since, err = text.ParsePast(since, time.Now()); err != nil {
					return notTime("--since", since, err, "--since 24h, or --since 2026-11-21T03:00", "neither a duration nor a time")
				}
			}
			return target.Use(cmd.Context(), args[0], a.targets(target.Stored, targetFlags{}), func(ctx context.Context, t *target.Target) error {
				if t.Layout != nil {
					return usage("fencepost offsets show FILE", "%s is another program's, and keeps no history", t.Location())
				}
				found, err := admin.Moves(ctx, t.Resources, filter)
				if err != nil {
					return err
				}
				moves := view.NewMoves(found, t.Group, filter, time.Now())
				return a.answer(moves, func() { a.printMoves(moves) })
			})
		}}
	cmd.Flags().BoolVar(&filter.Gaps, "gaps", false, "only moves that passed records unapplied")
	cmd.Flags().StringVar(&since, "since", "", "TIME|DURATION  not older than that: 2026-11-21T03:00, 24h, 7d")
	cmd.Flags().BoolVar(&filter.Commits, "commits", false, "commits too, as the ledger kept them (keep_commits)")
	return cmd
}

func (a *app) printMoves(m view.Moves) {
	t := a.terminal(a.stdout)
	head := fmt.Sprintf("group %s   times %s", m.Group, m.Clock)
	if m.Folded > 0 {
		head += "   " + text.Plural(m.Folded, "commit") + " folded (--commits)"
	}
	fmt.Fprintln(a.stdout, head)
	if len(m.Moves) == 0 {
		fmt.Fprintln(a.stdout, map[bool]string{true: "no gap", false: "no move"}[m.Gaps])
		return
	}
	fmt.Fprintln(a.stdout)
	width := ttyWidth(t)
	if a.output == "wide" {
		width = 0
	}
	m.Table().Print(a.stdout, width, t.Paint)
	if m.Gaps {
		fmt.Fprintln(a.stdout, m.NeverApplied())
	}
}
