package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
)

// Engine is one running process's work for one group.
type Engine struct {
	cfg      Config
	cluster  fencepost.Cluster
	ledger   fencepost.Ledger
	writer   fencepost.Writer
	identity fencepost.LedgerID
	lanes    []*lane
	poller   *poller
	mirrors  []mirroring
	rate     *bucket
	began    time.Time

	needsKey, needsHeaders bool
	atStart                map[string]bool // topics that were there when the run began
	ends                   map[fencepost.TopicPartition]fencepost.Offset
	contradicted           map[fencepost.TopicPartition]fencepost.Position // with an end: stored positions that the log contradicted when it was fixed

	settling chan struct{} // holds an element while somebody decides; capacity 1
	keeper   chan struct{} // wakes the keeper; capacity 1
	over     chan struct{} // closed when the lanes have ended: nobody steers any more
	ended    chan struct{} // closed by the first finish or fail
	once     sync.Once
	result   error // set before ended is closed

	// the keeper's own
	stuckSince, askedOthers time.Time

	mu struct {
		sync.Mutex
		parts map[fencepost.TopicPartition]*partition
		load  map[*lane]int   // :: lane -> partitions in it
		weak  map[string]bool // :: topic -> that it has no ID to compare was told
	}
	stats  stats
	events struct {
		sync.Mutex
	}
}

// Run takes records from cfg.Source into cfg.Sink until ctx ends, the run's end is reached, or an error that no
// waiting mends. It leaves the Source, which is of no use afterwards, and waits for every goroutine it started; the
// Sink stays open and is the caller's to close.
//
// Errors: nil after ctx ended or the end was reached; *fencepost.Fault for what a person has to mend (with Exit 3 where
// the end was reached and partitions stay parked); anything else that the configuration's checks or the rooms return.
// A run with an end that ctx cut short returns ErrCutShort.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Group == "" {
		cfg.Group = groupOf(cfg.Source)
	}
	if err := cfg.validate(); err != nil {
		return err
	}
	e := newEngine(cfg.withDefaults())
	err := e.open(ctx)
	switch {
	case err == nil:
		return e.run(ctx)
	case ctx.Err() != nil: // a stop, not a fault: nothing has begun
		err = e.cutShort()
	}
	_ = e.leave(ctx) // it never joined: this closes the source's connections, and err says what matters
	return errors.Join(err, e.closeLanes())
}

// ErrCutShort: the run was to reach an end, and was stopped before it did.
var ErrCutShort = errors.New("stopped before the end was reached")

// cutShort is what a run says that ctx stopped.
func (e *Engine) cutShort() error {
	if e.cfg.Until.Set() {
		return ErrCutShort
	}
	return nil
}

func newEngine(cfg Config) *Engine {
	e := &Engine{cfg: cfg, cluster: cfg.Source.Cluster(), ledger: cfg.Sink.Ledger(), poller: newPoller(),
		rate: newBucket(cfg.Rate), began: time.Now(), atStart: map[string]bool{},
		ends:         map[fencepost.TopicPartition]fencepost.Offset{},
		contradicted: map[fencepost.TopicPartition]fencepost.Position{},
		settling:     make(chan struct{}, 1), keeper: make(chan struct{}, 1), over: make(chan struct{}), ended: make(chan struct{})}
	e.mirrors = []mirroring{newMirror(e)}
	for i, layout := range cfg.Mirrors {
		e.mirrors = append(e.mirrors, newCopy(e, i+1, layout))
	}
	e.mu.parts = map[fencepost.TopicPartition]*partition{}
	e.mu.load = map[*lane]int{}
	e.mu.weak = map[string]bool{}
	return e
}

// open asks everything that has to answer before the group is joined, and opens the lanes. What fails here ends the
// run: a pipeline that never worked should say so, and not wait.
func (e *Engine) open(ctx context.Context) error {
	opening, cancel := context.WithTimeout(ctx, 3*requestTimeout)
	defer cancel()
	s := &settling{e: e}
	if err := s.ask(opening); err != nil {
		return err
	}
	for topic, err := range s.about.Errs {
		if errors.Is(err, fencepost.ErrNoTopic) {
			return err
		}
		e.atStart[topic] = true
	}
	for topic := range s.about.Topics {
		e.atStart[topic] = true
	}
	if err := e.sameLedger(s.snapshot, s.mirrored); err != nil {
		return err
	}
	e.identity = s.snapshot.Ledger
	e.writer = fencepost.Writer{Group: e.cfg.Group, ClusterID: s.about.ClusterID, Who: e.cfg.Who}
	if err := e.leaveGroup(opening, s.about.ClusterID); err != nil {
		return err
	}
	if e.cfg.Until.Set() {
		if err := e.fixEnds(ctx, s); err != nil {
			return err
		}
		e.emit(EndsFixed{Partitions: len(e.ends), Offsets: e.offsetsLeft(s.snapshot)})
	}
	return e.openLanes(ctx)
}

