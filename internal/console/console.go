package console

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Config is where and how a Console writes.
type Config struct {
	Out     io.Writer
	Width   int // columns of the terminal; 0: 100
	Paint   screen.Paint
	Live    bool // the last line is redrawn
	ASCII   bool // bars of # and .
	Quiet   bool // nothing is printed
	Verbose bool // each commit is a line

	Group fencepost.Group
	Start string // of the file: earliest
	Ends  bool   // the run has an end
	// Mirrors are how people name those of engine.Config.Mirrors.
	Mirrors []string
	Memory  func() int64
	Now     func() time.Time           // nil: time.Now
	Remedy  func(engine.Parked) string // what to do about a parked partition; nil: as package codes says, which knows no file
}

// Console subscribes to a run's events. Its methods may be called from several goroutines.
type Console struct {
	cfg   Config
	label int // where the text of header lines begins
	// clock is the offset of the run's beginning, which its second line names: all times stand in it.
	clock text.Clock

	mu struct {
		sync.Mutex
		began       bool // the first assignment was reported
		settled     map[fencepost.TopicPartition]engine.Reconciliation
		parked      map[fencepost.TopicPartition]string // :: partition -> reason already reported
		ends        engine.EndsFixed
		fixed       bool
		interrupted bool
		draining    engine.Draining
		drainedAt   time.Time
		stays       bool   // the group was not left
		commits     int    // after draining began
		last        string // the redrawn line that is on the screen now
		pace        pace
		summary     time.Time
	}
}

// New makes a Console.
func New(cfg Config) *Console {
	if cfg.Width == 0 {
		cfg.Width = 100
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Remedy == nil {
		cfg.Remedy = func(e engine.Parked) string { return codes.ParkedRemedy(e.Code, e.TopicPartition, e.Facts) }
	}
	if cfg.Paint == nil {
		cfg.Paint = screen.Plain
	}
	c := &Console{cfg: cfg, label: max(15, utf8.RuneCountInString(string(cfg.Group))+2), clock: text.ClockAt(cfg.Now().Local())}
	c.mu.settled = map[fencepost.TopicPartition]engine.Reconciliation{}
	c.mu.parked = map[fencepost.TopicPartition]string{}
	c.mu.summary = cfg.Now()
	return c
}

// Began writes the first line of a run. partitions is 0 where it is not known yet.
func (c *Console) Began(topics string, partitions int, into, promise, worker string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what := topics
	if partitions > 0 {
		what += " (" + text.Plural(partitions, "partition") + ")"
	}
	c.mu.pace.see(c.cfg.Now(), 0)
	c.header(string(c.cfg.Group), fmt.Sprintf("%s -> %s   %s   worker %s", what, into, promise, worker))
}

// Interrupted says that the run was asked to end: the next Draining is about that.
func (c *Console) Interrupted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.interrupted = true
}

// UnknownField reports a field that schema does not take, once, with the first record that has it.
func (c *Console) UnknownField(name string, tp fencepost.TopicPartition, at fencepost.Offset) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened("unknown", fmt.Sprintf("field %s is in the records and not in schema; first in %s at %s", name, tp, text.Count(at)), screen.Yellow)
}

// EmptyColumn reports a column that none of the first records fills, once.
func (c *Console) EmptyColumn(name string, records int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened("empty", fmt.Sprintf("column %s: in none of the first %s; fencepost check FILE says where it may be", name, text.Plural(records, "record")), screen.Yellow)
}

// Serves says where a run answers questions: http, or probes.
func (c *Console) Serves(what, url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header(what, url)
}

// Untold says that the service manager cannot be told how the run is.
func (c *Console) Untold(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened("untold", fmt.Sprintf("%v. It may take this worker for one that hangs", err), screen.Yellow)
}

// Unwritten says that the events of the run are not written any more.
func (c *Console) Unwritten(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened("unwritten", fmt.Sprintf("%v. The run goes on", err), screen.Yellow)
}

// HookFailed says that the webhook could not be told.
func (c *Console) HookFailed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened("untold", fmt.Sprintf("%v. It is tried again, for an hour", err), screen.Yellow)
}

