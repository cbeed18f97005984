package quickstart

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
)

// crew is the workers of one run, and what kills them. One goroutine, that of run, owns all its state; the workers'
// goroutines only report.
//
//	started --- joined, given partitions --- commits --- every partition at its end --- exit 0
//	   ^                                        |
//	   |                                     kill -9
//	   +---- the next life <--- evicted from the group, log read to its end: was it at work?
type crew struct {
	program Program  // that starts a worker
	strikes []strike // still to come
	ends    map[int32]int64
	evict   func(ctx context.Context, member string) error
	show    shower        // called by the goroutine of run
	grace   time.Duration // how long a worker that was asked to end may take. Zero: 5s

	reports chan report
	running sync.WaitGroup
	lives   []*worker // :: number-1 -> the present life; nil once the last one has ended well

	committed map[int32]int64 // :: partition -> until
	total     int64           // of all ends
	kills     []*kill
	told      int       // how many of kills were shown
	due       time.Time // when the next strike falls; zero: its place is not reached
	moved     time.Time // when something was last committed
}

// kill is one strike as it fell.
type kill struct {
	worker, pid int
	at          time.Time
	rows        int64         // committed by then, as far as the workers had reported
	back        time.Duration // until the next life was given partitions, or ended with nothing left to do
	hit         bool          // the worker was at work

	stood map[int32]int64 // :: partition it held -> committed at its death
}

// shower receives what the screen shows.
type shower interface {
	killed(*kill)
	progress(done, total int64, kills int)
}

const (
	// recent is how long ago a worker at work has last committed, at most. A batch takes about 0.1s.
	recent = time.Second
	// patience is how long a strike waits for its victim to be at work before it takes another one.
	patience = 500 * time.Millisecond
	// stall is how long nothing may be committed before the run is given up.
	stall = 30 * time.Second
)

// run starts the workers, kills them as planned, and returns when all have reached the end, or ctx ended, with no
// process of its own left.
func (c *crew) run(ctx context.Context, workers int) error {
	c.reports = make(chan report, 1024)
	c.lives = make([]*worker, workers)
	c.committed = map[int32]int64{}
	c.moved = time.Now()
	for _, end := range c.ends {
		c.total += end
	}
	err := c.work(ctx)
	return errors.Join(err, c.stop())
}

func (c *crew) work(ctx context.Context) error {
	for n := range c.lives {
		if err := c.begin(n + 1); err != nil {
			return err
		}
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for c.alive() > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case r := <-c.reports:
			if err := c.hear(ctx, r); err != nil {
				return err
			}
		case now := <-tick.C:
			c.show.progress(c.done(), c.total, len(c.kills))
			if now.Sub(c.moved) > stall {
				return c.stalled()
			}
		}
		if err := c.strike(time.Now()); err != nil {
			return err
		}
	}
	c.tell()
	return nil
}

func (c *crew) begin(number int) error {
	w, err := start(number, c.program, c.reports, &c.running)
	if err != nil {
		return err
	}
	c.lives[number-1] = w
	return nil
}

// alive counts the workers that have not ended well.
func (c *crew) alive() (n int) {
	for _, w := range c.lives {
		if w != nil {
			n++
		}
	}
	return n
}

// done is how many offsets are committed.
func (c *crew) done() (n int64) {
	for _, until := range c.committed {
		n += until
	}
	return n
}

// hear takes a report in.
func (c *crew) hear(ctx context.Context, r report) error {
	if r.state != nil {
		return c.ended(ctx, r)
	}
	w, l := r.worker, r.line
	switch l.Msg {
	case "group joined":
		w.member = l.Member
	case "partitions assigned":
		for _, p := range l.held() {
			w.held[p] = true
		}
		c.back(w)
	case "partitions revoked", "partitions lost":
		for _, p := range l.held() {
			delete(w.held, p)
		}
	case "batch committed":
		w.last, c.moved = time.Now(), time.Now()
		for _, s := range l.Segments {
			w.held[s.Partition] = true
			c.committed[s.Partition] = max(c.committed[s.Partition], s.Until)
		}
		c.back(w)
	}
	w.complain = cmp.Or(l.complaint(), w.complain)
	if strings.Contains(l.Error, "no space left") {
		// The worker waits for space; an observer should not.
		return &fencepost.UserError{Code: "disk-full", Err: fmt.Errorf("worker %d: %s", w.number, l.Error),
			Help: "free space, or --dir with a folder on another disk"}
	}
	return nil
}

// back notes that a worker that was killed is there again.
func (c *crew) back(w *worker) {
	if len(w.held) == 0 {
		return
	}
	for _, k := range c.kills {
		if k.worker == w.number && k.back == 0 && k.pid != w.pid && !k.at.After(w.began) {
			k.back = time.Since(k.at)
		}
	}
	c.tell()
}

