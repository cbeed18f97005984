package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/fencepost/fencepost/internal/view"
)

// Process is the workers of one process, one of each pipeline that it runs. Its methods may be called by any goroutine.
type Process []*Worker

// New makes a Process whose workers are starting. There is at least one.
func New(cfgs ...Config) Process {
	p, news := make(Process, len(cfgs)), make(chan struct{}, 1)
	for i, cfg := range cfgs {
		p[i] = &Worker{cfg: cfg, news: news}
	}
	return p
}

// news is sent to when a worker has begun another phase.
func (p Process) news() <-chan struct{} { return p[0].news }

// looks are how the workers of a process are at one time.
type looks []facts

func (p Process) look() looks {
	all := make(looks, len(p))
	for i, w := range p {
		all[i] = w.look()
	}
	return all
}

// each reports whether something is true of each worker.
func (l looks) each(is func(facts) bool) bool {
	for _, f := range l {
		if !is(f) {
			return false
		}
	}
	return true
}

// liveness is that of the whole process: a service manager ends all of it or nothing.
func (p Process) liveness() view.Liveness {
	l := view.NewLiveness()
	for _, f := range p.look() {
		l.Add(f.group, f.stuck)
	}
	return l
}

func (p Process) readiness() view.Readiness {
	var all []view.Reason
	for _, f := range p.look() {
		all = append(all, f.reasons()...)
	}
	return view.NewReadiness(all)
}

// status is a view.Run, or the view.Runs of several pipelines.
func (p Process) status() any {
	if len(p) == 1 {
		return p[0].run(p[0].look())
	}
	runs := make([]view.Run, len(p))
	for i, w := range p {
		runs[i] = w.run(w.look())
	}
	return view.NewRuns(time.Now(), runs)
}

// mostSentence bounds a sentence, in characters: a message to a service manager is one datagram, and a screen one line.
const mostSentence = 400

// sentence is how the workers are, for people, in one line.
func (l looks) sentence() string {
	said := make([]string, len(l))
	for i, f := range l {
		said[i] = f.sentence()
		if len(l) > 1 {
			said[i] = string(f.group) + ": " + said[i]
		}
	}
	return fmt.Sprintf("%.*s", mostSentence, strings.Join(said, "; "))
}
