package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
)

// TestAStartWaits: what does not answer is waited for as long as Config.StartWait says, whatever the server says of itself; what waiting
// does not mend ends the start at once, also behind what it waited for.
func TestAStartWaits(t *testing.T) {
	away := &fencepost.UserError{Code: "database-silent", Err: errors.New("connection refused"), Passing: true}
	starts := &fencepost.UserError{Code: "database-starting", Err: errors.New("starting up"), Passing: true, Soon: true}
	denied := &fencepost.UserError{Code: "database-denied", Err: errors.New("password authentication failed"), Mendable: true}
	for name, c := range map[string]struct {
		err   error
		then  error // after 30 s
		wait  time.Duration
		after time.Duration // when it is looked at
		runs  bool
		code  string // of the error that ended it; empty: it waits, or runs
	}{
		"away for 30 s, and 5m to wait":    {err: away, wait: 5 * time.Minute, after: 40 * time.Second, runs: true},
		"away, and 5m to wait":             {err: away, then: away, wait: 5 * time.Minute, after: 4 * time.Minute},
		"away for longer":                  {err: away, then: away, wait: 5 * time.Minute, after: 6 * time.Minute, code: "database-silent"},
		"starts for longer":                {err: starts, then: starts, wait: time.Minute, after: 2 * time.Minute, code: "database-starting"},
		"no answer in its time":            {err: context.DeadlineExceeded, wait: time.Minute, after: 40 * time.Second, runs: true},
		"a wrong password":                 {err: denied, wait: time.Minute, after: time.Second, code: "database-denied"},
		"a wrong password, behind silence": {err: away, then: denied, wait: 5 * time.Minute, after: 40 * time.Second, code: "database-denied"},
		"away, and nothing to wait":        {err: away, wait: -1, after: time.Second, code: "database-silent"},
		"starts, and nothing to wait":      {err: starts, wait: -1, after: time.Second, code: "database-starting"},
		"starts, as an engine by itself":   {err: starts, after: 40 * time.Second, runs: true},
		"away, as an engine by itself":     {err: away, after: time.Second, code: "database-silent"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				began := time.Now()
				s.SetHook(func(context.Context, memory.Point) error {
					if time.Since(began) < 30*time.Second {
						return c.err
					}
					return c.then
				})
				wk := w.run(s, func(cfg *Config) { cfg.StartWait = c.wait })
				time.Sleep(c.after)
				if ended := wk.over(); ended != (c.code != "") {
					t.Errorf("after %s the start has ended: %t", c.after, ended)
				}
				if opened := len(seen[Opened](wk)) == 1; opened != c.runs {
					t.Errorf("after %s it has opened: %t", c.after, opened)
				}
				if err := wk.end(); codeOf(err) != c.code {
					t.Errorf("it ended with %v, want the code %q", err, c.code)
				}
			})
		})
	}
}

// TestAStartSaysWhatItWaitsFor: at once, again at growing intervals, at once where it is something else; how long still; and, at its end,
// for how long it has waited.
func TestAStartSaysWhatItWaitsFor(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		began := time.Now()
		s.SetHook(func(context.Context, memory.Point) error {
			if time.Since(began) < time.Minute {
				return &fencepost.UserError{Code: "database-silent", Err: errors.New("connection refused"), Passing: true}
			}
			return &fencepost.UserError{Code: "database-starting", Err: errors.New("starting up"), Passing: true, Soon: true}
		})
		wk := w.run(s, func(cfg *Config) { cfg.StartWait = 5 * time.Minute })
		time.Sleep(time.Second)
		if said := seen[Retrying](wk); len(said) != 1 || said[0].What != "open" || codeOf(said[0].Err) != "database-silent" || said[0].Left != 5*time.Minute {
			t.Errorf("said after a second: %+v, want the silence once, and 5m left", said)
		}
		time.Sleep(58 * time.Second)
		if n := len(seen[Retrying](wk)); n < 3 || n > 6 {
			t.Errorf("said %d times in a minute of the same, want it now and then", n)
		}
		before := len(seen[Retrying](wk))
		time.Sleep(10 * time.Second)
		if said := seen[Retrying](wk)[before:]; len(said) == 0 || codeOf(said[0].Err) != "database-starting" || said[0].Left > 4*time.Minute {
			t.Errorf("said when it was something else: %+v", said)
		}
		time.Sleep(5 * time.Minute)
		if !wk.over() {
			t.Error("it waits for longer than it may")
		}
		if err := wk.end(); err == nil || !strings.Contains(err.Error(), "starting up (waited for 5m0s)") {
			t.Errorf("it ended with %v, want for how long it has waited", err)
		}
	})
}
