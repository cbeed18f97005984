package watch

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

const (
	EachLook   = time.Second      // while somebody looks
	EachSample = 10 * time.Second // while nobody does
	eachLosses = time.Minute      // the history is read so often
	lookShare  = 10               // a look that takes long is made so seldom that it takes this part of the time at most
	retryFor   = 3 * time.Second  // how long brokers that were silent may take to answer
	lossesFor  = 7 * 24 * time.Hour
)

// Moment is what is known of a pipeline at one time. It is never changed.
type Moment struct {
	View      admin.View
	Positions view.Positions
	Pace      map[fencepost.TopicPartition]Pace
	Day, Week *view.Moves // that passed records unapplied; nil: it is not known
	Asking    bool        // brokers were not heard yet, and have not failed
	Brokers   *Trouble    // nil: they answer
	Ledger    *Trouble    // nil: it answers; else all of this is of the time before
}

// Trouble is who does not answer, since when, and what was said.
type Trouble struct {
	Since time.Time
	Fault *fencepost.UserError
}

// Known reports whether there are positions to show.
func (m *Moment) Known() bool { return m != nil && !m.Positions.Time.IsZero() }

// Watcher looks at one pipeline, and keeps the newest moment.
type Watcher struct {
	Pipeline
	Timeout time.Duration // how long ledger and brokers may take to answer
	wake    chan struct{} // has room for one
	paces   paces         // of run alone
	any     *Signal       // of the moments of all watchers
	losses  time.Time     // when they were read; of run alone
	newest  time.Time     // the time of the newest move by then; of run alone

	mu struct {
		sync.Mutex
		moment  *Moment
		changed chan struct{} // closed by the next moment
		open    int           // pages
	}
}

// New makes a watcher. Run has to be called for it to learn anything.
func New(p Pipeline, timeout time.Duration, any *Signal) *Watcher {
	w := &Watcher{Pipeline: p, Timeout: timeout, any: any, wake: make(chan struct{}, 1)}
	var decoding sync.Mutex // a decoder is one goroutine's, and pages decode too
	if try := p.Resources.Try; try != nil {
		w.Resources.Try = func(rec *fencepost.Record) error {
			decoding.Lock()
			defer decoding.Unlock()
			return try(rec)
		}
	}
	if decode := p.Resources.Decode; decode != nil {
		w.Resources.Decode = func(rec *fencepost.Record) ([]fencepost.Column, error) {
			decoding.Lock()
			defer decoding.Unlock()
			return decode(rec)
		}
	}
	w.mu.changed = make(chan struct{})
	return w
}

// Now is the newest moment, nil before the first, and a channel that is closed by the next.
func (w *Watcher) Now() (*Moment, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.moment, w.mu.changed
}

func (w *Watcher) publish(m *Moment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.moment = m
	close(w.mu.changed)
	w.mu.changed = make(chan struct{})
	w.any.fire()
}

// Signal wakes all who wait for something.
type Signal struct {
	mu struct {
		sync.Mutex
		fired chan struct{}
	}
}

// NewSignal makes one that was not fired.
func NewSignal() *Signal {
	s := &Signal{}
	s.mu.fired = make(chan struct{})
	return s
}

// Next is closed when it is fired next.
func (s *Signal) Next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.fired
}

func (s *Signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.mu.fired)
	s.mu.fired = make(chan struct{})
}

// Open says that somebody looks until done is called.
func (w *Watcher) Open() (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.open++
	w.Hurry()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mu.open--
	}
}

// Pages is how many are open.
func (w *Watcher) Pages() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.open
}

// Hurry asks for a look now.
func (w *Watcher) Hurry() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Fresh is the newest moment for a page: one that is older than a look is waited for, but not for long.
func (w *Watcher) Fresh(ctx context.Context, patience time.Duration) *Moment {
	m, changed := w.Now()
	if m.Known() && time.Since(m.Positions.Time.Time) < 2*EachLook {
		return m
	}
	w.Hurry()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		select {
		case <-ctx.Done():
			return m
		case <-enough.C:
			return m
		case <-changed:
			if m, changed = w.Now(); m.Known() && !m.Asking {
				return m
			}
		}
	}
}

// Run looks until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	for {
		began := time.Now()
		w.Look(ctx)
		took := time.Since(began)
		wait := EachSample
		if w.Pages() > 0 {
			wait = min(max(EachLook-took, lookShare*took), EachSample)
		}
		next := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		case <-w.wake:
			next.Stop()
		}
	}
}

