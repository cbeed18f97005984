package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// Engine is one process's work for one group. New makes it, Run runs it, once; Status and Subscribe may be called by any
// goroutine, before, during and after the run.
type Engine struct {
	cfg      Config
	cluster  source.Cluster
	ledger   ledger.Ledger
	writer   ledger.Actor
	identity fencepost.LedgerID
	place    atomic.Pointer[fencepost.Place] // of the ledger, as commits are mirrored with it; nil: not known yet
	lanes    []*lane
	poller   *poller
	mirrors  []mirroring
	reporter *reporter
	presence *presence                          // nil: the store takes no signs of life
	entered  atomic.Pointer[ledger.Worker]      // as this worker is entered, once it is a member of the group; nil: not yet
	copies   *copies                            // nil: workers do not enter themselves
	change   PipelineChanged                    // what this run does otherwise than the group until now
	inGroup  *mirror[fencepost.CommittedOffset] // the first of them
	rate     *rate
	began    time.Time

	needsKey, needsHeaders bool
	atStart                map[string]bool // topics that were there when the run began
	ends                   map[fencepost.TopicPartition]fencepost.Offset
	contradicted           map[fencepost.TopicPartition]ledger.Position // with an end: stored positions that the log contradicted when it was fixed

	resolving chan struct{} // holds an element while partitions are reconciled; capacity 1
	unclear   []ledger.Move // moves whose answer was lost; guarded by resolving
	working   crew          // the lanes' goroutines
	others    crew          // all others, and calls that may not come back
	wake      chan struct{} // wakes the monitor; capacity 1
	opened    chan struct{} // closed once lanes is set
	over      chan struct{} // closed when the lanes have ended: no seek is carried out any more
	ended     chan struct{} // closed by the first finish or fail
	once      sync.Once
	result    error // set before ended is closed

	// the monitor's own
	stuckSince, askedOthers time.Time
	reported                Progress // last, at toldAt
	reportedAt              time.Time

	mu struct {
		sync.Mutex
		parts map[fencepost.TopicPartition]*partition
		load  map[*lane]int   // :: lane -> partitions in it
		weak  map[string]bool // :: topic -> that it has no ID to compare was reported
	}
	stats   stats
	polling pulse
	silence silence
	events  events
	ran     atomic.Bool
	behind  atomic.Bool // a ledger that went back was met while other members of the group were live
}

