package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/view"
)

var offsetsPeekManual = manual{
	what: "Show records as the topic has them, and what the file's schema makes of them. Changes nothing.",
	examples: []example{
		{"fencepost offsets peek trips.yaml trips:7:331,008", "that record, or the next"},
		{"fencepost offsets peek trips.yaml trips:7:331008 --records 20", "and those behind it"},
		{"fencepost offsets peek trips:7:331008 --brokers HOST:9092", "without a file: nothing is decoded"},
	},
	usage: "fencepost offsets peek [FILE] TOPIC:PARTITION:OFFSET [flags]",
	notes: []string{"-o json  bytes also as base64, whole"},
	exit:  "0 ok   1 error   2 usage   4 no record there",
	see:   "offsets repair, offsets show",
}

func (a *app) offsetsPeekVerb() *cobra.Command {
	var url targetFlags
	records := 1
	cmd := &cobra.Command{Use: "peek", Args: cobra.ArbitraryArgs, ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 || len(args) == 1 && url.brokers == "" {
				return a.lacking(cmd)
			}
			at, ok := admin.ParsePlace(args[len(args)-1])
			if !ok || records < 1 || records > 1000 {
				return usage("fencepost offsets peek FILE TOPIC:PARTITION:OFFSET --records 1", "%s is not TOPIC:PARTITION:OFFSET, or --records %d is not 1 to 1000", args[len(args)-1], records)
			}
			peek := func(ctx context.Context, t *target.Target) error {
				all, err := admin.Peek(ctx, t.Resources, at.TopicPartition, at.Offset, records)
				if err != nil {
					return err
				}
				answer := view.NewPeek(all)
				return a.answer(answer, func() { a.printRecords(answer) })
			}
			o := a.targets(target.Offsets, url)
			if len(args) == 1 {
				return target.UseLog(cmd.Context(), at.Topic, o, peek)
			}
			o.Access = target.Log
			return target.Use(cmd.Context(), args[0], o, peek)
		}}
	cmd.Flags().StringVar(&url.brokers, "brokers", "", "HOST:9092|FILE  in place of FILE: the brokers, or those of a pipeline file")
	cmd.Flags().IntVar(&records, "records", 1, "1  how many records, from that offset on")
	return cmd
}

func (a *app) printRecords(p view.Peek) {
	t := a.terminal(a.stdout)
	for _, r := range p.Records {
		printExplained(a.stdout, r.Lines(), t)
	}
}
