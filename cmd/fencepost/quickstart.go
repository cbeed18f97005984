package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/quickstart"
)

const quickstartFolder = "fencepost-quickstart"

var quickstartManual = manual{
	what: "See exactly once proven, without a server: workers are killed with SIGKILL, then rows, sums and " +
		"offsets are compared with the truth, beside a control that commits its offsets apart from its rows.",
	examples: []example{
		{"fencepost quickstart", "about 20s; leaves the folder fencepost-quickstart"},
		{"fencepost quickstart --seed 7", "other kills"},
		{"fencepost quickstart --keep", "the broker stays, for commands of your own"},
	},
	usage: "fencepost quickstart [flags]",
	exit:  "0 proven   1 error   2 usage   3 not proven   4 refused: another's folder, or one in use",
	see:   "init, check, run",
}

// quickstartFlags are the flags of quickstart alone.
type quickstartFlags struct {
	dir  string
	seed uint64
	keep bool
}

func (a *app) quickstartVerb() *cobra.Command {
	var flags quickstartFlags
	cmd := &cobra.Command{Use: "quickstart", Args: a.noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		if flags.dir == "" && cmd.Flags().Changed("dir") {
			return usage("--dir "+quickstartFolder, "--dir is empty")
		}
		return a.quickstart(cmd.Context(), flags)
	}}
	today, _ := strconv.ParseUint(time.Now().Format("20060102"), 10, 64) // eight digits
	cmd.Flags().StringVar(&flags.dir, "dir", "", "PATH  the folder; emptied first, if quickstart made it. Default: fencepost-quickstart")
	cmd.Flags().Uint64Var(&flags.seed, "seed", today, "N  where the kills fall, and on whom. Default: today's date, 20261121")
	cmd.Flags().BoolVar(&flags.keep, "keep", false, "leave the broker in the foreground at the end, until Ctrl-C")
	cmd.AddCommand(a.controlVerb())
	return cmd
}

// quickstart runs the proof.
func (a *app) quickstart(parent context.Context, flags quickstartFlags) error {
	cfg, err := a.quickstartConfig(flags)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(parent, func() {})
	defer stop()
	return quickstartExit(quickstart.Run(ctx, cfg))
}

// quickstartExit is the exit of a run whose screen says all that there is to say; a UserError is still to be printed.
func quickstartExit(err error) error {
	switch {
	case errors.Is(err, quickstart.ErrNotProven):
		return exited(3)
	case errors.Is(err, quickstart.ErrCutShort):
		return exited(1)
	}
	return err
}

// quickstartConfig says how the workers are started: they are this program again.
func (a *app) quickstartConfig(flags quickstartFlags) (quickstart.Config, error) {
	exe, err := os.Executable()
	if err != nil {
		return quickstart.Config{}, fmt.Errorf("find this program: %w", err)
	}
	again := func(args ...string) quickstart.Program {
		return quickstart.Program{Path: exe, Args: append([]string{"fencepost"}, args...)}
	}
	cfg := quickstart.Config{
		Dir: flags.dir, Seed: flags.seed, Keep: flags.keep,
		Worker:  func(file string) quickstart.Program { return again("run", file, "--until", "end", "-v") },
		Control: func(file string) quickstart.Program { return again("quickstart", "control", file, "-v") },
		Out:     a.stdout, Err: a.stderr,
		OutLook: a.terminal(a.stdout).look(), ErrLook: a.terminal(a.stderr).look(),
		Again: func(folder, broker string) string {
			return a.as(fmt.Sprintf("fencepost broker --dir %s --listen %s", word(filepath.Join(folder, "broker")), broker))
		},
		Next: func(folder, broker string) []quickstart.Hint { return a.quickstartNext(flags, folder, broker) },
	}
	if flags.dir == "" {
		cfg.Dir = defaultFolder()
	}
	if a.quiet {
		cfg.Err = io.Discard
	}
	if a.output == "json" {
		cfg.Out = io.Discard
		cfg.Report = func(r quickstart.Report) { a.json(r) }
	}
	return cfg, nil
}

// look is what a terminal can show, in quickstart's words.
func (t terminal) look() quickstart.Look {
	width := t.Width
	if !t.TTY {
		width = 0 // nothing is cut or wrapped
	}
	return quickstart.Look{Paint: t.Paint, Redraw: t.Live, Width: width, ASCII: t.ASCII}
}

// defaultFolder is fencepost-quickstart here; where this folder cannot be written (a read-only checkout), among the
// system's temporary ones.
func defaultFolder() string {
	if _, err := os.Stat(quickstartFolder); err == nil {
		return quickstartFolder
	}
	if err := os.Mkdir(quickstartFolder, 0o755); err != nil {
		return filepath.Join(os.TempDir(), quickstartFolder)
	}
	return quickstartFolder
}

// quickstartNext is what to type next; a command that this machine lacks is not among it.
func (a *app) quickstartNext(flags quickstartFlags, folder, broker string) []quickstart.Hint {
	var hints []quickstart.Hint
	add := func(about, format string, args ...any) {
		hints = append(hints, quickstart.Hint{Command: a.as(fmt.Sprintf(format, args...)), About: about})
	}
	in := func(name string) string { return word(filepath.Join(folder, name)) }
	_, err := exec.LookPath("sqlite3")
	if err == nil {
		add("", "sqlite3 %s 'SELECT * FROM delays LIMIT 5'", in("quickstart.db"))
	}
	if flags.keep {
		add("what it promises, and why", "fencepost check %s", in("pipeline.yaml"))
		add("where each partition stands", "fencepost offsets show %s", in("pipeline.yaml"))
		add("each row against its record", "fencepost audit %s", in("pipeline.yaml"))
		add("", "fencepost init --brokers %s --topic flights --sink sqlite", broker)
		return hints
	}
	if err != nil {
		add("its broker again, for check and run", "fencepost broker --dir %s --listen %s", in("broker"), broker)
	}
	dir := ""
	if flags.dir != "" {
		dir = " --dir " + word(flags.dir)
	}
	add("the same plan; the broker stays", "fencepost quickstart%s --seed %d --keep", dir, flags.seed)
	add("", "fencepost init --brokers HOST:9092 --topic TOPIC --sink postgres")
	return hints
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// word is text as one word of a shell.
func word(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// controlVerb is a worker of quickstart's control: run --until end, with another sink. It is no command for people.
func (a *app) controlVerb() *cobra.Command {
	return &cobra.Command{Use: "control", Hidden: true, Args: a.oneFile, RunE: func(cmd *cobra.Command, args []string) error {
		f, err := pipeline.Load(args[0], a.env)
		if err != nil {
			return err
		}
		who := worker(f)
		log := a.log(f, who)
		err = a.consume(cmd.Context(), job{file: f, hears: log, log: log, set: func(cfg *engine.Config) {
			cfg.Sink = quickstart.NewControl(cfg.Sink, f.About().Path, f.Rate)
			cfg.Until.End, cfg.Who, cfg.Events = true, who, log.Event
		}})
		if errors.Is(err, engine.ErrCutShort) {
			return exited(1)
		}
		return f.Pointed(err)
	}}
}
