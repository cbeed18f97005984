package main

import (
	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/text"
)

var offsetsManual = manual{
	what: "Look at positions, and move them. What changes something plans first; --execute does it.",
	examples: []example{
		{"fencepost offsets show trips.yaml", "where each partition stands, and what is unread"},
		{"fencepost offsets repair trips.yaml", "what can be done about what is not ok"},
		{"fencepost offsets set trips.yaml --to -1000", "what it would do; --execute does it"},
	},
	usage: "fencepost offsets show|diff|repair|set|copy|export|import",
	see:   "moves, check",
}

// offsetsVerb is the verbs about positions.
func (a *app) offsetsVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "offsets"}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.lacking(cmd)
		}
		help := "fencepost offsets --help"
		if near := text.Nearest(args[0], verbNames(cmd)); near != "" {
			help = "fencepost offsets " + near
		}
		return usage(help, "fencepost offsets has no verb %s", args[0])
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.AddCommand(a.offsetsShowVerb(), a.offsetsDiffVerb(), a.offsetsRepairVerb(), a.offsetsSetVerb(), a.offsetsCopyVerb(), a.offsetsExportVerb(), a.offsetsImportVerb())
	return cmd
}
