package engine

import (
	"context"
	"sync"
	"time"

	"github.com/fencepost/fencepost/source"
)

// silence is since when the brokers have not answered, and since when the worker has not been a member of its group.
type silence struct {
	mu struct {
		sync.Mutex
		brokers, group lasting
	}
}

// lasting is a state that is reported when it begins, again at growing intervals while it lasts, and when it ends.
type lasting struct {
	since time.Time // zero: it does not last
	next  time.Time // when it is reported again
	pause time.Duration
}

// mostBetween is the longest interval between two reports of a state that lasts.
const mostBetween = time.Minute

// lasts notes that the state lasts, and returns whether that is to be reported now: not before it has lasted first.
func (l *lasting) lasts(since, now time.Time, first time.Duration) (report bool) {
	if l.since.IsZero() {
		l.since = since
	}
	if now.Sub(l.since) < first || now.Before(l.next) {
		return false
	}
	l.pause = longer(l.pause, slowAfter, mostBetween)
	l.next = now.Add(l.pause)
	return true
}

// ends notes that the state does not last, and returns since when it did and whether that was reported.
func (l *lasting) ends() (since time.Time, reported bool) {
	since, reported = l.since, !l.next.IsZero()
	*l = lasting{}
	return since, reported
}

// silent reports whether no broker answered the last question.
func (s *silence) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.mu.brokers.since.IsZero()
}

// outsideAfter is how long a worker may be out of its group before that is reported: a rebalance takes that long with others that
// have work to finish.
const outsideAfter = 2 * slowAfter

// see takes what one question found, and returns what is to be reported.
func (s *silence) see(asked time.Time, err error, member bool) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	brokers, group := &s.mu.brokers, &s.mu.group
	if err != nil { // nobody can join now
		if brokers.lasts(asked, now, 0) {
			return []Event{Silent{Since: brokers.since, For: now.Sub(brokers.since), Err: err}}
		}
		return nil
	}
	var events []Event
	if since, reported := brokers.ends(); reported {
		events = append(events, Silent{Since: since, For: now.Sub(since), Ended: true})
	}
	if !member {
		if group.lasts(asked, now, outsideAfter) {
			events = append(events, Outside{Since: group.since, For: now.Sub(group.since)})
		}
	} else if since, reported := group.ends(); reported {
		events = append(events, Outside{Since: since, For: now.Sub(since), Ended: true})
	}
	return events
}

// listen asks whether brokers answer, once every watch interval until ctx ends. What asks for partitions, and the group's own
// heartbeats, fail one by one without a word, or are tried again inside the client: this says that all of them do.
func (e *Engine) listen(ctx context.Context, brokers source.Reachability) {
	tick := time.NewTicker(e.cfg.Watch)
	defer tick.Stop()
	for {
		asked := time.Now()
		asking, cancel := context.WithTimeout(ctx, slowAfter)
		err := brokers.Reach(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		e.emit(e.silence.see(asked, err, brokers.Member())...)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
