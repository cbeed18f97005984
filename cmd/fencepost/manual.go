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

	"github.com/fencepost/fencepost/internal/screen"
)

// manual is a verb's help screen.
type manual struct {
	what     string // one or two sentences
	examples []example
	usage    string
	notes    []string // lines beneath those of its flags: "-o json  one object"
	columns  []string // of its table: "LAG  END - OFFSET"
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
	"offsets export": offsetsExportManual, "offsets import": offsetsImportManual, "offsets groups": offsetsGroupsManual, "moves": movesManual, "dead-letters": deadLettersManual, "dead-letters list": deadLettersListManual, "dead-letters show": deadLettersShowManual,
	"dead-letters replay": deadLettersReplayManual, "dead-letters discard": deadLettersDiscardManual, "log": logManual, "audit": auditManual,
	"ui": uiManual, "top": topManual, "broker": brokerManual, "quickstart": quickstartManual, "version": versionManual, "completion": completionManual, "help": helpManual,
}

// verbPath is a command's words behind the program's name: run, offsets show.
func verbPath(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "fencepost"), " ")
}

// commandWord finds the program's name where a command begins: before a verb or a flag.
var commandWord = regexp.MustCompile(`\bfencepost (--?[a-z]|quickstart|init|check|ddl|run|backfill|offsets|moves|log|audit|dead-letters|ui|top|broker|version|completion|help|[A-Z])`)

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
	fmt.Fprintf(w, "%s\n\n%s\nUsage: %s\n", screen.Wrap(m.what, 0, manualWidth), a.examples(m.examples), a.as(m.usage))
	printTerms(w, append(flagLines(cmd), m.notes...))
	if len(m.columns) > 0 {
		fmt.Fprintln(w, "Columns:")
		printTerms(w, m.columns)
	}
	if m.exit != "" {
		fmt.Fprintf(w, "Exit: %s\n", screen.Wrap(m.exit, len("Exit: "), manualWidth))
	}
	if m.see != "" {
		fmt.Fprintf(w, "See also: %s\n", screen.Wrap(m.see, len("See also: "), manualWidth))
	}
}

// manualWidth is what a help screen has to fit: the least that terminals have.
const manualWidth = 80

// widestTerm is the longest term that has its text beside it; that of a longer one is beneath.
const widestTerm = 26

// printTerms prints "term  text" in two columns.
func printTerms(w io.Writer, lines []string) {
	wide := 0
	for _, line := range lines {
		term, _, _ := strings.Cut(line, "  ")
		if n := utf8.RuneCountInString(term); n <= widestTerm {
			wide = max(wide, n)
		}
	}
	for _, line := range lines {
		term, text, _ := strings.Cut(line, "  ")
		text = screen.Wrap(text, wide+4, manualWidth)
		if utf8.RuneCountInString(term) > wide {
			fmt.Fprintf(w, "  %s\n%*s%s\n", term, wide+4, "", text)
			continue
		}
		fmt.Fprintf(w, "  %-*s  %s\n", wide, term, text)
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
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value := f.Annotations[valueOf]; value != nil {
			name += " " + value[0]
		}
		lines = append(lines, name+"  "+f.Usage)
	})
	return lines
}

// widestExample is the longest command that has its note beside it, where not all have.
const widestExample = 46

// examples lays commands and notes out in two columns. A command that is too long has a backslash where its line ends.
func (a *app) examples(list []example) string {
	var b strings.Builder
	wide, fits := 0, true
	for _, e := range list {
		wide = max(wide, utf8.RuneCountInString(a.as(e.command)))
	}
	for _, e := range list {
		fits = fits && (e.note == "" || 2+wide+3+utf8.RuneCountInString(e.note) <= manualWidth)
	}
	if !fits {
		wide = 0
		for _, e := range list {
			if n := utf8.RuneCountInString(a.as(e.command)); n <= widestExample {
				wide = max(wide, n)
			}
		}
	}
	for _, e := range list {
		command := a.as(e.command)
		line := strings.TrimRight(fmt.Sprintf("  %-*s   %s", wide, command, e.note), " ")
		if utf8.RuneCountInString(line) > manualWidth || utf8.RuneCountInString(command) > wide { // the note stands beneath
			line = fmt.Sprintf("  %s\n      %s", strings.ReplaceAll(command, " \\ ", " \\\n      "), e.note)
		}
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// front is the screen of the program: lines about verbs, printed for those that there are.
var front = []struct{ heading, verb, text string }{
	{"Pipelines", "init", "a topic in, a commented pipeline file out"},
	{"", "check", "lint, connect, derive the promise and say why"},
	{"", "ddl", "tables and least grants"},
	{"", "run", "consume; --until end|TIME, --resume"},
	{"", "backfill", "an old range again, beside the main line"},
	{"Offsets", "offsets", "show  diff  repair  set  copy  export  import  groups"},
	{"", "moves", "history; --gaps for losses only"},
	{"", "log", "earliest, stable and end of topics, offset of a time"},
	{"", "audit", "prove the chain and the sink's rows"},
	{"", "dead-letters", "what was not applied: list  show  replay  discard"},
	{"Look", "ui", "a dashboard in the browser: what stands, what lags"},
	{"", "top", "the same in the terminal, by keys"},
	{"Also", "broker", "an embedded one, on disk: --listen HOST:PORT --dir D"},
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
	for _, l := range front {
		if has(l.verb) {
			fmt.Fprintf(w, "%-13s%-14s%s\n", l.heading, l.verb, l.text)
		}
	}
	var also []string
	for _, v := range alsoVerbs {
		if has(v) {
			also = append(also, v)
		}
	}
	fmt.Fprintf(w, "%-13s%s\n\n", "", strings.Join(append(also, "help CODE"), "  "))
	fmt.Fprint(w, "Everywhere:  -o table|wide|json|yaml|csv  -q  -v  --timeout 10s  --color auto\n"+
		"             --no-progress  --set KEY=VALUE in place of what the file has\n"+
		"Exit codes:  0 ok  1 error  2 usage  3 findings\n"+
		"             4 refused for safety, nothing changed\n")
}
