package engine

import (
	"context"
	"sync"
	"time"

	"github.com/fencepost/fencepost/sink"
)

// slowAfter is how long a commit may take before the run reports it.
const slowAfter = 5 * time.Second

// slowCommit is a commit under way that is reported if it takes long.
type slowCommit struct {
	timer *time.Timer
	mu    struct {
		sync.Mutex
		wait  sink.Wait // what it waited for, as far as the store showed it
		ended bool
	}
}

// watchSlow reports the commit of w once it has taken slowAfter, with what it waits for if the sink knows it.
func (l *lane) watchSlow(ctx context.Context, w *work) *slowCommit {
	s := &slowCommit{}
	rows := w.rows()
	s.timer = time.AfterFunc(slowAfter, func() {
		l.e.others.start("ask what a commit waits for", func() {
			wait := l.explain(ctx)
			if !s.see(wait, l) {
				return
			}
			l.e.emit(Slow{Lane: l.number, Rows: rows, For: slowAfter, Wait: wait})
		})
	})
	return s
}

// see notes what the commit of l waits for. False: it has ended.
func (s *slowCommit) see(wait sink.Wait, l *lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.ended {
		return false
	}
	if s.mu.wait = wait; wait.Locks {
		l.setWaits(true)
	}
	return true
}

// explain asks the sink what the lane's commit waits for.
func (l *lane) explain(ctx context.Context) sink.Wait {
	if l.explainer == nil {
		return sink.Wait{}
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	wait, err := l.explainer.Explain(ctx)
	if err != nil && ctx.Err() == nil {
		wait.Text = "what it waits for is not known: " + err.Error()
	}
	return wait
}

// end ends the watch, and returns what the commit was seen to wait for.
func (s *slowCommit) end() sink.Wait {
	s.timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.ended = true
	return s.mu.wait
}