// Event takes one event of a run.
func (c *Console) Event(e engine.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := e.(type) {
	case engine.EndsFixed:
		c.mu.ends, c.mu.fixed = e, true
	case engine.Reconciled:
		c.settled(e.Partitions)
	case engine.Parked:
		c.parked(e)
	case engine.Waiting:
		c.partition("waiting", e.TopicPartition, e.Reason+". Goes on by itself", "", screen.Yellow)
	case engine.Blocked:
		c.partition("blocked", e.TopicPartition, c.blocked(e), "", screen.Yellow)
	case engine.Weaker:
		c.happened("weaker", strings.Join(e.Topics, ", ")+": no topic ID to compare: a recreated topic would not show", screen.Yellow)
	case engine.Moved:
		c.moved(e.Moves)
	case engine.Committed:
		c.committed(e)
	case engine.Passed:
		c.happened("passed", e.String(), screen.Yellow)
	case engine.Refused:
		what := fmt.Sprintf("at %s the ledger holds %s (%s): obeyed", text.Count(e.Offset), text.Count(e.Held.Offset), e.Relation)
		if e.Unknown {
			what += "; the answer before was lost, so the batch may stand"
		}
		c.partition("refused", e.TopicPartition, what, "", screen.Yellow)
	case engine.SinkWentBack:
		what := fmt.Sprintf("the sink went back from %s to %s; goes on from there", text.Count(e.From), text.Count(e.To))
		if e.Others > 0 {
			what += fmt.Sprintf(". %s of the group may be at another server", text.Plural(e.Others, "other worker"))
		}
		c.partition("restored", e.TopicPartition, what, "", screen.Yellow)
	case engine.Retrying:
		c.retrying(e)
	case engine.Slow, engine.Silent, engine.Outside:
		c.lasts(e)
	case engine.Revoked:
		c.revoked(e)
	case engine.Progress:
		c.progress(e.Status)
	case engine.Draining:
		c.drain(e)
	case engine.LeftBehind:
		c.leftBehind(e)
	case engine.Stopped:
		c.stopped(e)
	case engine.MirrorFailed:
		c.mirrorFailed(e)
	default:
		c.group(e)
	}
}

// retrying reports what failed in a way that passes. A first try to commit that fails is no news; that a start waits, is.
func (c *Console) retrying(e engine.Retrying) {
	switch {
	case e.What == "open" && e.Left > 0:
		c.happened("waiting", fmt.Sprintf("%s. Waits for it, at most %s%s", plainly(e.Err), text.Duration(e.Left.Round(time.Second)), remedy(e.Err)), screen.Yellow)
	case c.cfg.Verbose || e.Attempt >= 2 || e.Lane < 0:
		c.happened("retrying", fmt.Sprintf("%s in %s: %v%s", e.What, text.Duration(e.In), e.Err, remedy(e.Err)), screen.Yellow)
	}
}

// group takes the events about the group, its other programs and its other workers.
func (c *Console) group(e engine.Event) {
	switch e := e.(type) {
	case engine.CommittedElsewhere:
		c.elsewhere(e.Partitions)
	case engine.ReportFailed:
		c.reportFailed(e)
	case engine.WorkersGone:
		what := e.String()
		if e.Err == nil {
			what += ": its partitions go to the others at once"
		}
		c.happened("gone", what, screen.Yellow)
	case engine.PresenceFailed:
		c.happened("presence", fmt.Sprintf("no sign of life in the ledger's store: %v. If this worker dies, its partitions wait for its session timeout", e.Err), screen.Yellow)
	case engine.OtherCopy:
		c.happened("copy", e.String()+". help: "+codes.Remedy(ledger.OtherCopy(c.cfg.Group, e.Stranger)), screen.Yellow)
	case engine.PipelineChanged:
		what := e.String()
		if e.Others > 0 {
			what += ": those go on as before until each is started anew"
		}
		c.happened("changed", what, screen.Yellow)
	case engine.PipelineLeft:
		c.happened("changed", fmt.Sprintf("%s has begun with %s. This worker goes on as before until it is started anew", e.Is.Who, engine.Sentence(e.Differences)), screen.Yellow)
	}
}

