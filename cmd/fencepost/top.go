package main

import (
	"errors"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/top"
	"github.com/fencepost/fencepost/internal/watch"
)

var topManual = manual{
	what: "Show pipelines in the terminal, live, and move between them by keys: what stands, what lags, what was lost, who moved it. Changes nothing, unless --allow-changes is given and a plan is executed.",
	examples: []example{
		{"fencepost top trips.yaml", "its partitions; ? shows the keys"},
		{"fencepost top trips.yaml clicks.yaml", "both, and what differs"},
		{"fencepost top trips.yaml --allow-changes", "plans can be executed"},
	},
	usage: "fencepost top FILE... [flags]",
	exit:  "0 left   1 error   2 usage",
	see:   "ui, offsets show, moves, dead-letters",
}

func (a *app) topVerb() *cobra.Command {
	var cfg top.Config
	cmd := &cobra.Command{Use: "top", ValidArgsFunction: completeFiles,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.lacking(cmd)
			}
			return filesAlone(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			out, ok := a.stdout.(*os.File)
			if !ok || !isatty.IsTerminal(out.Fd()) || !isatty.IsTerminal(os.Stdin.Fd()) {
				return &fencepost.UserError{Code: "not-a-terminal", Exit: 2, Err: errors.New("fencepost top draws in a terminal, and this is none"), Help: "fencepost offsets show " + text.Shell(args[0]) + " prints the same numbers once, -o json for programs"}
			}
			ctx, stop := interruptible(cmd.Context(), func() {})
			defer stop()
			t := a.terminal(out)
			cfg.Timeout, cfg.Paint, cfg.ASCII = a.timeout, t.Paint, t.ASCII
			return a.watched(ctx, args, func(all []watch.Pipeline) error {
				cfg.Pipelines = all
				return top.Run(ctx, cfg, os.Stdin, out)
			})
		}}
	cmd.Flags().BoolVar(&cfg.AllowChanges, "allow-changes", false, "plans can be executed; each is a recorded move of $FENCEPOST_WHO, or user@host")
	return cmd
}
