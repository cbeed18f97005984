package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// app is what all verbs share: where they write, how they were called, the flags that hold everywhere.
type app struct {
	stdout, stderr io.Writer
	env            *pipeline.Environment
	program        string // how the program was called: fencepost, ./fencepost, go run ./cmd/fencepost

	color      string
	output     string
	quiet      bool
	verbose    int
	timeout    time.Duration
	noProgress bool
	logLevel   string
	set        []string // KEY=VALUE in the place of what a pipeline file has

	command string // the verb, for json
	said    bool   // json was written to stdout already
	logged  bool   // errors are in the log already
}

// run is the program without os.Exit.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr, env: pipeline.Process(), program: calledAs(args[0])}
	root := a.root()
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	return a.fail(err)
}

// calledAs is what to type to call this program again.
func calledAs(arg0 string) string {
	slashed := filepath.ToSlash(arg0)
	if strings.Contains(slashed, "/go-build") && strings.Contains(slashed, "/exe/") {
		return "go run ./cmd/fencepost"
	}
	base := filepath.Base(arg0)
	if found, err := exec.LookPath(base); err == nil {
		one, err1 := os.Stat(found)
		other, err2 := os.Stat(arg0)
		if err1 == nil && (err2 != nil || os.SameFile(one, other)) {
			return base
		}
	}
	if strings.HasPrefix(arg0, "/") {
		if cwd, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(cwd, arg0); err == nil && !strings.HasPrefix(rel, "..") {
				return "./" + rel
			}
		}
	}
	return arg0
}

// as writes a command as this program was called.
func (a *app) as(text string) string {
	if a.program == "fencepost" {
		return text
	}
	return commandWord.ReplaceAllString(text, a.program+" $1")
}

// exited ends the program with a code, without printing anything more.
type exited int

// Error is the code in words. It is not printed: fail prints none.
func (e exited) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// ExitCode is the code; by it target.Pointed knows that there is nothing to name.
func (e exited) ExitCode() int { return int(e) }

// fail prints an error and returns the exit code. It is the only place that prints one.
func (a *app) fail(err error) int {
	var code exited
	var invalid *pipeline.Invalid
	var syntax *pipeline.SyntaxError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &syntax):
		a.invalid(&syntax.Invalid, "")
		return 2
	case errors.As(err, &invalid):
		after := "Nothing was started."
		exit := 2
		if a.command == "check" {
			after, exit = "Brokers and database were not asked.", 3
		}
		a.invalid(invalid, after)
		return exit
	}
	fault := faultOf(err)
	exit := codes.Exit(fault)
	switch {
	case a.output != "table" && a.output != "wide" && a.output != "csv" && !a.said:
		a.document(view.NewFailure(a.command, view.FailureError{Code: fault.Code, Message: fault.Error(), Help: a.as(fault.Help), Exit: exit}))
	case !a.logged:
		a.printFault(fault)
	}
	return exit
}

// faultOf is the UserError in an error with its remedy, or one for an error without a code: cobra's are about usage.
func faultOf(err error) *fencepost.UserError {
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok {
		return &fencepost.UserError{Code: "unexpected", Err: err, Help: "fencepost help unexpected"}
	}
	out := *f
	out.Help = codes.Remedy(f)
	return &out
}

// usage makes the error of a command that cannot be understood.
var usage = codes.Usage

// notTime is the error of a flag that takes a time and got another text. forms are what it takes, and what says what the text
// is not.
func notTime(flag, value string, err error, forms, what string) error {
	if local, ok := errors.AsType[*text.LocalTimeError](err); ok {
		first, second := local.Written()
		return usage(flag+" "+first+", or "+flag+" "+second, "%s %s", flag, local)
	}
	return usage(forms, "%s %s: %s", flag, value, what)
}

func (a *app) printFault(f *fencepost.UserError) {
	t := a.terminal(a.stderr)
	head := "error[" + f.Code + "]"
	what, list, _ := strings.Cut(screen.Printable(f.Error()), "\n")
	fmt.Fprintf(a.stderr, "%s%s\n", t.Paint(screen.Red, head), strings.TrimPrefix(screen.Wrap(head+": "+what, 2, t.Width), head))
	if list != "" {
		fmt.Fprintln(a.stderr, list)
	}
	for i, line := range strings.Split(screen.Printable(a.as(f.Help)), "\n") {
		switch {
		case f.Help == "":
		case i == 0:
			fmt.Fprintln(a.stderr, "  "+t.Paint(screen.Dim, "help: "+screen.Wrap(line, 8, t.Width)))
		default:
			fmt.Fprintln(a.stderr, "        "+t.Paint(screen.Dim, line))
		}
	}
}

// invalid prints the findings of a file, on stdout where a check was asked for, and how many there are.
func (a *app) invalid(e *pipeline.Invalid, after string) {
	if (a.output == "json" || a.output == "yaml") && !a.said {
		a.document(view.NewInvalid(a.command, e))
		return
	}
	out := a.stderr
	if a.command == "check" && after != "" {
		out = a.stdout
	}
	var b strings.Builder
	e.Print(&b, a.terminal(out).Paint)
	if after != "" {
		fmt.Fprintf(&b, "%s in %s. %s\n", text.Plural(len(e.Findings), "finding"), e.Name, after)
	}
	_, _ = io.WriteString(out, a.as(b.String()))
}