// offsetsLeft is how many offsets lie between the ledger's positions and the ends.
func (e *Engine) offsetsLeft(s fencepost.Snapshot) (n int64) {
	for tp, end := range e.ends {
		n += max(0, int64(end-s.Positions[tp].Offset))
	}
	return n
}

func (e *Engine) openLanes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*requestTimeout)
	defer cancel()
	var columns []fencepost.ColumnSpec
	if e.cfg.Decoder != nil {
		columns = e.cfg.Decoder().Columns()
	}
	needs, err := e.cfg.Sink.Needs(ctx, columns)
	if err != nil {
		return fmt.Errorf("open sink: %w", err)
	}
	for _, n := range needs {
		e.needsKey = e.needsKey || n == fencepost.MetaKey
		e.needsHeaders = e.needsHeaders || n == fencepost.MetaHeaders
	}
	for n := range e.cfg.Lanes {
		sink, err := e.cfg.Sink.Lane(ctx, n)
		if err != nil {
			return fmt.Errorf("open sink: %w", err)
		}
		e.lanes = append(e.lanes, newLane(e, n, sink))
	}
	return nil
}

// run starts the goroutines, waits for the end of the run, and drains. Each goroutine is waited for: the lanes' end
// with their channels, the others' with their contexts.
func (e *Engine) run(ctx context.Context) error {
	polling, stopPolling := context.WithCancel(context.WithoutCancel(ctx))
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPolling()
	defer stopWorking()
	var lanes, others sync.WaitGroup
	filling, stopFilling := context.WithCancel(working)
	defer stopFilling()
	for _, l := range e.lanes {
		lanes.Go(func() { l.fill(filling) })
		lanes.Go(func() { l.run(working) })
	}
	others.Go(func() { e.poll(polling) })
	others.Go(func() { e.keep(polling) })
	for _, m := range e.mirrors {
		others.Go(func() { m.run(polling) })
	}
	if err := e.cfg.Source.Start(working, e); err != nil {
		e.fail(err)
	}
	var cut error
	select {
	case <-e.ended:
	case <-ctx.Done():
		cut = e.cutShort()
	}

	e.emit(Draining{InFlight: e.inFlight(), AtMost: e.cfg.Drain})
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Drain)
	defer cancel()
	stopPolling()
	for _, l := range e.lanes {
		l.end(true)
	}
	stopFilling()
	for _, l := range e.lanes {
		l.quiet(deadline, nil)
	}
	lanes.Wait()
	e.flushMirrors(deadline, names(e.held()))
	final := e.Status() // as the partitions stand while they are still held
	err := e.leave(deadline)
	close(e.over)
	others.Wait()
	err = errors.Join(e.outcome(cut), err, e.closeLanes())
	e.emit(Stopped{Status: final, Up: time.Since(e.began), Err: err})
	return err
}

// leave lets the group go, so that others take over at once.
func (e *Engine) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := e.cfg.Source.Leave(ctx); err != nil {
		return fmt.Errorf("leave group: %w", err)
	}
	return nil
}

// outcome is how the run ended: what finish or fail said, else cut.
func (e *Engine) outcome(cut error) error {
	if e.isEnded() {
		return e.result
	}
	return cut
}

func (e *Engine) closeLanes() error {
	var errs []error
	for _, l := range e.lanes {
		errs = append(errs, l.sink.Close())
	}
	return errors.Join(errs...)
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

// emit tells facts to the listener, one goroutine at a time.
func (e *Engine) emit(events ...Event) {
	e.events.Lock()
	defer e.events.Unlock()
	for _, ev := range events {
		e.cfg.Events(ev)
	}
}

// jitter is d give or take a quarter.
func (e *Engine) jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(e.cfg.Random()%uint64(d/2+1))
}
