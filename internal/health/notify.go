package health

import (
	"context"
	"fmt"
	"time"
)

// notifyEvery is how often a service manager is told how the worker is, or oftener where its watchdog asks for it.
const notifyEvery = time.Second

// startsFor is how much longer a start may take from each message on, while it waits for servers.
const startsFor = 30 * time.Second

// Manager is the service manager that started this process.
type Manager struct {
	Send     func(states ...string) error
	Watchdog time.Duration // after how long without WATCHDOG=1 it ends the process; 0: never
	Failed   func(error)   // receives the first of errors that follow each other
}

// Notify tells the service manager how the workers are, until ctx ends.
func (p Process) Notify(ctx context.Context, m Manager) {
	every := notifyEvery
	if m.Watchdog > 0 {
		every = min(every, m.Watchdog/2)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var n notices
	failed := false
	for {
		if states := n.next(p.look(), m.Watchdog > 0); len(states) > 0 {
			err := m.Send(states...)
			if err != nil && !failed {
				m.Failed(err)
			}
			failed = err != nil
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.news():
		}
	}
}

// notices are what a service manager was told.
type notices struct {
	ready, stopping bool
	status          string
}

// next is what it is told now. It is told that the process is ready once each worker is a member of its group, or at its end, whatever
// stands still: a service manager ends what is not ready in time, and starting again mends no record.
func (n *notices) next(all looks, watched bool) (states []string) {
	if all.each(func(f facts) bool { return f.member() || f.phase == ended }) && !n.ready {
		n.ready, states = true, append(states, "READY=1")
	}
	if all.each(func(f facts) bool { return f.phase >= stopping }) && !n.stopping {
		n.stopping, states = true, append(states, "STOPPING=1")
	}
	if !all.each(func(f facts) bool { return f.phase != starting }) {
		states = append(states, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", startsFor.Microseconds()))
	}
	if watched && all.each(func(f facts) bool { return len(f.stuck) == 0 }) {
		states = append(states, "WATCHDOG=1")
	}
	if text := all.sentence(); text != n.status {
		n.status, states = text, append(states, "STATUS="+text)
	}
	return states
}
