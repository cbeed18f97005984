package registry

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// How often a registry is asked about an id that it does not answer. A schema that was just registered may be unknown to a server that
// follows another one, so a single "unknown" proves nothing; and a record must not cost a request each time it is tried.
const (
	silentPause  = time.Second             // behind a registry that did not answer, or did not let us in
	unknownPause = 2500 * time.Millisecond // behind each "unknown", until there are unknownAsks of them
	unknownAsks  = 3                       // so many make a bad record: over 2 pauses, 5 s
	badPause     = 30 * time.Second        // behind the last of them: the schema may be registered while the partition is parked
	mostUnknown  = 10_000                  // ids without a schema that are remembered: a broken producer writes any number of them
)

// AtOnce is a context that has ended: who asks with it for a schema that is not known yet does not wait, and has the answer fetched
// meanwhile. Decoders ask so, since a lane decodes for other partitions too.
var AtOnce = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// cache remembers the schemas of ids, and that there was none. Whoever asks for an id while another does waits for that answer. A
// request belongs to the cache, and not to who asked first: it goes on when that one waits no longer.
//
//	             +--- schema: for ever
//	ask --> fetch+--- unknown: Unready, asked again after a pause ... 3 times: BadRecord, asked again after 30 s
//	             +--- no answer: Unready, asked again after 1 s; a registry that is silent is silent for every id
type cache struct {
	fetch    func(context.Context, ID) (*Schema, error)
	requests context.Context // ends when the cache is closed
	end      context.CancelFunc
	running  sync.WaitGroup

	mu struct {
		sync.Mutex
		known   map[ID]*Schema
		without map[ID]*attempt
		silent  *attempt // what the registry's last silence was; nil: it answered since
	}
}

// attempt is how asking for an id has gone so far.
type attempt struct {
	running chan struct{} // closed when the request that runs has ended; nil: none runs
	until   time.Time     // not asked again before
	err     error         // what those who ask before get
	unknown int           // how often the registry did not know it, one after the other
	since   time.Time     // when it first did not
}

func newCache(fetch func(context.Context, ID) (*Schema, error)) *cache {
	c := &cache{fetch: fetch}
	c.requests, c.end = context.WithCancel(context.Background())
	c.mu.known, c.mu.without = map[ID]*Schema{}, map[ID]*attempt{}
	return c
}

// close ends the requests that run.
func (c *cache) close() {
	c.end()
	c.running.Wait()
}

// schema is the contract of [Schemas].
func (c *cache) schema(ctx context.Context, id ID) (*Schema, error) {
	for {
		known, running, err := c.begin(id)
		if known != nil || err != nil {
			return known, err
		}
		select {
		case <-running:
		case <-ctx.Done():
			return nil, onItsWay(id, running)
		}
	}
}

// onItsWay is the error of somebody who does not wait for a request that runs.
func onItsWay(id ID, running <-chan struct{}) error {
	return &fencepost.Unready{Code: Silent, Reason: id.String() + ": the schema registry has not answered yet", Await: func(ctx context.Context) {
		select {
		case <-running:
		case <-ctx.Done():
		}
	}}
}

// begin looks an id up. It returns its schema, or the error that holds at present, or what is closed when the request ends that runs:
// one that it began, or that of somebody else.
func (c *cache) begin(id ID) (*Schema, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.mu.known[id]; s != nil {
		return s, nil, nil
	}
	now := time.Now()
	a := c.mu.without[id]
	switch {
	case a != nil && a.running != nil:
		return nil, a.running, nil
	case a != nil && now.Before(a.until):
		return nil, nil, a.err
	case c.mu.silent != nil && now.Before(c.mu.silent.until):
		return nil, nil, c.mu.silent.err
	case a == nil:
		a = &attempt{}
		c.forget(now)
		c.mu.without[id] = a
	}
	running := make(chan struct{})
	a.running = running
	c.running.Go(func() { c.run(id) })
	return nil, running, nil
}

// forget makes room for one more id without a schema. REQUIRES: c.mu is held.
func (c *cache) forget(now time.Time) {
	if len(c.mu.without) < mostUnknown {
		return
	}
	for id, a := range c.mu.without {
		if a.running == nil && now.After(a.until) {
			delete(c.mu.without, id)
		}
	}
	for id, a := range c.mu.without { // all of them within their pause: any one goes
		if len(c.mu.without) < mostUnknown {
			return
		}
		if a.running == nil {
			delete(c.mu.without, id)
		}
	}
}

// run asks the registry, as the attempt that begin began.
func (c *cache) run(id ID) {
	schema, err := c.fetch(c.requests, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.mu.without[id]
	close(a.running)
	a.running = nil
	if err != nil {
		c.note(a, id, err)
		return
	}
	c.mu.known[id] = schema
	c.mu.silent = nil
	delete(c.mu.without, id)
}

// note makes of an answer what those who ask are told for a while. REQUIRES: c.mu is held.
func (c *cache) note(a *attempt, id ID, err error) {
	now := time.Now()
	got, ok := errors.AsType[*answer](err)
	switch {
	case !ok: // what the registry holds under the id can never be used
		a.err, a.until = bad("%s: %v", id, err), now.Add(badPause)
	case got.code != Unknown:
		a.err, a.until, a.unknown = got.notYet(id.String()+": "), now.Add(silentPause), 0
		c.mu.silent = nil
		if got.code == Silent && !got.answered() {
			c.mu.silent = &attempt{err: got.notYet(""), until: a.until}
		}
	default:
		c.mu.silent = nil
		if a.unknown++; a.unknown == 1 {
			a.since = now
		}
		a.err, a.until = got.notYet(id.String()+", which is asked for again: "), now.Add(unknownPause)
		if a.unknown >= unknownAsks {
			a.err, a.until = &fencepost.BadRecord{Code: Unknown, Reason: id.String() + ": " + got.Error() +
				", asked " + text.Plural(a.unknown, "time") + " within " + text.Duration(now.Sub(a.since))}, now.Add(badPause)
		}
	}
}
