package webhook

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/webhook/news"
)

// Config is where news goes, and which.
type Config struct {
	URL     func() (string, error) // it may hold a secret, and be another one later
	Secret  func() (string, error) // whsec_ and base64, or any text; empty: nothing is signed
	On      []news.Kind
	Lag     int64         // records; 0: no lag is news
	Timeout time.Duration // of each POST
	Group   fencepost.Group
	Worker  string      // pid@host
	Failed  func(error) // receives the first of failures that follow each other; it must not block
}

const (
	// most is how many events wait at most, and how many one POST has.
	most, mostInOne = 1000, 100
	// gather is how long the first of them waits for others.
	gather = 500 * time.Millisecond
	// closing is how long the end of a run waits for what is not sent yet.
	closing = 5 * time.Second
)

// Hook tells one URL of one worker. Its methods may be called by any goroutine, Event by one at a time.
type Hook struct {
	cfg  Config
	lag  lagging // touched by Event alone
	post poster
	some chan struct{} // something waits; capacity 1
	stop context.CancelFunc
	over chan struct{} // closed by Close: what waits is sent now
	once sync.Once
	done chan struct{}

	mu struct {
		sync.Mutex
		waits []any
		left  int // events above most
	}
}

// New makes a Hook. The caller closes it.
func New(cfg Config) *Hook {
	ctx, stop := context.WithCancel(context.Background())
	h := &Hook{cfg: cfg, post: newPoster(cfg), some: make(chan struct{}, 1), stop: stop, over: make(chan struct{}), done: make(chan struct{})}
	go h.run(ctx)
	return h
}

// Event takes one event of the engine, and keeps nothing of it.
func (h *Hook) Event(e engine.Event) {
	now := time.Now()
	if p, is := e.(engine.Progress); is {
		if slices.Contains(h.cfg.On, news.Lag) && h.lag.next(p.Status, h.cfg.Lag) {
			h.add(h.eventLag(now, p.Status))
		}
		return
	}
	if k := kindOf(e); k != "" && slices.Contains(h.cfg.On, k) {
		h.add(view.NewEvent(now, h.cfg.Group, h.cfg.Worker, e))
	}
}

func (h *Hook) add(one any) {
	h.mu.Lock()
	if len(h.mu.waits) < most {
		h.mu.waits = append(h.mu.waits, one)
	} else {
		h.mu.left++
	}
	h.mu.Unlock()
	select {
	case h.some <- struct{}{}:
	default:
	}
}

// take takes what one POST has: nil, nothing waits.
func (h *Hook) take() *Body {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.mu.waits) == 0 {
		return nil
	}
	n := min(mostInOne, len(h.mu.waits))
	b := &Body{Format: 1, Group: h.cfg.Group, Worker: h.cfg.Worker, Events: slices.Clone(h.mu.waits[:n])}
	if h.mu.waits = slices.Delete(h.mu.waits, 0, n); len(h.mu.waits) == 0 {
		b.LeftOut, h.mu.left = h.mu.left, 0
	}
	return b
}

// Body is what one POST has.
type Body struct {
	Format  int             `json:"format"` // 1: within it names only grow
	Group   fencepost.Group `json:"group"`
	Worker  string          `json:"worker"`
	Events  []any           `json:"events"`   // as docs/reference/events.md has them, oldest first
	LeftOut int             `json:"left_out"` // later ones that were too many to keep
}

func (h *Hook) run(ctx context.Context) {
	defer close(h.done)
	for {
		select {
		case <-h.some:
		case <-h.over:
			h.sendAll(ctx)
			return
		}
		rest(h.over, gather)
		h.sendAll(ctx)
	}
}

func (h *Hook) sendAll(ctx context.Context) {
	for ctx.Err() == nil {
		b := h.take()
		if b == nil {
			return
		}
		h.post.send(ctx, b, h.over)
	}
}

// Close sends what waits, within 5 s.
func (h *Hook) Close() {
	h.once.Do(func() { close(h.over) })
	t := time.NewTimer(closing)
	defer t.Stop()
	select {
	case <-h.done:
	case <-t.C:
	}
	h.stop()
	<-h.done
}
