package main

import (
	"context"
	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/view"
)

var auditManual = manual{
	what: "Prove the chain of moves, the positions, and the sink's rows where they name their records.",
	examples: []example{
		{"fencepost audit trips.yaml", "exit 0: every record that commits cover is in the sink once"},
		{"fencepost audit trips.yaml -o json", "for programs"},
	},
	usage: "fencepost audit FILE|URL",
	notes: []string{
		"-o table|wide|json|yaml|csv",
		"hole  or overlap, fence: a move does not begin where the last one ended",
		"changed  an entry is not where its moves lead: something else wrote it",
		"verdict  the brokers contradict a position: offsets repair",
		"parked  or waiting, retrying: a partition stands still, a worker says why",
		"missing  a record that a commit covers has no row",
		"doubled  a record has more rows than commits cover it",
		"foreign  a row of no record that a commit covers",
		"not checked  rows that do not name their records: exit 3. The tables of",
		"  fencepost ddl do, and sql by audit:. Not with a key",
	},
	exit:   "0 proven   1 error   2 usage   3 findings, or rows not checked",
	see:    "moves, offsets show",
	tables: true,
}

func (a *app) auditVerb() *cobra.Command {
	var url targetFlags
	cmd := &cobra.Command{Use: "audit", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			return target.Use(cmd.Context(), args[0], a.targets(target.Ledger, url), func(ctx context.Context, t *target.Target) error {
				found, err := admin.Prove(ctx, t.Resources, t.AuditOptions())
				if err != nil {
					return err
				}
				answer := view.NewAudit(found, t.Group)
				return a.answer(answer, func() { answer.Print(a.sheet(t)) })
			})
		}}
	cmd.Flags().StringVar(&url.brokers, "brokers", "", brokersUse)
	return cmd
}
