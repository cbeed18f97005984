package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/console"
	"github.com/fencepost/fencepost/internal/logs"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/text"
)

var runManual = manual{
	what: "Consume: take records out of the topics into the sink, rows and offsets in the same commit.",
	examples: []example{
		{"fencepost run flights.yaml", "until Ctrl-C; once more for a second worker"},
		{"fencepost run flights.yaml --until end", "to where the topics end now, then exit"},
		{"fencepost run flights.yaml --until 2026-11-21T03:00", "to the first records of that time or later"},
		{"fencepost run flights.yaml trips.yaml", "both in one process; where one ends, the other goes on"},
	},
	usage: "fencepost run FILE... [flags]",
	notes: []string{
		"--no-progress  no bar and no status line; a summary every 10s",
		"-v  each commit; -vv also what the Kafka client says; -q errors only",
	},
	exit: "0 stopped, or done   1 error, or cut short   2 usage   3 some left parked   4 refused",
	see:  "check (what this will do, and why it may promise it)",
}

// runFlags are the flags of run alone.
type runFlags struct {
	until  string
	wait   time.Duration
	waits  bool // --wait was given
	resume bool

	http, probes, events string
	tls, tokens          string // of http: CERT,KEY, and a file

	changed bool
	why     string
}

func (a *app) runVerb() *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{Use: "run", Args: a.files, ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.waits = cmd.Flags().Changed("wait")
			return a.runFiles(cmd.Context(), args, flags)
		}}
	cmd.Flags().StringVar(&flags.until, "until", "", "end|TIME  fix the ends now, process to them, exit. TIME is local unless it has an offset")
	cmd.Flags().DurationVar(&flags.wait, "wait", 5*time.Minute, "5m  how long the start waits for brokers and stores that are away or start; 0: not at all. With --until also for what does not answer at the end, there 60s unless given")
	cmd.Flags().StringVar(&flags.http, "http", "", "[HOST:]PORT  answer /live, /ready, /status and /metrics there. Default: none; no HOST: this machine alone. Another HOST needs the next two flags")
	cmd.Flags().StringVar(&flags.tls, "http-tls", "", "CERT,KEY  answer --http by TLS with these PEM files, which are read again once they change")
	cmd.Flags().StringVar(&flags.tokens, "http-token-file", "", "FILE  answer --http only to who sends a line of FILE as Bearer token, or as the password of basic authentication")
	cmd.Flags().StringVar(&flags.probes, "probes", "", "[HOST:]PORT  answer /live and /ready alone, without data; no HOST: to every machine. Default: none")
	cmd.Flags().StringVar(&flags.events, "events", "", "FILE|-  append what happens to FILE, or print it, as JSON lines; behind what FILE has")
	a.logFlag(cmd)
	cmd.Flags().BoolVar(&flags.resume, "resume", false, "refuse a ledger that does not know the group, instead of starting")
	cmd.Flags().BoolVar(&flags.changed, "changed", false, "what this file does otherwise than the group did until now is meant; recorded")
	cmd.Flags().StringVar(&flags.why, "why", "", "TEXT  with --changed: kept with that, beside time and who")
	return cmd
}

// logFlag adds --log-level, for the verbs that log.
func (a *app) logFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.logLevel, "log-level", "", "LEVEL  debug, info, warn or error: what is logged; default info")
}

