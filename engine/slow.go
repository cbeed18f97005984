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
	lane  *lane
	rows  int
	began time.Time
	mu    struct {
		sync.Mutex
		timer *time.Timer
		wait  sink.Wait // what it waited for, as far as the store showed it
		told  bool      // it was reported
		ended bool
	}
}

// watchSlow reports the commit of w once it has taken slowAfter, and again at growing intervals, with what it waits for if the
// sink knows it.
func (l *lane) watchSlow(ctx context.Context, w *work) *slowCommit {
	s := &slowCommit{lane: l, rows: w.batch.Rows(), began: time.Now()}
	s.reportAfter(ctx, slowAfter)
	return s
}

// reportAfter has the commit reported after pause, unless it has ended.
func (s *slowCommit) reportAfter(ctx context.Context, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.ended {
		s.mu.timer = time.AfterFunc(pause, func() {
			s.lane.e.others.start("ask what a commit waits for", func() { s.report(ctx, pause) })
		})
	}
}

// report reports the commit if it still goes on, and has it reported again after twice the pause.
func (s *slowCommit) report(ctx context.Context, pause time.Duration) {
	l := s.lane
	wait := l.explain(ctx)
	if !s.see(wait) {
		return
	}
	l.e.emit(Slow{Lane: l.number, Rows: s.rows, For: time.Since(s.began), Wait: wait})
	s.reportAfter(ctx, longer(pause, slowAfter, mostBetween))
}

// see notes what the commit waits for. False: it has ended.
func (s *slowCommit) see(wait sink.Wait) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.ended {
		return false
	}
	s.mu.told = true
	if s.mu.wait = wait; wait.Locks {
		s.lane.setWaits(true)
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
	s.mu.Lock()
	s.mu.timer.Stop()
	s.mu.ended = true
	wait, told := s.mu.wait, s.mu.told
	s.mu.Unlock()
	if told {
		s.lane.e.emit(Slow{Lane: s.lane.number, Rows: s.rows, For: time.Since(s.began), Wait: wait, Ended: true})
	}
	return wait
}
