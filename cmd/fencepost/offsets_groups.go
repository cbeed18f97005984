package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var offsetsGroupsManual = manual{
	what: "List the groups that a ledger or a Kafka cluster holds. Changes nothing.",
	examples: []example{
		{"fencepost offsets groups kafka://HOST:9092", "classic, consumer (KIP-848) and share groups"},
		{"fencepost offsets groups trips.yaml", "the groups of its ledger"},
		{"fencepost offsets groups postgres://USER@HOST/DB", ""},
	},
	usage: "fencepost offsets groups FILE|URL [flags]\n" +
		"URL: as for offsets show, without group=",
	notes: []string{
		"MEMBERS      live ones; - is not known: a ledger does not say who runs",
		"PARTITIONS   with a commit or a position; of a share group, with a start offset",
		"-o table|wide|json|yaml|csv",
	},
	exit:   "0 ok   1 error   2 usage",
	see:    "offsets show",
	tables: true,
}

func (a *app) offsetsGroupsVerb() *cobra.Command {
	return &cobra.Command{Use: "groups", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error { return a.listGroups(cmd.Context(), args[0]) }}
}

func (a *app) listGroups(ctx context.Context, operand string) error {
	found, err := target.Groups(ctx, operand, a.targets(target.Stored, targetFlags{}))
	if err != nil {
		return err
	}
	answer := view.NewGroups(found.Groups, found.Where, found.User)
	return a.answer(answer, func() {
		t := a.terminal(a.stdout)
		fmt.Fprintf(a.stdout, "%s   %s\n", found.Where, text.Plural(len(found.Groups), "group"))
		if len(found.Groups) > 0 {
			fmt.Fprintln(a.stdout)
			answer.Table().Print(a.stdout, ttyWidth(t), t.Paint)
		}
		for _, note := range answer.Notes {
			fmt.Fprintf(a.stdout, "note  %s\n", screen.Wrap(note, 6, t.Width))
		}
	})
}