// levels are the words of --log-level. Empty: what -v and -q say.
var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// level is what is logged, from there on.
func (a *app) level() slog.Level {
	switch level, ok := levels[a.logLevel]; {
	case ok:
		return level
	case a.quiet:
		return slog.LevelError
	case a.verbose > 0:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// end reads --until.
func (f runFlags) end() (engine.Until, error) {
	switch f.until {
	case "":
		return engine.Until{}, nil
	case "end":
		return engine.Until{End: true}, nil
	}
	t, err := text.ParseTime(f.until, time.Local)
	if err != nil {
		return engine.Until{}, notTime("--until", f.until, err, "--until end, or --until 2026-11-21T03:00", "neither end nor a time")
	}
	return engine.Until{Time: t}, nil
}

// listener receives a run's events: package console for people, package logs for programs.
type listener interface {
	Began(topics string, partitions int, into, promise string)
	UnknownField(string, fencepost.TopicPartition, fencepost.Offset)
	EmptyColumn(column string, records int64)
	Joined(member string, generation int32)
	Interrupted()
	Serves(what, url string)
	Untold(error)
	Unwritten(error)
	HookFailed(error)
	Event(engine.Event)
}

// starts is how long a start waits; negative: not at all.
func (f runFlags) starts() time.Duration {
	if f.wait == 0 {
		return -1
	}
	return f.wait
}

// ends is how long a run with an end waits there; 0: as an engine does by itself.
func (f runFlags) ends() time.Duration {
	if !f.waits {
		return 0
	}
	return f.wait
}

// check refuses flags that do not go together.
func (f runFlags) check() error {
	if f.wait < 0 {
		return usage("--wait 5m", "--wait %s: below 0", f.wait)
	}
	if f.why != "" && !f.changed {
		return usage("add --changed, or leave it out", "--why is the reason of --changed")
	}
	if f.http == "" && (f.tls != "" || f.tokens != "") {
		return usage("add --http 9464, or leave them out", "--http-tls and --http-token-file say how --http answers")
	}
	return nil
}

// runFiles runs one pipeline, or several in one process. Nothing is begun before all files are read.
func (a *app) runFiles(parent context.Context, names []string, flags runFlags) (err error) {
	until, err := flags.end()
	if err == nil {
		err = flags.check()
	}
	if err != nil {
		return err
	}
	files, err := a.load(names)
	if err != nil {
		return err
	}
	limitMemory(files...)
	runs := a.runs(files, until)
	said, err := a.speak(runs, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, said.close()) }()
	err = a.runAll(parent, runs, flags)
	_, log := runs[0].hears.(*logs.Log)
	a.logged = log && err != nil
	return err
}

// load reads pipeline files. A group has one of them: two would be two workers that do different things.
func (a *app) load(names []string) (files []*pipeline.File, err error) {
	of := map[fencepost.Group]string{}
	for _, name := range names {
		f, err := pipeline.Load(name, a.env)
		if err != nil {
			return nil, err
		}
		if other, twice := of[f.Group]; twice {
			return nil, usage("give one of them another group, or run one", "%s and %s have the same group, %s", other, name, f.Group)
		}
		of[f.Group] = name
		files = append(files, f)
	}
	return files, nil
}

// oneRun is one pipeline of a run.
type oneRun struct {
	file      *pipeline.File
	who       string
	until     engine.Until
	hears     listener
	log       *logs.Log
	followers []follower
}

// follower is told of a run: of its engine before that runs, and of what it ended with, where the process goes on.
type follower struct {
	runs  func(*engine.Engine)
	ended func(error)
}

// subscribed is a follower that takes the events alone.
func subscribed(f func(engine.Event)) follower {
	return follower{runs: func(e *engine.Engine) { e.Subscribe(f) }, ended: func(error) {}}
}

// runs makes the runs of files. Several log: a console shows one.
func (a *app) runs(files []*pipeline.File, until engine.Until) []*oneRun {
	all := make([]*oneRun, len(files))
	for i, f := range files {
		r := &oneRun{file: f, who: worker(f), until: until}
		r.log = a.log(f, r.who)
		r.hears = r.log
		if len(files) == 1 {
			r.hears = a.listener(f, r.log, r.who, until.Set())
		}
		all[i] = r
	}
	return all
}

// runAll runs pipelines side by side: where one ends, the others go on.
func (a *app) runAll(parent context.Context, runs []*oneRun, flags runFlags) error {
	ends := make([]error, len(runs))
	var all sync.WaitGroup
	for i, r := range runs {
		all.Go(func() {
			ends[i] = a.runOne(parent, r, flags)
			for _, w := range r.followers {
				w.ended(ends[i])
			}
		})
	}
	all.Wait()
	return worst(ends)
}

// worst is the error whose exit code the process has: first what starting again may mend, and what was left parked last.
func worst(ends []error) error {
	rank := func(err error) int {
		code, is := errors.AsType[exited](err)
		if !is && err != nil {
			code = exited(codes.Exit(faultOf(err)))
		}
		return slices.Index([]exited{1, 4, 2, 3, 0}, code)
	}
	return slices.MinFunc(ends, func(a, b error) int { return rank(a) - rank(b) })
}

// runOne runs one pipeline to its end. Where it logs, its error is in the log.
func (a *app) runOne(parent context.Context, r *oneRun, flags runFlags) error {
	var left engine.Stopped
	err := a.consume(parent, job{file: r.file, hears: r.hears, log: r.log, followers: r.followers, set: func(cfg *engine.Config) {
		cfg.Until, cfg.StartWait, cfg.Wait, cfg.Resume, cfg.Who = r.until, flags.starts(), flags.ends(), flags.resume, r.who
		cfg.Does, cfg.Changed, cfg.Why = r.file.Does(), flags.changed, flags.why
		cfg.Events = func(e engine.Event) {
			if stopped, ok := e.(engine.Stopped); ok {
				left = stopped
			}
			r.hears.Event(e)
		}
	}})
	if err == nil && len(left.Parked) > 0 {
		return exited(3) // the last line of the run names them
	}
	if errors.Is(err, engine.ErrCutShort) {
		return exited(1) // the last line of the run has the reason
	}
	err = r.file.Pointed(err)
	if _, ok := r.hears.(*logs.Log); ok && err != nil {
		fault := faultOf(err)
		r.log.Failed(fault.Code, fault.Error(), a.as(fault.Help))
	}
	return err
}

// parkedRemedy is what to do about a parked partition, with the file's name and as this program was called.
func (a *app) parkedRemedy(f *pipeline.File) func(engine.Parked) string {
	return func(e engine.Parked) string {
		return a.as(f.Remedy(codes.ParkedRemedy(e.Code, e.TopicPartition, e.Facts)))
	}
}

// job is a pipeline that is to be run.
type job struct {
	file      *pipeline.File
	hears     listener
	log       *logs.Log
	set       func(*engine.Config)
	followers []follower
}

// consume opens the pipeline and runs it until it is done, or until the first signal.
func (a *app) consume(parent context.Context, j job) (err error) {
	ctx, stop := interruptible(parent, j.hears.Interrupted)
	defer stop()
	f, hears := j.file, j.hears
	hooks := pipeline.Hooks{Member: hears.Joined, Unknown: hears.UnknownField, Empty: hears.EmptyColumn}
	if a.verbose >= 2 {
		hooks.Client = j.log.Client
	}
	o, err := pipeline.Open(ctx, f, hooks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	cfg := o.Config()
	j.set(&cfg)
	events := cfg.Events
	cfg.Events = func(e engine.Event) {
		if opened, ok := e.(engine.Opened); ok {
			hears.Began(f.Topic(), opened.Partitions, f.About().Into, f.Promise().Words)
		}
		events(e)
	}
	if err := a.reach(ctx, o, cfg.StartWait > 0); err != nil {
		return err
	}
	e, err := engine.New(cfg)
	if err != nil {
		return err
	}
	for _, w := range j.followers {
		w.runs(e)
	}
	return e.Run(ctx)
}

// reach asks the brokers once before anything else: it returns the best error about them, within --timeout. Where the engine waits
// for brokers that are away, that is no error yet.
func (a *app) reach(ctx context.Context, o *pipeline.Opened, waits bool) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	err := o.Source.Ping(ctx)
	if fault, ok := errors.AsType[*fencepost.UserError](err); ok && fault.Passing && waits {
		return nil
	}
	return err
}

// interruptible gives a context that ends at the first SIGINT or SIGTERM. From then on a second one has the effect
// that the system gives it: the program dies of it, at once.
func interruptible(parent context.Context, first func()) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			signal.Stop(signals)
			first()
			cancel()
		case <-over:
			signal.Stop(signals)
		}
	}()
	return ctx, func() {
		close(over)
		<-done
		cancel()
	}
}

