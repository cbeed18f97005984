package dash

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
	eachLook   = time.Second      // while a page is open
	eachSample = 10 * time.Second // while none is
	eachLosses = time.Minute      // the history is read so often
	lookShare  = 10               // a look that takes long is made so seldom that it takes this part of the time at most
	retryFor   = 3 * time.Second  // how long brokers that were silent may take to answer
	lossesFor  = 7 * 24 * time.Hour
)

// moment is what is known of a pipeline at one time. It is never changed.
type moment struct {
	View      admin.View
	Positions view.Positions
	Pace      map[fencepost.TopicPartition]pace
	Day, Week *view.Moves // that passed records unapplied; nil: it is not known
	Asking    bool        // brokers were not heard yet, and have not failed
	Brokers   *trouble    // nil: they answer
	Ledger    *trouble    // nil: it answers; else all of this is of the time before
}

// trouble is who does not answer, since when, and what was said.
type trouble struct {
	Since time.Time
	Fault *fencepost.UserError
}

// known reports whether there are positions to show.
func (m *moment) known() bool { return m != nil && !m.Positions.Time.IsZero() }

// watcher looks at one pipeline, and keeps the newest moment.
type watcher struct {
	Pipeline
	timeout time.Duration
	wake    chan struct{} // has room for one
	paces   paces         // of run alone
	any     *signal       // of the moments of all watchers
	losses  time.Time     // when they were read; of run alone
	audits  audits

	executing sync.Mutex // held by the plan that is executed

	mu struct {
		sync.Mutex
		moment  *moment
		changed chan struct{} // closed by the next moment
		open    int           // pages
	}
}

func newWatcher(p Pipeline, timeout time.Duration, any *signal) *watcher {
	w := &watcher{Pipeline: p, timeout: timeout, any: any, wake: make(chan struct{}, 1)}
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

// now is the newest moment, nil before the first, and a channel that is closed by the next.
func (w *watcher) now() (*moment, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.moment, w.mu.changed
}

func (w *watcher) publish(m *moment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.moment = m
	close(w.mu.changed)
	w.mu.changed = make(chan struct{})
	w.any.fire()
}

// signal wakes all who wait for something.
type signal struct {
	mu struct {
		sync.Mutex
		fired chan struct{}
	}
}

func newSignal() *signal {
	s := &signal{}
	s.mu.fired = make(chan struct{})
	return s
}

// next is closed when it is fired next.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.fired
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.mu.fired)
	s.mu.fired = make(chan struct{})
}

// openPage says that a page is open until done is called.
func (w *watcher) openPage() (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.open++
	w.hurry()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mu.open--
	}
}

func (w *watcher) pages() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.open
}

// hurry asks for a look now.
func (w *watcher) hurry() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// fresh is the newest moment for a page: one that is older than a look is waited for, but not for long.
func (w *watcher) fresh(ctx context.Context, patience time.Duration) *moment {
	m, changed := w.now()
	if m.known() && time.Since(m.Positions.Time.Time) < 2*eachLook {
		return m
	}
	w.hurry()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		select {
		case <-ctx.Done():
			return m
		case <-enough.C:
			return m
		case <-changed:
			if m, changed = w.now(); m.known() && !m.Asking {
				return m
			}
		}
	}
}

// run looks until ctx ends.
func (w *watcher) run(ctx context.Context) {
	for {
		began := time.Now()
		w.look(ctx)
		took := time.Since(began)
		wait := eachSample
		if w.pages() > 0 {
			wait = min(max(eachLook-took, lookShare*took), eachSample)
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

// look asks ledger and brokers, and publishes what they say. Before the brokers have ever answered, and while they are silent, what the
// ledger says is published first.
func (w *watcher) look(ctx context.Context) {
	last, _ := w.now()
	patience := w.timeout
	if last == nil || last.Brokers != nil || last.Asking {
		m, err := w.lookOnce(ctx, w.Resources.WithoutBrokers(), w.timeout)
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
			m.Brokers, patience = last.Brokers, min(retryFor, w.timeout)
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
	silent, ledgerErr := w.lookOnce(ctx, w.Resources.WithoutBrokers(), w.timeout)
	switch {
	case ctx.Err() != nil:
	case ledgerErr != nil:
		w.publish(w.without(last, ledgerErr))
	default:
		w.carry(ctx, silent, last)
		silent.Brokers = w.trouble(err, brokersSilent)
		if last != nil && last.Brokers != nil {
			silent.Brokers.Since = last.Brokers.Since
		}
		w.publish(silent)
	}
}

// lookOnce is one look with some resources.
func (w *watcher) lookOnce(ctx context.Context, r admin.Resources, patience time.Duration) (*moment, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := admin.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	m := &moment{View: v, Positions: view.NewPositions(v, w.Resources.Where, "")}
	m.Positions.CountLetters(admin.LetterCount(ctx, r))
	return m, nil
}

// carry adds what is not asked for at every look: losses, and paces.
func (w *watcher) carry(ctx context.Context, m, last *moment) {
	if last != nil {
		m.Day, m.Week = last.Day, last.Week
	}
	if time.Since(w.losses) > eachLosses {
		w.readLosses(ctx, m)
	}
	m.Pace = make(map[fencepost.TopicPartition]pace, len(m.Positions.Positions))
	for _, s := range m.Positions.Positions {
		tp := fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}
		m.Pace[tp] = w.paces.of(tp)
	}
}

// readLosses reads which moves passed records. What the ledger does not say is not known.
func (w *watcher) readLosses(ctx context.Context, m *moment) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
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
func (w *watcher) without(last *moment, err error) *moment {
	m := &moment{Positions: view.Positions{Group: w.Resources.Group}, Ledger: w.trouble(err, ledgerSilent)}
	if last != nil {
		*m = *last
		m.Ledger = w.trouble(err, ledgerSilent)
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
	brokersSilent = "broker-silent"
	ledgerSilent  = "database-silent"
)

// trouble is an error as it is shown; silent is the code of one that is no answer in time.
func (w *watcher) trouble(err error, silent string) *trouble {
	return &trouble{time.Now(), w.named(err, silent)}
}

// named is an error with its code, and its remedy with the file's name.
func (w *watcher) named(err error, silent string) *fencepost.UserError {
	if _, ok := errors.AsType[*fencepost.UserError](err); !ok && errors.Is(err, context.DeadlineExceeded) {
		err = &fencepost.UserError{Code: silent, Err: errors.New("no answer in " + text.Duration(w.timeout)), Help: "fencepost check FILE asks who does not answer"}
	}
	if w.Pointed != nil {
		err = w.Pointed(err)
	}
	out := *codes.Named(err)
	out.Help = codes.Remedy(&out)
	return &out
}
