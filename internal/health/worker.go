package health

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// Engine is what a Worker asks of the engine that it is about.
type Engine interface {
	Status() engine.Status
	Partitions() []engine.PartitionStatus
	Stuck() []engine.Stuck
}

// Config is what is known of a worker before it runs.
type Config struct {
	Group   fencepost.Group
	Who     string // pid@host
	Topics  string
	Into    string // postgres flights
	Promise string // exactly once
	Since   time.Time
}

// Worker is how a worker is. Its methods may be called by any goroutine.
type Worker struct {
	cfg  Config
	news chan struct{} // a phase has begun; capacity 1; of all workers of a Process

	mu struct {
		sync.Mutex
		engine Engine // nil: there is none yet
		phase  phase
		waits  engine.Retrying // what a start waits for last; without Err: nothing yet
		ended  error           // what it ended with
	}
}

// phase is a part of a worker's life.
type phase uint8

const (
	starting phase = iota // it asks what has to answer before it joins the group
	running
	stopping
	ended // the process goes on with its other workers
)

// String is the phase in one word.
func (p phase) String() string { return [...]string{"starting", "running", "stopping", "ended"}[p] }

// Runs says which engine is asked from now on.
func (w *Worker) Runs(e Engine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.engine = e
}

// Event takes one event of the engine.
func (w *Worker) Event(e engine.Event) {
	switch e := e.(type) {
	case engine.Retrying:
		if e.What == "open" {
			w.begin(starting, e)
		}
	case engine.Opened:
		w.begin(running, engine.Retrying{})
	case engine.Draining, engine.Stopped:
		w.begin(stopping, engine.Retrying{})
	}
}

// Ended says that this worker has ended, with this error or with none, where the process goes on.
func (w *Worker) Ended(err error) {
	w.mu.Lock()
	w.mu.engine, w.mu.ended = nil, err
	w.mu.Unlock()
	w.begin(ended, engine.Retrying{})
}

func (w *Worker) begin(p phase, waits engine.Retrying) {
	w.mu.Lock()
	w.mu.phase, w.mu.waits = p, waits
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// facts are how a worker is at one time.
type facts struct {
	group  fencepost.Group
	phase  phase
	waits  engine.Retrying
	ended  error
	status engine.Status
	parts  []engine.PartitionStatus
	stuck  []engine.Stuck
}

// look asks the engine.
func (w *Worker) look() facts {
	w.mu.Lock()
	e, f := w.mu.engine, facts{group: w.cfg.Group, phase: w.mu.phase, waits: w.mu.waits, ended: w.mu.ended}
	w.mu.Unlock()
	if e != nil { // outside of the lock: an engine may be in the middle of an event
		f.status, f.parts, f.stuck = e.Status(), e.Partitions(), e.Stuck()
	}
	return f
}

// member reports whether the worker has its share of the group's partitions, which may be none.
func (f facts) member() bool { return f.phase == running && !f.status.Outside }

// reasons are why the worker is not ready; none: it is, or it is done.
func (f facts) reasons() []view.Reason {
	list := f.why()
	for i := range list {
		list[i].Group = f.group
	}
	return list
}

func (f facts) why() []view.Reason {
	switch {
	case f.phase == ended && f.ended == nil:
		return nil
	case f.phase == ended:
		return []view.Reason{failed("ended", f.ended)}
	case f.phase == starting && f.waits.Err != nil:
		return []view.Reason{failed("starting", f.waits.Err)}
	case f.phase == starting:
		return []view.Reason{worker("starting", "brokers and stores are being asked")}
	case f.phase == stopping:
		return []view.Reason{worker("stopping", "what is under way is being committed, then the group is left")}
	}
	list := view.Reasons(f.parts)
	switch {
	case f.status.Silent && len(f.parts) == 0:
		list = append(list, worker("waiting", "no broker answers this worker"))
		list[0].Code = "broker-silent"
	case f.status.Outside:
		one := worker("waiting", "the group has not let this worker in")
		one.Code = "not-a-member"
		list = append(list, one)
	}
	return list
}

// worker is a reason that is about no partition.
func worker(state, why string) view.Reason {
	return view.Reason{State: state, Reason: view.Word(why), Partitions: []string{}}
}

// failed is the reason of an error.
func failed(state string, err error) view.Reason {
	one := worker(state, err.Error())
	if fault, ok := errors.AsType[*fencepost.UserError](err); ok {
		one.Code, one.Reason = view.Word(fault.Code), view.Word(fault.Error())
	}
	return one
}

// run is the whole answer.
func (w *Worker) run(f facts) view.Run {
	r := view.NewRun(f.status, f.parts)
	now := time.Now()
	r.Time, r.Since = view.Instant{Time: now}, view.Instant{Time: w.cfg.Since}
	r.Group, r.Worker, r.Topics, r.Into, r.Promise = w.cfg.Group, w.cfg.Who, w.cfg.Topics, w.cfg.Into, w.cfg.Promise
	ready := view.NewReadiness(f.reasons())
	r.Phase, r.Live, r.Ready, r.Reasons = f.phase.String(), len(f.stuck) == 0, ready.Ready, ready.Reasons
	switch oldest := f.status.Oldest; {
	case !oldest.IsZero():
		r.LagTime = view.Age(max(0, now.Sub(oldest)))
	case f.phase == running && f.status.LagKnown() && f.status.Lag == 0:
		r.LagTime = 0
	}
	return r
}

// sentence is how the worker is, for people, in one line.
func (f facts) sentence() string {
	var said []string
	for _, s := range f.stuck {
		said = append(said, fmt.Sprintf("%s hangs for %s", s.What, text.Duration(s.For.Round(time.Second))))
	}
	for _, r := range f.reasons() {
		one := r.State
		if len(r.Partitions) > 0 {
			one += " " + strings.Join(r.Partitions, " ")
		}
		if one += ": " + string(r.Reason); r.Code != "" {
			one += " (" + string(r.Code) + ")"
		}
		said = append(said, one)
	}
	switch {
	case len(said) > 0:
		return strings.Join(said, "; ")
	case f.phase == ended:
		return "done"
	}
	return fmt.Sprintf("running %s, lag %s", text.Plural(len(f.parts), "partition"), text.Count(f.status.Lag))
}