// Look asks ledger and brokers, and publishes what they say. Before the brokers have ever answered, and while they are silent, what the
// ledger says is published first.
func (w *Watcher) Look(ctx context.Context) {
	last, _ := w.Now()
	patience := w.Timeout
	if last == nil || last.Brokers != nil || last.Asking {
		m, err := w.lookOnce(ctx, w.Resources.WithoutBrokers(), w.Timeout)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.publish(w.without(last, err))
			return
		}
		w.carry(ctx, m, last)
		m.Asking = last == nil || last.Brokers == nil
		if last != nil && last.Brokers != nil {
			m.Brokers, patience = last.Brokers, min(retryFor, w.Timeout)
		}
		w.publish(m)
		last = m
	}
	m, err := w.lookOnce(ctx, w.Resources, patience)
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		w.paces.add(m.Positions)
		w.carry(ctx, m, last)
		w.publish(m)
		return
	}
	silent, ledgerErr := w.lookOnce(ctx, w.Resources.WithoutBrokers(), w.Timeout)
	switch {
	case ctx.Err() != nil:
	case ledgerErr != nil:
		w.publish(w.without(last, ledgerErr))
	default:
		w.carry(ctx, silent, last)
		silent.Brokers = w.trouble(err, BrokersSilent)
		if last != nil && last.Brokers != nil {
			silent.Brokers.Since = last.Brokers.Since
		}
		w.publish(silent)
	}
}

// lookOnce is one look with some resources.
func (w *Watcher) lookOnce(ctx context.Context, r admin.Resources, patience time.Duration) (*Moment, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := admin.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	m := &Moment{View: v, Positions: view.NewPositions(v, w.Resources.Where, "")}
	m.Positions.CountLetters(admin.LetterCount(ctx, r))
	return m, nil
}

// carry adds what is not asked for at every look: losses, and paces.
func (w *Watcher) carry(ctx context.Context, m, last *Moment) {
	if last != nil {
		m.Day, m.Week = last.Day, last.Week
	}
	moved := w.newest
	if s, ok := m.Positions.LastMoved(); ok {
		moved = s.Moved.At
	}
	if time.Since(w.losses) > eachLosses || moved.After(w.newest) { // what a move has passed is not a minute late
		w.newest = moved
		w.readLosses(ctx, m)
	}
	m.Pace = make(map[fencepost.TopicPartition]Pace, len(m.Positions.Positions))
	for _, s := range m.Positions.Positions {
		tp := fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}
		m.Pace[tp] = w.paces.of(tp)
	}
}

// readLosses reads which moves passed records. What the ledger does not say is not known.
func (w *Watcher) readLosses(ctx context.Context, m *Moment) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	m.Day, m.Week = nil, nil
	f := admin.Filter{Gaps: true, Since: began.Add(-lossesFor)}
	if told, err := admin.Moves(ctx, w.Resources, f); err == nil {
		week, day := view.NewMoves(told, w.Resources.Group, f, began), view.NewMoves(told.Since(began.Add(-24*time.Hour)), w.Resources.Group, f, began)
		m.Week, m.Day = &week, &day
	}
	w.losses = time.Now().Add(lookShare * time.Since(began)) // a long history is read more seldom
}

// without is the last moment, of which the ledger says nothing any more.
func (w *Watcher) without(last *Moment, err error) *Moment {
	m := &Moment{Positions: view.Positions{Group: w.Resources.Group}, Ledger: w.trouble(err, LedgerSilent)}
	if last != nil {
		*m = *last
		m.Ledger = w.trouble(err, LedgerSilent)
		if last.Ledger != nil {
			m.Ledger.Since = last.Ledger.Since
		}
	}
	m.Asking = false
	m.Pace = maps.Clone(m.Pace)
	return m
}

// The codes of who said nothing in time.
const (
	BrokersSilent = "broker-silent"
	LedgerSilent  = "database-silent"
)

// trouble is an error as it is shown; silent is the code of one that is no answer in time.
func (w *Watcher) trouble(err error, silent string) *Trouble {
	return &Trouble{time.Now(), w.Named(err, silent)}
}

// Named is an error with its code, and its remedy with the file's name.
func (w *Watcher) Named(err error, silent string) *fencepost.UserError {
	if _, ok := errors.AsType[*fencepost.UserError](err); !ok && errors.Is(err, context.DeadlineExceeded) {
		err = &fencepost.UserError{Code: silent, Err: errors.New("no answer in " + text.Duration(w.Timeout)), Help: "fencepost check FILE asks who does not answer"}
	}
	if w.Pointed != nil {
		err = w.Pointed(err)
	}
	out := *codes.Named(err)
	out.Help = codes.Remedy(&out)
	return &out
}
