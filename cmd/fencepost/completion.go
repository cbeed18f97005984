package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/foreign/offsetfile"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/internal/target"
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

// describe gives a command and those below it what shells show beside what they complete: what it does, and the values
// that its flags can have. What a flag says of itself, "TARGET  where to", it takes apart.
func describe(cmd *cobra.Command) {
	cmd.Short, _, _ = strings.Cut(manuals[verbPath(cmd)].what, ".")
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if value, text, ok := strings.Cut(f.Usage, "  "); ok {
			f.Usage, f.Annotations = text, map[string][]string{valueOf: {value}}
		}
	})
	offer := func(f *pflag.Flag) {
		if words := valuesOf[f.Name]; words != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, complete(words)) // the flag is there, and has no other one
		}
	}
	cmd.LocalNonPersistentFlags().VisitAll(offer)
	cmd.PersistentFlags().VisitAll(offer)
	for _, below := range cmd.Commands() {
		describe(below)
	}
}

// complete offers words, and no files.
func complete(words func(*cobra.Command) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return words(cmd), cobra.ShellCompDirectiveNoFileComp
	}
}

// valuesOf are the words that flags take, each with what it means behind a tab. :: flag -> its words
var valuesOf = map[string]func(*cobra.Command) []string{
	"output":  outputs,
	"color":   func(*cobra.Command) []string { return []string{"auto\ton a terminal", "always", "never"} },
	"until":   func(*cobra.Command) []string { return []string{"end\twhere the topics end now"} },
	"meaning": func(*cobra.Command) []string { return foreign.Meanings() },
	"missing": func(*cobra.Command) []string { return []string{"earliest", "latest"} },
	"sink":    func(*cobra.Command) []string { return kinds.Sinks.Names() },
	"format": func(cmd *cobra.Command) (words []string) {
		for _, f := range offsetfile.Forms() {
			if cmd.Name() == "import" && f.Reads() || f.Writes() {
				words = append(words, f.Name+"\t"+f.About)
			}
		}
		return words
	},
}

// completeFiles completes the names of pipeline files.
func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeTargets completes the names of pipeline files, and in a URL the layouts of its scheme.
func completeTargets(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	const param = "layout="
	i := strings.LastIndex(begun, param)
	if !target.IsURL(begun) || i < 0 || strings.Contains(begun[i:], "&") {
		return completeFiles(cmd, args, begun)
	}
	var urls []string
	for _, name := range target.Layouts(begun) {
		urls = append(urls, begun[:i+len(param)]+name)
	}
	return urls, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
