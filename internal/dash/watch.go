package dash

import (
	"context"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// Pipeline is one pipeline, with its connectors.
type Pipeline = watch.Pipeline

// pace is how fast records are applied and written, a second. Below 0: not known.
type pace = watch.Pace

// signal wakes all who wait for something.
type signal = watch.Signal

// The codes of who said nothing in time.
const (
	brokersSilent = watch.BrokersSilent
	ledgerSilent  = watch.LedgerSilent
)

// The words that the terminal has too.
const unknown = watch.Unknown

var (
	known     = watch.Known
	stateOf   = watch.State
	lagSays   = watch.Lag
	perSecond = watch.PerSecond
	atMost    = watch.AtMost
	ago       = watch.Ago
	ordered   = watch.Ordered
)

// moment is what is known of a pipeline at one time. It is never changed.
type moment watch.Moment

// known reports whether there are positions to show.
func (m *moment) known() bool { return (*watch.Moment)(m).Known() }

// watcher is the reader of one pipeline, of which pages are made.
type watcher struct {
	*watch.Watcher
	timeout time.Duration
	audits  audits

	executing sync.Mutex // held by the plan that is executed
}

func newWatcher(p Pipeline, timeout time.Duration, any *signal) *watcher {
	return &watcher{Watcher: watch.New(p, timeout, any), timeout: timeout}
}

// now is the newest moment, nil before the first, and a channel that is closed by the next.
func (w *watcher) now() (*moment, <-chan struct{}) {
	m, changed := w.Now()
	return (*moment)(m), changed
}

// fresh is the newest moment for a page: one that is older than a look is waited for, but not for long.
func (w *watcher) fresh(ctx context.Context, patience time.Duration) *moment {
	return (*moment)(w.Fresh(ctx, patience))
}

// named is an error with its code, and its remedy with the file's name.
func (w *watcher) named(err error, silent string) *fencepost.UserError { return w.Named(err, silent) }

// notes is what is wrong with what is known of a pipeline.
func (w *watcher) notes(m *moment) (list []notice) {
	for _, n := range w.Notes((*watch.Moment)(m)) {
		list = append(list, notice{map[watch.Grade]string{watch.Amber: "amber", watch.Red: "red"}[n.Grade], n.Code, n.Text, n.Help})
	}
	return list
}

// standing says how many partitions stand still, worst first, and what the others do.
func standing(t view.Totals) (bad []state, rest string) {
	still, others := watch.States(t)
	for _, c := range still {
		bad = append(bad, state{class(c.State), c.String()})
	}
	for _, c := range others {
		if rest != "" {
			rest += ", "
		}
		rest += c.String()
	}
	return bad, rest
}