// tell shows the kills in their order, each once its worker is back.
func (c *crew) tell() {
	for ; c.told < len(c.kills) && c.kills[c.told].back > 0; c.told++ {
		c.show.killed(c.kills[c.told])
	}
}

// strike kills the next victim once its place is reached.
func (c *crew) strike(now time.Time) error {
	if len(c.strikes) == 0 || c.done() < c.strikes[0].At {
		return nil
	}
	s := c.strikes[0]
	if c.due.IsZero() {
		c.due = now.Add(s.After)
	}
	if now.Before(c.due) {
		return nil
	}
	w := c.victim(s.Victim, now, now.Sub(c.due) > patience)
	if w == nil {
		return nil
	}
	k := &kill{worker: w.number, pid: w.pid, at: now, rows: c.done()}
	if err := w.process.Kill(); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return nil // its end is in the report
		}
		return fmt.Errorf("kill worker %d: %w", w.number, err)
	}
	w.kill, c.kills = k, append(c.kills, k)
	c.strikes, c.due = c.strikes[1:], time.Time{}
	return nil
}

// victim is the planned worker if it is at work, or the next one behind it that is, where that has nothing left to do.
// For one that is not back yet it waits: nil, unless it is late.
func (c *crew) victim(number int, now time.Time, late bool) *worker {
	for i := range c.lives {
		w := c.lives[(number-1+i)%len(c.lives)]
		switch {
		case w == nil || c.idle(w):
		case w.kill == nil && c.atWork(w, now):
			return w
		case !late:
			return nil
		}
	}
	return nil
}

// atWork reports whether a worker committed lately and has more to do.
func (c *crew) atWork(w *worker, now time.Time) bool {
	return !w.last.IsZero() && now.Sub(w.last) <= recent && c.left(w)
}

// idle reports whether a worker was given partitions and has nothing left to do in them.
func (c *crew) idle(w *worker) bool { return w.kill == nil && len(w.held) > 0 && !c.left(w) }

// left reports whether a partition that the worker holds is not at its end.
func (c *crew) left(w *worker) bool {
	for p := range w.held {
		if c.committed[p] < c.ends[p] {
			return true
		}
	}
	return false
}

// ended takes the end of a worker in. All that it had written to its log was read before.
func (c *crew) ended(ctx context.Context, r report) error {
	w := r.worker
	w.ended = true
	switch {
	case w.kill != nil:
		w.kill.hit = wasKilled(r.state) && c.atWork(w, w.kill.at)
		w.kill.stood = map[int32]int64{}
		for p := range w.held {
			w.kill.stood[p] = c.committed[p]
		}
		if w.member != "" {
			evicting, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			if err := c.evict(evicting, w.member); err != nil {
				return fmt.Errorf("evict worker %d: %w", w.number, err)
			}
		}
		return c.begin(w.number)
	case r.state.Success():
		c.lives[w.number-1] = nil
		for _, k := range c.kills {
			if k.worker == w.number && k.back == 0 {
				k.back = time.Since(k.at)
			}
		}
		return nil
	}
	return &fencepost.UserError{Code: "worker-failed", Help: "the same by hand: " + c.program.String(),
		Err: fmt.Errorf("worker %d (pid %d) ended with %s: %s", w.number, w.pid, r.state, cmp.Or(w.complain, "it said nothing"))}
}

// stalled says what the workers say when they commit nothing any more.
func (c *crew) stalled() error {
	says := "the workers say nothing"
	for _, w := range c.lives {
		if w != nil && w.complain != "" {
			says = fmt.Sprintf("worker %d says: %s", w.number, w.complain)
		}
	}
	return &fencepost.UserError{Code: "workers-stalled", Err: fmt.Errorf("nothing was committed for %s; %s", stall, says),
		Help: "run it again on a machine that is less busy, or with --dir on a faster disk"}
}

// stop ends what is left of the workers, by pid, and waits for all of them.
func (c *crew) stop() error {
	for _, w := range c.lives {
		if w != nil && !w.ended && w.kill == nil {
			if err := askToEnd(w.process); err != nil && !errors.Is(err, os.ErrProcessDone) {
				w.process.Kill() // the next best; Wait returns the end
			}
		}
	}
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	late := time.NewTimer(cmp.Or(c.grace, 5*time.Second))
	defer late.Stop()
	for {
		select {
		case <-done:
			return nil
		case r := <-c.reports:
			if r.state != nil {
				r.worker.ended = true
			}
		case <-late.C:
			for _, w := range c.lives {
				if w != nil && !w.ended {
					w.process.Kill()
				}
			}
		}
	}
}
