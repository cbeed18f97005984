package engine

import (
	"fmt"
	"sync/atomic"
	"time"
)

// pulse shows whether a loop of the run turns. Waiting for work is no turn: it may take for ever.
type pulse struct{ since atomic.Int64 } // when the present turn began, Unix nanoseconds; 0: the loop waits for work

// turn begins a turn.
func (p *pulse) turn() { p.since.Store(time.Now().UnixNano()) }

// rest ends a turn: the loop waits for work.
func (p *pulse) rest() { p.since.Store(0) }

// late is how long the present turn has taken, where that is longer than it may take.
func (p *pulse) late(now time.Time, most time.Duration) (took time.Duration, late bool) {
	since := p.since.Load()
	took = now.Sub(time.Unix(0, since))
	return took, since != 0 && took > most
}

// A poll is begun anew after pollTurn, also where no records come: so a source that hangs is seen. A loop that has not turned for
// hangsAfter hangs; that of a lane's commits has the time of one commit besides, for which it may wait.
const (
	pollTurn   = 5 * time.Second
	hangsAfter = time.Minute
)

// Stuck is a loop of a run that hangs: in code that does not follow its context, or for a lock that is not given back.
type Stuck struct {
	What string        // poll; commit of lane 0; decode of lane 0
	For  time.Duration // how long ago it last turned
}

// Stuck lists the loops of the run that hang, which nothing but a restart of the process mends: no poll for a minute, no end of
// what a lane decodes for a minute, no end of a try to commit for a minute and Config.CommitTimeout. A store or brokers that are
// away let no loop hang: what waits for them turns. nil: all loops turn, or the run has not opened yet, or is over.
func (e *Engine) Stuck() (list []Stuck) {
	select {
	case <-e.opened:
	default:
		return nil
	}
	now := time.Now()
	look := func(p *pulse, most time.Duration, what string, args ...any) {
		if took, late := p.late(now, most); late {
			list = append(list, Stuck{What: fmt.Sprintf(what, args...), For: took})
		}
	}
	look(&e.polling, hangsAfter, "poll")
	for _, l := range e.lanes {
		look(&l.decoding, hangsAfter, "decode of lane %d", l.number)
		look(&l.committing, hangsAfter+e.cfg.CommitTimeout, "commit of lane %d", l.number)
	}
	return list
}
