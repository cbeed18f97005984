package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manual is a verb's help screen.
type manual struct {
	what     string // one or two sentences
	examples []example
	usage    string
	notes    []string // lines beneath those of its flags: "-o json  one object"
	exit     string
	see      string
	tables   bool // it prints tables: -o wide, yaml and csv too
}

type example struct{ command, note string }

// manuals are the help screens, each defined beside its verb. :: verb -> its screen
var manuals = map[string]manual{
	"init": initManual, "check": checkManual, "ddl": ddlManual, "run": runManual, "backfill": backfillManual,
	"offsets": offsetsManual, "offsets show": offsetsShowManual, "offsets peek": offsetsPeekManual, "offsets forget": offsetsForgetManual, "offsets set": offsetsSetManual, "offsets repair": offsetsRepairManual,
	"offsets diff": offsetsDiffManual, "offsets copy": offsetsCopyManual,
	"offsets export": offsetsExportManual, "offsets import": offsetsImportManual, "moves": movesManual, "audit": auditManual,
	"broker": brokerManual, "quickstart": quickstartManual, "version": versionManual, "completion": completionManual, "help": helpManual,
}

// verbPath is a command's words behind the program's name: run, offsets show.
func verbPath(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "fencepost"), " ")
}

// commandWord finds the program's name where a command begins: before a verb or a flag.
var commandWord = regexp.MustCompile(`\bfencepost (--?[a-z]|quickstart|init|check|ddl|run|backfill|offsets|moves|audit|broker|version|completion|help|[A-Z])`)

// help prints the screen of a verb, or of the program.
func (a *app) help(cmd *cobra.Command, _ []string) {
	if m, ok := manuals[verbPath(cmd)]; ok && cmd.HasParent() {
		a.printManual(a.stdout, cmd, m)
		return
	}
	a.printTop(a.stdout, cmd.Root())
}

// printManual prints the screen of a verb; the lines of its flags are what they say of themselves, in the order in which
// they were added.
func (a *app) printManual(w io.Writer, cmd *cobra.Command, m manual) {
	fmt.Fprintf(w, "%s\n\n%s\nUsage: %s\n", m.what, a.examples(m.examples), a.as(m.usage))
	wide := 0
	lines := append(flagLines(cmd), m.notes...)
	for _, f := range lines {
		name, _, _ := strings.Cut(f, "  ")
		wide = max(wide, utf8.RuneCountInString(name))
	}
	for _, f := range lines {
		name, text, _ := strings.Cut(f, "  ")
		fmt.Fprintf(w, "  %-*s  %s\n", wide, name, text)
	}
	if m.exit != "" {
		fmt.Fprintf(w, "Exit: %s\n", m.exit)
	}
	if m.see != "" {
		fmt.Fprintf(w, "See also: %s\n", m.see)
	}
}

// valueOf is the annotation of a flag that names its value: HOST:9092.
const valueOf = "value"

// flagLines are "--to TARGET  where to" of each flag of a command's own.
func flagLines(cmd *cobra.Command) (lines []string) {
	fs := cmd.Flags()
	sorted := fs.SortFlags
	fs.SortFlags = false
	defer func() { fs.SortFlags = sorted }()
	fs.VisitAll(func(f *pflag.Flag) {
		if cmd.InheritedFlags().Lookup(f.Name) != nil || f.Name == "help" {
			return
		}
		name := "--" + f.Name
		if value := f.Annotations[valueOf]; value != nil {
			name += " " + value[0]
		}
		lines = append(lines, name+"  "+f.Usage)
	})
	return lines
}

// examples lays commands and notes out in two columns.
func (a *app) examples(list []example) string {
	var b strings.Builder
	wide := 0
	for _, e := range list {
		wide = max(wide, utf8.RuneCountInString(a.as(e.command)))
	}
	for _, e := range list {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-*s   %s", wide, a.as(e.command), e.note), " ") + "\n")
	}
	return b.String()
}

// top is the screen of the program: lines about verbs, printed for those that there are.
var top = []struct{ heading, verb, text string }{
	{"Pipelines", "init", "a topic in, a commented pipeline file out"},
	{"", "check", "lint, connect, derive the promise and say why"},
	{"", "ddl", "tables and least grants"},
	{"", "run", "consume; --until end|TIME, --resume"},
	{"", "backfill", "an old range again, beside the main line"},
	{"Offsets", "offsets", "show  diff  repair  set  copy  export  import"},
	{"", "moves", "history; --gaps for losses only"},
	{"", "audit", "prove the chain and the sink's rows"},
	{"Also", "broker", "an embedded one, on disk: --listen HOST:PORT --dir PATH"},
}

// alsoVerbs are on the last line of the screen, without a text.
var alsoVerbs = []string{"quickstart", "version", "completion"}

func (a *app) printTop(w io.Writer, root *cobra.Command) {
	has := func(verb string) bool {
		return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == verb })
	}
	var examples []example
	if has("quickstart") {
		examples = append(examples, example{"fencepost quickstart", "see it proven; needs no server"})
	}
	examples = append(examples,
		example{"fencepost init --brokers HOST:9092 --topic TOPIC --sink postgres", "your own topic"},
		example{"fencepost check flights.yaml", "what it promises, and why"},
		example{"fencepost run flights.yaml", "from there on"})
	fmt.Fprintf(w, "Take records out of Kafka and make each one count exactly once.\n\n%s\n", a.examples(examples))
	for _, l := range top {
		if has(l.verb) {
			fmt.Fprintf(w, "%-13s%-11s%s\n", l.heading, l.verb, l.text)
		}
	}
	var also []string
	for _, v := range alsoVerbs {
		if has(v) {
			also = append(also, v)
		}
	}
	fmt.Fprintf(w, "%-13s%s\n\n", "", strings.Join(append(also, "help CODE"), "  "))
	fmt.Fprint(w, "Everywhere:  -o table|wide|json|yaml|csv  -q  -v  --timeout 10s  --color auto  --no-progress\n"+
		"Exit codes:  0 ok  1 error  2 usage  3 findings  4 refused for safety, nothing changed\n")
}
