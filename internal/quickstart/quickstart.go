package quickstart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/source"
)

// Config says what is run and where. Worker, Control, Out and Err are needed; the zero value of every other field has
// the meaning that it names.
type Config struct {
	// Dir is the folder that it leaves. Zero: fencepost-quickstart.
	Dir string
	// Seed gives the kills: their places and their victims.
	Seed uint64
	// Keep leaves the broker running at the end, until the context ends.
	Keep bool

	// Worker is a worker of a pipeline file, which runs it to the end and writes its events to stderr as its log_format
	// says, each commit included: this program's own run. Needed.
	Worker func(file string) Program
	// Control is the same with the sink of NewControl. Needed.
	Control func(file string) Program

	Flights iter.Seq[flights.Flight] // zero: the first 200,000
	Kills   int                      // zero: 7; at least 5 of them must hit, or all if there are fewer
	Rate    int                      // records a second and worker. Zero: 15,000

	Out, Err         io.Writer // the proof, and the story that leads to it. Needed
	OutLook, ErrLook Look
	// Report receives what was found, before a broker is kept. Zero: not called.
	Report func(Report)
	// Next are the commands to type next, given the folder as the user wrote it and the broker's address.
	Next func(folder, broker string) []Hint
	// Again is the command that starts the broker again, after it was kept.
	Again func(folder, broker string) string
}

// Hint is a command to type next, and what it does; About may be empty.
type Hint struct{ Command, About string }

// The shape of every run.
const (
	workers    = 3
	partitions = 4
	address    = "127.0.0.1:19092" // if nothing listens there
	mostNeeded = 5
)

// ErrCutShort: the context ended before the proof, and the screen shows that.
var ErrCutShort = errors.New("stopped before the proof")

// ErrNotProven: the run came to its end, and the screen shows the findings against the proof.
var ErrNotProven = errors.New("not proven")

func (c Config) withDefaults() Config {
	if c.Dir == "" {
		c.Dir = "fencepost-quickstart"
	}
	if c.Flights == nil {
		c.Flights = flights.First200k().All()
	}
	if c.Kills == 0 {
		c.Kills = 7
	}
	if c.Rate == 0 {
		c.Rate = 15_000
	}
	return c
}

// house is one quickstart under way.
type house struct {
	cfg    Config
	folder folder
	broker *broker.Broker
	story  *story
	truth  flights.Truth
	ends   map[int32]int64 // :: partition -> its records
}

// Run prints the story on cfg.Err and the proof on cfg.Out. Every process it started has ended when it returns, and
// the broker too.
//
// Errors: ErrNotProven; ErrCutShort; *fencepost.UserError for what a person has to mend.
func Run(ctx context.Context, cfg Config) (err error) {
	cfg = cfg.withDefaults()
	h := &house{cfg: cfg, truth: flights.TruthOf(cfg.Flights), story: &story{out: cfg.Err, look: cfg.ErrLook, began: time.Now()}}
	if h.folder, err = claim(cfg.Dir); err != nil {
		return err
	}
	h.title()
	if err := h.openBroker(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, faultOf(h.broker.Close())) }()
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case f := <-h.broker.Faults():
			cancel(faultOf(f))
		case <-ctx.Done():
		}
	})
	defer watching.Wait()
	defer cancel(nil)
	p, err := h.prove(ctx)
	h.story.clear()
	if err != nil {
		return h.cutShort(ctx, err)
	}
	h.print(p)
	if cfg.Report != nil {
		cfg.Report(h.report(p))
	}
	if cfg.Keep {
		if err := h.stay(ctx); err != nil {
			return err
		}
	}
	if len(p.against()) > 0 {
		return ErrNotProven
	}
	return nil
}

// title is the first line: what is about to run.
func (h *house) title() {
	text := fmt.Sprintf("%s flights, embedded broker to SQLite, %s/s so that there is time to kill. Seed %d.",
		text.Count(h.truth.Rows), text.Count(workers*h.cfg.Rate), h.cfg.Seed)
	fmt.Fprintln(h.cfg.Err, screen.Wrap(text, 0, h.cfg.ErrLook.Width)+"\n")
}

// openBroker starts the broker at its usual address, or at a free one if another program listens there.
func (h *house) openBroker() error {
	for _, listen := range []string{address, "127.0.0.1:0"} {
		b, err := broker.Start(broker.Config{Dir: h.folder.in(brokerName), Listen: listen})
		if f, ok := errors.AsType[*broker.Fault](err); ok && listen == address && (f.Code == broker.PortInUse || f.Code == broker.ListenRefused) {
			continue
		}
		if err != nil {
			return faultOf(err)
		}
		h.broker = b
		h.story.now("broker", "embedded, on disk, at %s", b.Addr())
		return nil
	}
	panic("quickstart: no address is left")
}

// faultOf puts a broker's error into the words of all commands.
func faultOf(err error) error {
	f, ok := errors.AsType[*broker.Fault](err)
	if !ok {
		return err
	}
	exit := 1
	if f.Code == broker.FolderInUse || f.Code == broker.FolderForeign {
		exit = 4
	}
	return &fencepost.UserError{Code: string(f.Code), Err: err, Help: f.Help, Exit: exit}
}

