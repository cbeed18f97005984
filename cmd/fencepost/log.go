package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var logManual = manual{
	what: "Show where the log of a topic begins and ends, and which offset is at a time. No group is needed.",
	examples: []example{
		{"fencepost log trips --brokers HOST:9092", "earliest, stable and end"},
		{"fencepost log trips --brokers HOST:9092 --at 24h", "also the first record at or after it"},
		{"fencepost log trips.yaml --at 2026-11-21T03:00", "a pipeline's topics and brokers"},
	},
	usage: "fencepost log TOPIC...|FILE [flags]",
	notes: []string{
		"-o table|wide|json|yaml|csv",
	},
	exit:   "0 ok   1 error, or a partition without an answer   2 usage",
	see:    "offsets show, offsets set",
	tables: true,
}

func (a *app) logVerb() *cobra.Command {
	var brokers, at string
	cmd := &cobra.Command{Use: "log", ValidArgsFunction: completeFiles,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.lacking(cmd)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var when time.Time
			if at != "" {
				var err error
				if when, err = text.ParsePast(at, time.Now()); err != nil {
					return notTime("--at", at, err, "--at 2026-11-21T03:00, or --at 24h", "neither a time nor a duration")
				}
			}
			return a.logs(cmd.Context(), args, when, brokers)
		}}
	cmd.Flags().StringVar(&brokers, "brokers", "", "HOST:9092|FILE  the brokers, or those of a pipeline file")
	cmd.Flags().StringVar(&at, "at", "", "TIME|DURATION  also the first offset at or after it: 2026-11-21T03:00, 24h")
	return cmd
}

func (a *app) logs(ctx context.Context, names []string, at time.Time, brokers string) error {
	found, err := target.Logs(ctx, names, at, a.targets(target.Stored, targetFlags{brokers: brokers}))
	if err != nil {
		return err
	}
	answer := view.NewLog(found)
	return a.answer(answer, func() {
		t := a.terminal(a.stdout)
		fmt.Fprintf(a.stdout, "%s\n\n", answer.Title())
		answer.Table().Print(a.stdout, ttyWidth(t), t.Paint)
		for _, note := range answer.Notes() {
			fmt.Fprintf(a.stdout, "note  %s\n", screen.Wrap(note, 6, t.Width))
		}
	})
}