// lasts reports what goes on for long, and its end.
func (c *Console) lasts(e engine.Event) {
	switch e := e.(type) {
	case engine.Slow:
		what := fmt.Sprintf("a commit of %s for %s", text.Plural(e.Rows, "row"), text.Duration(e.For))
		switch {
		case e.Ended:
			c.happened("ended", what, screen.Green)
			return
		case e.Wait.Text != "":
			what += ": " + e.Wait.Text
		}
		c.happened("slow", what, screen.Yellow)
	case engine.Silent:
		if e.Ended {
			c.happened("answered", "brokers answer again, after "+text.Duration(e.For), screen.Green)
			return
		}
		c.happened("silent", fmt.Sprintf("no broker answers since %s: %v. Goes on by itself%s", c.clock.TimeOfDay(e.Since), e.Err,
			remedy(e.Err)), screen.Yellow)
	case engine.Outside:
		if e.Ended {
			c.happened("joined", "a member of the group again, after "+text.Duration(e.For), screen.Green)
			return
		}
		c.happened("outside", fmt.Sprintf("not a member of the group since %s: brokers answer, and the group has not let this worker in. Goes on by itself",
			c.clock.TimeOfDay(e.Since)), screen.Yellow)
	}
}

// elsewhere reports that another program moved the Kafka group. REQUIRES: there is a partition of which that is so.
func (c *Console) elsewhere(list []engine.Elsewhere) {
	what := fmt.Sprintf("another program moved the Kafka group: %s to %s, where the ledger holds %s", list[0].TopicPartition,
		text.Count(list[0].Committed), text.Count(list[0].Held))
	if n := len(list) - 1; n > 0 {
		what += fmt.Sprintf(", and %s more", text.Plural(n, "partition"))
	}
	c.happened("elsewhere", what+". The ledger decides; help: fencepost offsets set FILE moves it", screen.Yellow)
}

// blocked says which transaction holds a partition back, as far as it is known.
func (c *Console) blocked(e engine.Blocked) string {
	since := e.Since
	if !e.Transaction.Since.IsZero() {
		since = e.Transaction.Since
	}
	return fmt.Sprintf("at %s by %s open since %s. Goes on at its end", text.Count(e.Offset), e.Transaction, c.clock.TimeOfDay(since))
}

// leftBehind reports what the run ended without. That the group was not left, the last line says too.
func (c *Console) leftBehind(e engine.LeftBehind) {
	c.mu.stays = c.mu.stays || e.What == "leave group"
	c.happened("left", fmt.Sprintf("%s: %v. Nothing that was committed hangs on it", e.What, e.Err), screen.Yellow)
}

// mirrorFailed reports a failed copy that the configuration asks for. The Kafka group's is written every half second and may fail
// in any rebalance: only -v shows that.
func (c *Console) mirrorFailed(e engine.MirrorFailed) {
	name := "the Kafka group's offsets"
	switch {
	case e.Mirror > 0 && e.Mirror <= len(c.cfg.Mirrors):
		name = c.cfg.Mirrors[e.Mirror-1]
	case e.Mirror > 0:
		name = fmt.Sprintf("mirror %d", e.Mirror)
	case !c.cfg.Verbose:
		return
	}
	text := fmt.Sprintf("%s: not written: %v. Commits go on; it is written again until it is well%s", name, e.Err, remedy(e.Err))
	c.happened("mirror", text, screen.Yellow)
}

// reportFailed says that others cannot ask what this worker knows.
func (c *Console) reportFailed(e engine.ReportFailed) {
	what := fmt.Sprintf("why partitions stand still is not kept for others to ask: %v. Commits go on", e.Err)
	if errors.Is(e.Err, ledger.ErrNoReports) {
		what += ". help: " + c.cfg.Remedy(engine.Parked{Code: "reports-not-kept"})
	}
	c.happened("reports", what, screen.Yellow)
}

// remedy is what to do about an error, for the end of a line; empty: nothing is known.
func remedy(err error) string {
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok {
		return ""
	}
	if help := codes.Remedy(f); help != "" {
		return ". help: " + help
	}
	return ""
}

// plainly is an error as a person meets it: of a UserError, without what was being done.
func plainly(err error) string {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		return f.Error()
	}
	return err.Error()
}

// header writes a line that begins with a word instead of a time.
func (c *Console) header(word, text string) {
	c.line(fmt.Sprintf("%-*s%s", c.label, word, screen.Wrap(text, c.label, c.cfg.Width)))
}

