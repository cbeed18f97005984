package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
)

// stuck is what the loops of a worker hang in.
func stuck(wk *worker) (what []string) {
	for _, s := range wk.engine().Stuck() {
		what = append(what, s.What)
	}
	return what
}

// TestLoopsThatTurnAreNotStuck: no loop hangs in a run that has nothing to do, in one whose store is away, and in one whose commits are given
// up again and again: a restart would mend none of them.
func TestLoopsThatTurnAreNotStuck(t *testing.T) {
	for name, hook := range map[string]memory.Hook{
		"nothing to do": func(context.Context, memory.Point) error { return nil },
		"the store is away": func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply {
				return &fencepost.UserError{Code: "database-silent", Err: errors.New("refused"), Passing: true}
			}
			return nil
		},
		"commits have no answer": hangs(memory.BeforeApply, false, nil),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
				wk := w.run(s, func(c *Config) { c.Drain, c.Memory = time.Second, 1 }) // what is read fills the memory
				synctest.Wait()
				wk.source.assign(tp(0), tp(1))
				time.Sleep(time.Second)
				s.SetHook(hook)
				if name != "nothing to do" {
					w.produce(tp(0), 100)
				}
				for range 60 {
					time.Sleep(10 * time.Second)
					if what := stuck(wk); what != nil {
						t.Fatalf("stuck: %v", what)
					}
				}
				s.SetHook(nil)
				_ = wk.end() // a commit may be cut short: that is not looked at here
				if what := stuck(wk); what != nil {
					t.Errorf("stuck after the run: %v", what)
				}
			})
		})
	}
}

// TestAHangingCommitIsStuck: a commit that does not follow its context is found once its time and a minute have passed, and by the lane's
// name; the poll goes on.
func TestAHangingCommitIsStuck(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		let := make(chan struct{})
		wk := w.run(s, func(c *Config) { c.CommitTimeout, c.Drain = 20*time.Second, time.Second })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		s.SetHook(hangs(memory.BeforeApply, true, let))
		w.produce(tp(0), 4)
		time.Sleep(79 * time.Second)
		if what := stuck(wk); what != nil {
			t.Errorf("stuck after 79 s: %v, and a commit has 20 s and a minute", what)
		}
		time.Sleep(2 * time.Second)
		if what := stuck(wk); len(what) != 1 || what[0] != "commit of lane 0" {
			t.Errorf("stuck after 81 s: %v, want the commit of lane 0", what)
		}
		close(let)
		time.Sleep(time.Second)
		if what := stuck(wk); what != nil {
			t.Errorf("stuck once the commit went on: %v", what)
		}
		s.SetHook(nil)
		_ = wk.end()
	})
}

// TestAHangingPollIsStuck: a poll that does not come back is found, though no record is missed.
func TestAHangingPollIsStuck(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, func(c *Config) { c.Drain = time.Second })
		synctest.Wait()
		wk.source.polling = make(chan struct{})
		wk.source.assign(tp(0))
		time.Sleep(2 * time.Minute)
		if what := stuck(wk); len(what) != 1 || what[0] != "poll" {
			t.Errorf("stuck after two minutes in one poll: %v, want the poll", what)
		}
		close(wk.source.polling)
		time.Sleep(10 * time.Second)
		if what := stuck(wk); what != nil {
			t.Errorf("stuck once the poll came back: %v", what)
		}
		_ = wk.end()
	})
}