// worker names this process in moves and on screens: its instance or its pid, at this host.
func worker(f *pipeline.File) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	host, _, _ = strings.Cut(host, ".")
	if f.Source.InstanceID != "" {
		return f.Source.InstanceID + "@" + host
	}
	return strconv.Itoa(os.Getpid()) + "@" + host
}

// log makes the log of a run, for programs.
func (a *app) log(f *pipeline.File, who string) *logs.Log {
	return logs.New(logs.Config{Out: a.stderr, JSON: f.LogFormat == "json", Level: a.level(), Group: f.Group, Worker: who,
		Remedy: a.parkedRemedy(f)})
}

// listener is the console on a terminal, unless the file asks for a log; else the log.
func (a *app) listener(f *pipeline.File, log *logs.Log, who string, ends bool) listener {
	t := a.terminal(a.stderr)
	if f.LogFormat != "auto" || !t.TTY {
		return log
	}
	return watcher{worker: who, Console: console.New(console.Config{
		Out: a.stderr, Width: t.Width, Paint: t.Paint, Live: t.Live, ASCII: t.ASCII, Quiet: a.level() > slog.LevelInfo, Verbose: a.level() < slog.LevelInfo,
		Group: f.Group, Start: f.Policy.Start.String(), Ends: ends, Memory: memory, Mirrors: f.MirrorNames(), Remedy: a.parkedRemedy(f),
	})}
}

// watcher is the console as a listener: people need no member IDs.
type watcher struct {
	*console.Console
	worker string
}

func (w watcher) Began(topics string, partitions int, into, promise string) {
	w.Console.Began(topics, partitions, into, promise, w.worker)
}

func (w watcher) Joined(string, int32) {}

// memory is how much this process holds of the system's memory, as far as Go's runtime knows.
func memory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

var _ listener = (*logs.Log)(nil)