// New is an engine that has not begun. It does no I/O.
//
// Errors: those of the configuration, joined, each with its field's name.
func New(cfg Config) (*Engine, error) {
	if cfg.Group == "" {
		cfg.Group = groupOf(cfg.Source)
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if typed, ok := sink.As[sink.Typed](cfg.Sink); ok && cfg.Decoder == nil {
		var err error
		if cfg.Decoder, err = decoderFor(typed); err != nil {
			return nil, fmt.Errorf("engine.Config.Sink: %w", err)
		}
	}
	return newEngine(cfg.withDefaults()), nil
}

// Run is New and Engine.Run, for a program that asks nothing of a run while it runs.
func Run(ctx context.Context, cfg Config) error {
	e, err := New(cfg)
	if err != nil {
		return err
	}
	return e.Run(ctx)
}

// Run takes records from the Source into the Sink until ctx ends, the run's end is reached, or an error that no
// waiting mends. It leaves the Source, which is of no use afterwards; the Sink stays open and is the caller's to close.
//
// After ctx has ended it returns within Config.Drain and two seconds, whatever hangs. It waits for every goroutine that it
// started, but for those that do not follow their context until then: their lane is in the error, everything else in an
// event LeftBehind.
//
// Errors: nil after ctx ended or the end was reached; *fencepost.UserError for what a person has to mend (parked-left
// where the end was reached and partitions stay parked; mirror-ahead where the ledger went back while other members of the group were live, which
// may be at another server); anything else that the configuration's checks or the connectors return.
// ErrCutShort where ctx ended a run before its end, or a commit that was under way before its outcome was known.
// An engine that has run already runs no second time.
func (e *Engine) Run(ctx context.Context) error {
	if e.ran.Swap(true) {
		return errors.New("run engine: it has run already; New makes another one")
	}
	lanes, err := call(ctx, &e.others, grace, "the opening", e.open)
	if err == nil {
		e.lanes = lanes
		close(e.opened)
		return e.run(ctx)
	}
	if ctx.Err() != nil { // a stop, not an error: nothing has begun
		err = e.cutShort()
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	e.leave(leaving) // it never joined: this closes the source's connections, and err says what matters
	return err
}

// ErrCutShort: the run was stopped before its end, or in the middle of a commit that did not end in time. What became of
// that commit the ledger knows, and with it the next run.
var ErrCutShort = errors.New("cut short")

// cutShort is what a run says that ctx stopped.
func (e *Engine) cutShort() error {
	if e.cfg.Until.Set() {
		return fmt.Errorf("%w: the end was not reached", ErrCutShort)
	}
	return nil
}

func newEngine(cfg Config) *Engine {
	e := &Engine{cfg: cfg, cluster: cfg.Source.Cluster(), ledger: cfg.Sink.Ledger(), poller: newPoller(),
		rate: newRate(cfg.Rate), began: time.Now(), atStart: map[string]bool{},
		ends:         map[fencepost.TopicPartition]fencepost.Offset{},
		contradicted: map[fencepost.TopicPartition]ledger.Position{},
		resolving:    make(chan struct{}, 1), wake: make(chan struct{}, 1), opened: make(chan struct{}), over: make(chan struct{}), ended: make(chan struct{})}
	e.inGroup = newMirror(e)
	e.mirrors = []mirroring{e.inGroup}
	for i, to := range cfg.Mirrors {
		e.mirrors = append(e.mirrors, newCopy(e, i+1, to))
	}
	e.mu.parts = map[fencepost.TopicPartition]*partition{}
	e.mu.load = map[*lane]int{}
	e.mu.weak = map[string]bool{}
	e.Subscribe(cfg.Events)
	e.reporter = newReporter(e)
	e.Subscribe(e.reporter.hear)
	e.presence = newPresence(e)
	e.copies = newCopies(e)
	return e
}

// openOnce is one try of open. Lanes that no caller waits for any more are closed. The ledger comes last of what is asked, since a first
// read makes it: a run that cannot begin leaves nothing behind.
func (e *Engine) openOnce(ctx context.Context) (lanes []*lane, err error) {
	s := &reconciliation{e: e}
	if err = e.askSink(ctx); err == nil {
		err = e.ask(ctx, s)
	}
	if err == nil {
		lanes, err = e.openLanes(ctx)
	}
	if err == nil {
		err = e.prepareLetters(ctx)
	}
	if err == nil {
		err = e.takePipeline(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = e.begin(ctx, s)
	}
	if err != nil {
		for _, l := range lanes {
			err = errors.Join(err, l.sink.Close())
		}
		return nil, err
	}
	return lanes, nil
}

// askTopics refuses a topic that is not there.
func (e *Engine) askTopics(ctx context.Context, s *reconciliation) error {
	if err := s.askBrokers(ctx); err != nil {
		return err
	}
	for topic, err := range s.about.Errs {
		if errors.Is(err, fencepost.ErrNoTopic) {
			return &fencepost.UserError{Code: "topic-not-found", Err: fmt.Errorf("topic %s: %w", topic, err)}
		}
		e.atStart[topic] = true
	}
	for topic := range s.about.Topics {
		e.atStart[topic] = true
	}
	return nil
}

// ask asks everything else that has to answer before the group is joined.
func (e *Engine) ask(ctx context.Context, s *reconciliation) error {
	opening, cancel := context.WithTimeout(ctx, 3*requestTimeout)
	defer cancel()
	if err := e.askTopics(opening, s); err != nil {
		return err
	}
	stored, cancel := context.WithTimeout(opening, requestTimeout)
	defer cancel()
	if err := s.askStored(stored); err != nil {
		return err
	}
	if err := e.sameLedger(s.snapshot, s.mirrored); err != nil {
		return err
	}
	if moved := s.elsewhere(); len(moved) > 0 {
		e.emit(CommittedElsewhere{Partitions: moved})
	}
	e.identity = s.snapshot.Ledger
	if err := e.copies.refuse(ctx); err != nil {
		return err
	}
	e.writer = ledger.Actor{Group: e.cfg.Group, ClusterID: s.about.ClusterID, Who: e.cfg.Who}
	return e.admit(ctx)
}

// begin reports that all is there, and fixes the ends.
func (e *Engine) begin(ctx context.Context, s *reconciliation) error {
	if e.cfg.Until.Set() {
		if err := e.fixEnds(ctx, s); err != nil {
			return err
		}
	}
	e.emit(Opened{Partitions: partitionsOf(s.about)})
	if e.cfg.Until.Set() {
		e.emit(EndsFixed{Partitions: len(e.ends), Offsets: e.offsetsLeft(s.snapshot)})
	}
	return nil
}

// partitionsOf is how many partitions a run takes.
func partitionsOf(about source.Description) (n int) {
	for _, t := range about.Topics {
		if t.Only != nil {
			n += len(t.Only)
			continue
		}
		n += int(t.Partitions)
	}
	return n
}

// offsetsLeft is how many offsets lie between the ledger's positions and the ends.
func (e *Engine) offsetsLeft(s ledger.Snapshot) (n int64) {
	for tp, end := range e.ends {
		n += max(0, int64(end-s.Positions[tp].Offset))
	}
	return n
}

// askSink asks whether the sink takes the columns, and what else it wants of a record.
func (e *Engine) askSink(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*requestTimeout)
	defer cancel()
	var columns []fencepost.ColumnSpec
	if e.cfg.Decoder != nil {
		columns = e.cfg.Decoder().Columns()
	}
	if about := e.cfg.Sink.Capabilities(); sink.Partial(columns) && !about.Partial {
		return fmt.Errorf("open sink: %s cannot leave columns of a row alone, and records do not hold all of them: what they do not hold would become a null", about.Name)
	}
	needs, err := e.cfg.Sink.Columns(ctx, columns)
	if err != nil {
		return fmt.Errorf("open sink: %w", err)
	}
	for _, n := range needs {
		e.needsKey = e.needsKey || n == fencepost.MetaKey
		e.needsHeaders = e.needsHeaders || n == fencepost.MetaHeaders
	}
	return nil
}

// openLanes opens the sink's lanes. Its error comes with the lanes that are open.
func (e *Engine) openLanes(ctx context.Context) (lanes []*lane, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*requestTimeout)
	defer cancel()
	for n := range e.cfg.Lanes {
		sink, err := e.cfg.Sink.Lane(ctx, n)
		if err != nil {
			return lanes, fmt.Errorf("open sink: %w", err)
		}
		lanes = append(lanes, newLane(e, n, sink))
	}
	return lanes, nil
}

// run starts the goroutines, waits for the end of the run, and drains.
func (e *Engine) run(ctx context.Context) error {
	base := context.WithoutCancel(ctx)
	polling, stopPolling := context.WithCancel(base)
	filling, stopFilling := context.WithCancel(base)
	joining, stopJoining := context.WithCancel(base)
	defer stopPolling()
	defer stopFilling()
	defer stopJoining()
	for _, l := range e.lanes {
		e.working.start(fmt.Sprintf("lane %d is still decoding", l.number), func() { l.fill(filling) })
		e.working.start(fmt.Sprintf("lane %d is still in its commit, whose outcome the next run will find", l.number), func() { l.run(base) })
	}
	e.others.start("poll", func() { e.poll(polling) })
	e.others.start("watch", func() { e.monitor(polling) })
	if brokers, able := e.cluster.(source.Reachability); able {
		e.others.start("ask brokers whether they answer", func() { e.listen(polling, brokers) })
	}
	for _, m := range e.mirrors {
		e.others.start("mirror", func() { m.run(polling) })
	}
	e.others.start("report", func() { e.reporter.run(polling) })
	e.presence.open(base)
	if e.copies != nil {
		e.others.start("look for other copies of the ledger", func() { e.copies.run(polling) })
	}
	e.others.start("join group", func() {
		err := e.presence.begin(joining)
		if err == nil {
			err = e.cfg.Source.Start(joining, callbacks{e})
		}
		if err != nil && joining.Err() == nil {
			e.fail(err)
		}
	})
	var cut error
	select {
	case <-e.ended:
	case <-ctx.Done():
		cut = e.cutShort()
	}
	return e.drain(base, cut, stopPolling, stopFilling, stopJoining)
}

// drain ends the run in order. Each step has a deadline: what is under way gets Config.Drain and, once its context has ended,
// a grace; all that follows less than a second more.
func (e *Engine) drain(ctx context.Context, cut error, stopPolling, stopFilling, stopJoining func()) error {
	ctx, over := context.WithCancel(ctx)
	defer over()
	began := time.Now()
	within := func(d time.Duration) context.Context {
		ctx, cancel := context.WithDeadline(ctx, began.Add(e.cfg.Drain+d))
		context.AfterFunc(ctx, cancel)
		return ctx
	}
	e.emit(Draining{InFlight: e.inFlight(), AtMost: e.cfg.Drain})
	stopPolling()
	for _, l := range e.lanes {
		l.end()
	}
	stopFilling()
	e.quiet(within(0), grace, func(*partition) bool { return true })
	unfinished := append(e.working.wait(within(grace+100*time.Millisecond)), e.doubtful()...)

	e.flushMirrors(within(grace+300*time.Millisecond), names(e.held()))
	final, parked := e.Status(), e.parked() // of the partitions while they are still held
	_, _ = call(within(grace+400*time.Millisecond), &e.others, grace/10, "report", only(func(ctx context.Context) error {
		e.reporter.pass(ctx, true)
		return nil
	}))
	e.presence.leave(within(grace + 450*time.Millisecond))
	stopJoining()
	e.leave(within(grace + 500*time.Millisecond))
	e.presence.close(within(grace + 550*time.Millisecond))
	close(e.over)
	e.closeLanes(within(grace + 700*time.Millisecond))
	for _, what := range e.others.wait(within(grace + 900*time.Millisecond)) {
		e.emit(LeftBehind{What: what, Err: errHangs})
	}
	err := e.outcome(cut)
	if len(unfinished) > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %s", ErrCutShort, strings.Join(unfinished, "; ")))
	}
	e.emit(Stopped{Status: final, Parked: parked, Up: time.Since(e.began), Err: err})
	return err
}

