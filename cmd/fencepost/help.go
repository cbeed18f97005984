package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/text"
)

var helpManual = manual{
	what: "Tell more about an error code, or about a verb.",
	examples: []example{
		{"fencepost help topic-not-found", "what an error[topic-not-found] means, and what to do"},
		{"fencepost help run", "the same as fencepost run --help"},
	},
	usage: "fencepost help CODE|VERB",
	exit:  "0 told   2 no such code or verb",
}

// helpVerb is `fencepost help CODE`.
func (a *app) helpVerb() *cobra.Command {
	return &cobra.Command{
		Use: "help", Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return append(codes.Names(), verbNames(cmd.Root())...), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				a.printTop(a.stdout, cmd.Root())
				return nil
			}
			word := strings.TrimSuffix(strings.TrimPrefix(strings.Join(args, " "), "error["), "]")
			if code, ok := codes.Find(word); ok {
				fmt.Fprint(a.stdout, a.as(code.Page()))
				return nil
			}
			if m, ok := manuals[word]; ok {
				verb, _, err := cmd.Root().Find(strings.Fields(word))
				if err == nil {
					a.printManual(a.stdout, verb, m)
				}
				return err
			}
			help := "the word between the brackets of an error: fencepost help topic-not-found"
			if near := text.Nearest(word, append(codes.Names(), verbNames(cmd.Root())...)); near != "" {
				help = "fencepost help " + near
			}
			return usage(help, "no error code and no verb is called %s", word)
		},
	}
}

func verbNames(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	return names
}
