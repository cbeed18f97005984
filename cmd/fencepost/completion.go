package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

var completionManual = manual{
	what: "Print a script that completes verbs, flags, files and error codes in your shell.",
	examples: []example{
		{"source <(fencepost completion bash)", "for this shell"},
		{"fencepost completion zsh > \"${fpath[1]}/_fencepost\"", "for good"},
		{"fencepost completion fish | source", ""},
	},
	usage: "fencepost completion bash|zsh|fish|powershell",
	exit:  "0 printed   2 usage",
}

var shells = []string{"bash", "zsh", "fish", "powershell"}

func (a *app) completionVerb() *cobra.Command {
	return &cobra.Command{
		Use: "completion", ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.lacking(cmd)
			}
			if len(args) > 1 || !slices.Contains(shells, args[0]) {
				return usage("fencepost completion "+strings.Join(shells, "|"), "%s is not a shell known here", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			default:
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
		},
	}
}