// happened writes a line with the time before it.
func (c *Console) happened(word, text string, style screen.Style) {
	const indent = 20
	stamp := c.clock.TimeOfDay(c.cfg.Now())
	text = screen.Wrap(screen.Printable(text), indent, c.cfg.Width)
	c.line(fmt.Sprintf("%s  %s%s", stamp, c.cfg.Paint(style, fmt.Sprintf("%-10s", word)), text))
}

// partition writes what happened to one partition, with a remedy beneath it where there is one.
func (c *Console) partition(word string, tp fencepost.TopicPartition, text, help string, style screen.Style) {
	name := tp.String() + "  "
	text, help = screen.Printable(text), screen.Printable(help)
	indent := 20 + utf8.RuneCountInString(name)
	stamp := c.clock.TimeOfDay(c.cfg.Now())
	c.line(fmt.Sprintf("%s  %s%s%s", stamp, c.cfg.Paint(style, fmt.Sprintf("%-10s", word)), name, screen.Wrap(text, indent, c.cfg.Width)))
	if help != "" {
		c.line(strings.Repeat(" ", indent) + c.cfg.Paint(screen.Dim, screen.Wrap("help: "+help, indent, c.cfg.Width)))
	}
}

// line writes a line that stays, above the redrawn one.
func (c *Console) line(text string) {
	if c.cfg.Quiet {
		return
	}
	c.wipe()
	_, _ = io.WriteString(c.cfg.Out, text+"\n")
}

// wipe takes the redrawn line away.
func (c *Console) wipe() {
	if c.mu.last != "" {
		_, _ = io.WriteString(c.cfg.Out, "\r\x1b[K")
		c.mu.last = ""
	}
}

// redraw puts text in place of the last line. REQUIRES: it fits the terminal.
func (c *Console) redraw(text string) {
	if c.cfg.Quiet || !c.cfg.Live || text == c.mu.last {
		return
	}
	_, _ = io.WriteString(c.cfg.Out, "\r"+text+"\x1b[K")
	c.mu.last = text
}

func (c *Console) parked(e engine.Parked) {
	if c.mu.parked[e.TopicPartition] == e.Reason {
		return
	}
	c.mu.parked[e.TopicPartition] = e.Reason
	what := strings.ReplaceAll(e.Code, "-", " ")
	if strings.HasPrefix(e.Code, "record-") {
		what += " at " + text.Count(e.Offset)
	}
	what += ": " + strings.TrimPrefix(e.Reason, what+": ")
	c.partition("parked", e.TopicPartition, what, c.cfg.Remedy(e), screen.Red)
}

func (c *Console) moved(moves []ledger.Move) {
	adopted := 0
	for _, m := range moves {
		if m.Adopts() {
			adopted++
			continue
		}
		if m.Cause == ledger.CauseStart && m.AtMost == 0 {
			continue // the line about starts says it
		}
		most := ""
		switch {
		case m.AtMost == ledger.UnknownLoss:
			most = "; loses unknown"
		case m.AtMost > 0:
			most = "; loses at most " + text.Count(m.AtMost)
		}
		c.partition("moved", m.TopicPartition, fmt.Sprintf("%s  %s -> %s%s", m.Cause, text.Count(m.Held.Offset),
			text.Count(m.Next.Offset), most), "", screen.Yellow)
	}
	if adopted > 0 {
		c.happened("moved", text.Plural(adopted, "position")+" in place: the brokers' topic ID is taken over", screen.Dim)
	}
}

func (c *Console) committed(e engine.Committed) {
	if c.mu.interrupted && !c.mu.drainedAt.IsZero() {
		c.mu.commits++
	}
	if c.cfg.Verbose {
		c.happened("committed", fmt.Sprintf("%s of %s in %s, lane %d", text.Plural(e.Rows, "row"),
			text.Plural(len(e.Segments), "partition"), text.Duration(e.Took), e.Lane), screen.Dim)
	}
}

func (c *Console) revoked(e engine.Revoked) {
	if c.mu.interrupted || len(e.Partitions) == 0 || c.cfg.Ends {
		return
	}
	if e.Lost {
		c.happened("lost", text.Plural(len(e.Partitions), "partition")+": the group gave them away, or the brokers are out of reach. "+
			"What was not committed is dropped, and read again by whoever holds them next", screen.Yellow)
		return
	}
	c.happened("let go", text.Plural(len(e.Partitions), "partition")+" to another worker", screen.Dim)
}