// json writes the one object of a command to stdout.
func (a *app) json(v any) {
	a.said = true
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	_ = e.Encode(v) // maps and structs of ours; a closed stdout cannot be reported
}

// root is the command without a verb.
func (a *app) root() *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use: "fencepost", SilenceErrors: true, SilenceUsage: true, Args: a.noSuchVerb,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return a.printVersion()
			}
			a.printTop(a.stdout, cmd)
			return nil
		},
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
		SuggestionsMinimumDistance: 2,
		PersistentPreRunE:          a.common,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetHelpFunc(a.help)
	root.SetHelpCommand(a.helpVerb())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(cmd.CommandPath()+" --help", "%s", strings.TrimPrefix(err.Error(), "invalid "))
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&a.output, "output", "o", "table", "how the answer is printed")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "errors only")
	flags.CountVarP(&a.verbose, "verbose", "v", "say more; -vv also what the Kafka client says")
	flags.DurationVar(&a.timeout, "timeout", 10*time.Second, "how long to wait for a server's answer")
	flags.StringVar(&a.color, "color", "auto", "when to print in color")
	flags.BoolVar(&a.noProgress, "no-progress", false, "no bar and no status line")
	flags.StringArrayVar(&a.set, "set", nil, "KEY=VALUE in the place of what the pipeline file has")
	root.Flags().BoolVar(&version, "version", false, "print which program this is")
	for _, verb := range verbs {
		root.AddCommand(verb(a))
	}
	describe(root)
	return root
}

// verbs makes the commands, in the order of the help screen. A new verb is one line here, and one in front.
var verbs = []func(*app) *cobra.Command{
	(*app).initVerb, (*app).checkVerb, (*app).ddlVerb, (*app).runVerb, (*app).backfillVerb,
	(*app).offsetsVerb, (*app).movesVerb, (*app).logVerb, (*app).auditVerb, (*app).deadLettersVerb, (*app).uiVerb, (*app).topVerb,
	(*app).brokerVerb, (*app).quickstartVerb, (*app).versionVerb, (*app).completionVerb,
}

// common looks at the flags that hold everywhere.
func (a *app) common(cmd *cobra.Command, _ []string) error {
	a.command = strings.TrimPrefix(cmd.CommandPath(), "fencepost ")
	output := a.output
	a.output = "table" // so that an error about -o is a line
	_, known := levels[a.logLevel]
	switch {
	case !slices.Contains(outputs(cmd), output):
		return usage("-o "+strings.Join(outputs(cmd), ", or -o "), "-o %s: not a form of output", output)
	case a.color != "auto" && a.color != "always" && a.color != "never":
		return usage("--color auto, always or never", "--color %s: not one of its words", a.color)
	case a.logLevel != "" && !known:
		return usage("--log-level debug, info, warn or error", "--log-level %s: not one of its words", a.logLevel)
	case a.timeout <= 0:
		return usage("--timeout 10s", "--timeout %s: not above 0", a.timeout)
	}
	a.output, a.env.Set = output, a.set
	return nil
}

// outputs is the forms of -o that a verb has: the verbs that print tables have more of them.
func outputs(cmd *cobra.Command) []string {
	if manuals[verbPath(cmd)].tables {
		return []string{"table", "wide", "json", "yaml", "csv"}
	}
	return []string{"table", "json"}
}

// noSuchVerb refuses a first word that is no verb, naming the nearest.
func (a *app) noSuchVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	help := "fencepost --help"
	if near := text.Nearest(args[0], names); near != "" {
		help = "fencepost " + near
	}
	return usage(help, "fencepost has no verb %s", args[0])
}

// oneFile is the argument of the verbs that take a pipeline file.
func (a *app) oneFile(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 1:
		return nil
	case 0:
		return a.lacking(cmd)
	}
	return usage(cmd.CommandPath()+" "+args[0], "%s takes one file, not %d", cmd.CommandPath(), len(args))
}

// files are the arguments of a verb that takes one pipeline file or more.
func (a *app) files(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return a.lacking(cmd)
	}
	return nil
}

// noArguments refuses words behind a verb that takes none.
func (a *app) noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd.CommandPath()+" --help", "%s takes no argument: %s", cmd.CommandPath(), args[0])
	}
	return nil
}

// lacking prints the usage line and two examples of a verb that lacks its argument.
func (a *app) lacking(cmd *cobra.Command) error {
	m := manuals[verbPath(cmd)]
	if a.output == "json" || a.output == "yaml" { // one object on stdout, here too
		form, _, _ := strings.Cut(m.usage, "\n")
		return usage(form, "%s has no argument, or too many", verbPath(cmd))
	}
	fmt.Fprintf(a.stderr, "Usage: %s\n\n%s", a.as(m.usage), a.examples(m.examples[:min(2, len(m.examples))]))
	return exited(2)
}
