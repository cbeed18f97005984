package events

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/view"
)

// room is how many events wait to be written at most: a second of a run that commits often.
const room = 4096

// Stream writes the events of a process. Its methods may be called by any goroutine.
type Stream struct {
	out    *bufio.Writer
	failed func(error)
	queue  chan any
	done   chan struct{}

	mu struct {
		sync.Mutex
		closed bool
		left   int            // events that were left out since the last one that was queued
		about  view.EventHead // of the last of them
		err    error
	}
}

// New makes a Stream that writes to out. failed receives the error that ends it, once. The caller closes it, and then what is behind out.
func New(out io.Writer, failed func(error)) *Stream {
	s := &Stream{out: bufio.NewWriter(out), failed: failed, queue: make(chan any, room), done: make(chan struct{})}
	go s.run()
	return s
}

// Of receives the events of one worker.
func (s *Stream) Of(group fencepost.Group, worker string) func(engine.Event) {
	return func(e engine.Event) {
		at := time.Now()
		if one := view.NewEvent(at, group, worker, e); one != nil {
			s.add(one, view.EventHead{Format: 1, Time: view.Instant{Time: at}, Group: group, Worker: worker, Event: "left-out"})
		}
	}
}

// add queues an event, or counts that it was left out. about begins the line that says so.
func (s *Stream) add(one any, about view.EventHead) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed || s.mu.err != nil {
		return
	}
	if s.mu.left > 0 {
		select {
		case s.queue <- view.EventLeftOut{EventHead: s.mu.about, Events: s.mu.left}:
			s.mu.left = 0
		default:
		}
	}
	if s.mu.left == 0 {
		select {
		case s.queue <- one:
			return
		default:
		}
	}
	s.mu.left++
	s.mu.about = about
}

// run writes what is queued; what is there is flushed once nothing more waits.
func (s *Stream) run() {
	defer close(s.done)
	lines := json.NewEncoder(s.out)
	lines.SetEscapeHTML(false)
	write := func(one any) bool {
		err := lines.Encode(one)
		if err == nil && len(s.queue) == 0 {
			err = s.out.Flush()
		}
		if err != nil {
			s.fail(err)
		}
		return err == nil
	}
	for one := range s.queue {
		if !write(one) {
			return
		}
	}
	s.mu.Lock()
	left := view.EventLeftOut{EventHead: s.mu.about, Events: s.mu.left}
	s.mu.Unlock()
	if left.Events > 0 {
		write(left)
	}
}

func (s *Stream) fail(err error) {
	s.mu.Lock()
	s.mu.err = err
	s.mu.Unlock()
	s.failed(err)
}

// Close writes what is queued still. An error that ended the Stream before was reported, and is none of Close.
func (s *Stream) Close() {
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return
	}
	s.mu.closed = true
	close(s.queue)
	s.mu.Unlock()
	<-s.done
}
