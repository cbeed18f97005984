package dash

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/internal/watch"
)

// Config is what a dashboard shows.
type Config struct {
	Pipelines []Pipeline
	Version   string
	NoRecords bool          // no record, key or header is shown
	Timeout   time.Duration // how long ledger and brokers may take to answer; 0: 10 s

	Tokens  *listen.Tokens         // of who may sign in; nil: nobody does, and nothing is changed
	Private bool                   // also who only looks has to sign in, and other machines may ask. REQUIRES: Tokens
	Changes bool                   // who has signed in may change positions and letters. REQUIRES: Tokens
	Says    func(who, what string) // is told who did what; nil: nobody is
}

// Dashboard answers the pages.
type Dashboard struct {
	cfg      Config
	watchers []*watcher                   // in the order of Config.Pipelines
	byGroup  map[fencepost.Group]*watcher // the first of each group
	streams  chan struct{}                // has a place for each that may be open
	held     holders
	asking   chan struct{} // has a place for each request that may ask ledger or brokers
	any      *signal       // of every moment of every watcher
	access   *access
	plans    plans
	jobs     chan func(context.Context) // what is done beside the pages: Run runs them, and waits for them
	handler  http.Handler
}

const (
	mostStreams = 64
	mostAsking  = 4
)

// New makes a dashboard. Run has to be called for it to learn anything.
func New(cfg Config) *Dashboard {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	d := &Dashboard{cfg: cfg, byGroup: map[fencepost.Group]*watcher{}, streams: make(chan struct{}, mostStreams), asking: make(chan struct{}, mostAsking), any: watch.NewSignal(),
		access: newAccess(cfg.Tokens), jobs: make(chan func(context.Context))}
	for _, p := range cfg.Pipelines {
		w := newWatcher(p, cfg.Timeout, d.any)
		d.watchers = append(d.watchers, w)
		if d.byGroup[p.Resources.Group] == nil {
			d.byGroup[p.Resources.Group] = w
		}
	}
	d.handler = d.secured(http.HandlerFunc(d.route))
	if !cfg.Private {
		d.handler = listen.FromHere(d.handler)
	}
	return d
}

// Run looks at the pipelines, and does what pages begin, until ctx ends. What has begun then is brought to an end.
func (d *Dashboard) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, w := range d.watchers {
		wg.Go(func() { w.Run(ctx) })
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case job := <-d.jobs:
			wg.Go(func() { job(ctx) })
		}
	}
	wg.Wait()
}

// ServeHTTP answers a request.
func (d *Dashboard) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	d.handler.ServeHTTP(out, in)
}

// Changes reports whether who has signed in may change something.
func (d *Dashboard) Changes() bool { return d.cfg.Changes }
