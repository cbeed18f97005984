package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

var helpManual = manual{
	what: "Tell more about an error code, a verb, or a key of the pipeline file.",
	examples: []example{
		{"fencepost help topic-not-found", "what an error[topic-not-found] means, and what to do"},
		{"fencepost help run", "the same as fencepost run --help"},
		{"fencepost help source.start", "what a key means, its default, an example"},
	},
	usage: "fencepost help CODE|VERB|KEY",
	exit:  "0 told   2 no such code, verb or key",
}

// helpVerb is `fencepost help CODE`.
func (a *app) helpVerb() *cobra.Command {
	return &cobra.Command{
		Use: "help", Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return helpWords(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
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
			pages := pipeline.Keys()
			if i := slices.IndexFunc(pages, func(p keys.Page) bool { return p.Path == word }); i >= 0 {
				fmt.Fprint(a.stdout, pages[i])
				return nil
			}
			help := "the word between the brackets of an error: fencepost help topic-not-found"
			if near := text.Nearest(word, helpWords(cmd.Root())); near != "" {
				help = "fencepost help " + near
			}
			return usage(help, "no error code, no verb and no key is called %s", word)
		},
	}
}

// helpWords is what help takes: error codes, verbs, keys of the pipeline file.
func helpWords(root *cobra.Command) []string {
	words := append(codes.Names(), verbNames(root)...)
	for _, p := range pipeline.Keys() {
		words = append(words, p.Path)
	}
	return words
}

func verbNames(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	return names
}