// prove produces the flights, runs both, and counts.
func (h *house) prove(ctx context.Context) (*proof, error) {
	if err := h.produce(ctx); err != nil {
		return nil, err
	}
	p := &proof{truth: h.truth, ends: h.ends, needed: min(mostNeeded, h.cfg.Kills)}
	var err error
	h.story.now("run", "%d workers, exactly once: rows, sums and offsets in the same commit", workers)
	if p.kills, err = h.run(ctx, mainPlot, h.cfg.Worker); err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	h.story.now("control", "the same kills, at least once: rows first, offsets in a commit of their own")
	if p.controlKills, err = h.run(ctx, controlPlot, h.cfg.Control); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return p, h.count(ctx, p)
}

// produce writes the flights, both pipelines and both databases.
func (h *house) produce(ctx context.Context) error {
	fed, err := feed.Produce(ctx, feed.Config{Brokers: []string{h.broker.Addr()}, Topic: topic, Partitions: partitions,
		Flights: h.cfg.Flights})
	if err != nil {
		return err
	}
	h.ends = map[int32]int64{}
	for p := range int32(partitions) {
		h.ends[p] = fed.Partitions[p]
	}
	h.story.now("produced", "%s records to topic %s, %d partitions, keyed by origin", text.Count(fed.Records), topic, partitions)
	for _, p := range []plot{mainPlot, controlPlot} {
		if err := makeTables(h.folder.in(p.database)); err != nil {
			return err
		}
		if err := writePipeline(h.folder, p, h.broker.Addr(), h.cfg.Rate, forDirector); err != nil {
			return err
		}
	}
	return nil
}

// run runs the workers of one pipeline to the end, with the planned kills.
func (h *house) run(ctx context.Context, p plot, program func(file string) Program) (kills []*kill, err error) {
	evictor, err := kafka.Open(kafka.Config{Brokers: []string{h.broker.Addr()}, Group: p.group})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, evictor.Leave(context.WithoutCancel(ctx))) }()
	// A batch is a tenth of a second's records: that is the cycle in which a kill may fall.
	c := &crew{program: program(h.folder.in(p.file)), ends: h.ends, show: h.story, evict: func(ctx context.Context, member string) error {
		return evictor.Evict(ctx, source.Member{ID: member})
	}, strikes: plan(h.cfg.Seed, h.truth.Rows, workers, h.cfg.Kills, 100*time.Millisecond)}
	h.story.restart()
	h.story.mute = p == controlPlot
	if err := c.run(ctx, workers); err != nil {
		return nil, err
	}
	h.story.now("finished", "%s, lag %s", text.Plural(len(c.kills), "kill"), text.Count(c.total-c.done()))
	return c.kills, writePipeline(h.folder, p, h.broker.Addr(), h.cfg.Rate, forPeople)
}

// count reads what both databases hold.
func (h *house) count(ctx context.Context, p *proof) (err error) {
	if p.run, err = readCount(ctx, h.folder.in(databaseName), h.ends); err != nil {
		return err
	}
	if p.control, err = readCount(ctx, h.folder.in(controlName), h.ends); err != nil {
		return err
	}
	sink, err := sqlite.Open(ctx, sqlite.Config{Path: h.folder.in(databaseName), SQL: statements})
	if err != nil {
		return err
	}
	defer sink.Close()
	p.chain, err = readChain(ctx, sink.Ledger(), group, h.ends)
	return err
}

// print writes the proof.
func (h *house) print(p *proof) {
	look, took := h.cfg.OutLook, time.Since(h.story.began)
	fmt.Fprintln(h.cfg.Err)
	fmt.Fprint(h.cfg.Out, p.table(look), "\n", p.delaysLine(look), p.chainLine(look), "\n", p.end(look, took, h.folder.name))
	if h.cfg.Next != nil {
		fmt.Fprint(h.cfg.Out, "\n", next(look, h.cfg.Next(h.folder.name, h.broker.Addr())))
	}
}

// cutShort is why a run ended before its proof. A broker that cannot store any more, or a signal, ends the context, and
// what fails then for that reason is not the reason.
func (h *house) cutShort(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	cause := context.Cause(ctx)
	if _, ok := errors.AsType[*fencepost.UserError](cause); ok {
		return cause
	}
	h.story.now("stopped", "workers and broker have ended; nothing is proven. Folder: %s", h.folder.name)
	return ErrCutShort
}

// stay keeps the broker until the context ends, or the broker cannot store any more.
func (h *house) stay(ctx context.Context) error {
	fmt.Fprintf(h.cfg.Err, "\nThe broker stays at %s, topic %s. Ctrl-C ends it.\n", h.broker.Addr(), topic)
	<-ctx.Done()
	if f, ok := errors.AsType[*fencepost.UserError](context.Cause(ctx)); ok {
		return f
	}
	fmt.Fprintf(h.cfg.Err, "\nThe broker has ended, and what is above needs it. Again: %s\n", h.cfg.Again(h.folder.name, h.broker.Addr()))
	return nil
}