// leave lets the group go, so that others take over at once. Where that fails, the coordinator gives the partitions away
// after the session timeout: nothing is lost, and the run has not failed.
func (e *Engine) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := call(ctx, &e.others, grace/10, "leave group", only(e.cfg.Source.Leave))
	e.leftBehind("leave group", err)
}

// leftBehind reports something that failed while the run ended. What hangs is reported in the end, by its crew.
func (e *Engine) leftBehind(what string, err error) {
	if err != nil && !errors.Is(err, errHangs) {
		e.emit(LeftBehind{What: what, Err: err})
	}
}

// outcome is how the run ended: the result of finish or fail, else cut.
func (e *Engine) outcome(cut error) error {
	err := cut
	if e.isEnded() {
		err = e.result
	}
	if err == nil && e.behind.Load() {
		err = &fencepost.UserError{Code: "mirror-ahead",
			Err: errors.New("the ledger held less than the group had committed, while other workers were live: they may be at another server")}
	}
	return err
}

// doubtful says of each lane that gave a commit up while its outcome was unknown.
func (e *Engine) doubtful() (lanes []string) {
	for _, l := range e.lanes {
		l.mu.Lock()
		if l.mu.doubt && l.mu.inflight == nil {
			lanes = append(lanes, fmt.Sprintf("lane %d gave its commit up, and the next run will find what became of it", l.number))
		}
		l.mu.Unlock()
	}
	return lanes
}

