package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// grace is how long a call may take to return once its context has ended. Nothing waits longer for one that does not follow
// its context: a user's handler, a driver that hangs.
const grace = time.Second

// errHangs: a call whose context ended has not returned.
var errHangs = errors.New("does not end")

// crew is the goroutines of a run, by what they do, so that a caller that waits for them can name those that do not end.
type crew struct {
	mu struct {
		sync.Mutex
		busy  map[string]int // :: what -> goroutines that do it
		ended chan struct{}  // closed when one ends; nil: no caller waits
	}
}

// start runs f in a goroutine of its own.
func (c *crew) start(what string, f func()) {
	c.mu.Lock()
	if c.mu.busy == nil {
		c.mu.busy = map[string]int{}
	}
	c.mu.busy[what]++
	c.mu.Unlock()
	go func() {
		defer c.end(what)
		f()
	}()
}

func (c *crew) end(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.busy[what]--; c.mu.busy[what] == 0 {
		delete(c.mu.busy, what)
	}
	if c.mu.ended != nil {
		close(c.mu.ended)
		c.mu.ended = nil
	}
}

// wait returns once all goroutines have ended, or with what is still going on, in order, when ctx ends.
func (c *crew) wait(ctx context.Context) []string {
	for {
		c.mu.Lock()
		if c.mu.ended == nil {
			c.mu.ended = make(chan struct{})
		}
		left, ended := make([]string, 0, len(c.mu.busy)), c.mu.ended
		for what := range c.mu.busy {
			left = append(left, what)
		}
		c.mu.Unlock()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			slices.Sort(left)
			return left
		}
	}
}

// answer is what a call returned.
type answer[T any] struct {
	value T
	err   error
}

// call runs f, and gives up on it when it has not returned by after ctx ended. The goroutine of a call that was given up
// stays in the crew until it returns, and what it then returns is dropped.
func call[T any](ctx context.Context, c *crew, by time.Duration, what string, f func(context.Context) (T, error)) (T, error) {
	done := make(chan answer[T], 1)
	c.start(what, func() {
		v, err := f(ctx)
		done <- answer[T]{v, err}
	})
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
	}
	late := time.NewTimer(by)
	defer late.Stop()
	select {
	case a := <-done:
		return a.value, a.err
	case <-late.C:
		var none T
		return none, fmt.Errorf("%s %w: %w", what, errHangs, context.Cause(ctx))
	}
}

// only is a call that returns nothing but an error.
func only(f func(context.Context) error) func(context.Context) (struct{}, error) {
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) }
}