// closeLanes closes the sink's lanes, but for one that is still in a commit: it is the commit's.
func (e *Engine) closeLanes(ctx context.Context) {
	for _, l := range e.lanes {
		l.mu.Lock()
		busy := l.mu.inflight != nil
		l.mu.Unlock()
		if busy {
			continue
		}
		what := fmt.Sprintf("close lane %d", l.number)
		_, err := call(ctx, &e.others, grace/10, what, only(func(context.Context) error { return l.sink.Close() }))
		e.leftBehind(what, err)
	}
}

// quiet waits until no batch of the partitions of which f is true is being committed, or until ctx ends. Then it aborts
// those commits: their connections are closed, and the heir's compare-and-set decides. One that has not ended after a
// further time is left alone.
func (e *Engine) quiet(ctx context.Context, further time.Duration, f func(*partition) bool) {
	busy := slices.DeleteFunc(slices.Clone(e.lanes), func(l *lane) bool { return l.quiet(ctx, f) })
	for _, l := range busy {
		l.abort()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), further)
	defer cancel()
	for _, l := range busy {
		l.quiet(ctx, f)
	}
}

// inFlight is how many batches are being committed.
func (e *Engine) inFlight() (n int) {
	for _, l := range e.lanes {
		l.mu.Lock()
		if l.mu.inflight != nil {
			n++
		}
		l.mu.Unlock()
	}
	return n
}

// finish ends the run: its end was reached.
func (e *Engine) finish(err error) {
	e.once.Do(func() {
		e.result = err
		close(e.ended)
	})
}

// isEnded reports whether the run is over: nothing more is begun, not even what was cut already.
func (e *Engine) isEnded() bool {
	select {
	case <-e.ended:
		return true
	default:
		return false
	}
}

// fail ends the run for an error that no waiting mends.
func (e *Engine) fail(err error) { e.finish(err) }

// longer is the next pause of something that is tried again: twice the last one, from least to most.
func longer(last, least, most time.Duration) time.Duration { return min(max(2*last, least), most) }

// jitter is d give or take a quarter.
func (e *Engine) jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(e.cfg.Random()%uint64(d/2+1))
}
