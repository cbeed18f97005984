package engine

import (
	"context"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// poller is the one goroutine that polls the source and seeks in it: a seek is never carried out beside a poll, so that
// no fetch of before a seek is taken for one of after it.
type poller struct {
	seeks  chan seeking
	record fencepost.Record // poll's own: the entry that is looked at

	mu struct {
		sync.Mutex
		poll   uint64 // number of the poll last begun
		bytes  int64  // of queued records
		cancel context.CancelFunc
		room   chan struct{} // closed and replaced when bytes falls below the bound
	}
}

// seeking is a change of where partitions resume, carried out between two polls.
type seeking struct {
	do   func(poll uint64) map[fencepost.TopicPartition]source.Start
	done chan struct{}
}

func newPoller() *poller {
	p := &poller{seeks: make(chan seeking)}
	p.mu.room = make(chan struct{})
	return p
}

// number is that of the poll last begun.
func (p *poller) number() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.poll
}

// queued is how many bytes of records wait for a batch.
func (p *poller) queued() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.bytes
}

// add counts queued bytes; negative ones are freed.
func (p *poller) add(bytes, bound int64) {
	if bytes == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.mu.bytes
	p.mu.bytes += bytes
	if was >= bound && p.mu.bytes < bound {
		close(p.mu.room)
		p.mu.room = make(chan struct{})
	}
}

// freed gives back n bytes of queued records.
func (e *Engine) freed(n int64) { e.poller.add(-n, e.cfg.Memory) }

// poll runs until ctx ends: seek, wait for memory, poll, route.
func (e *Engine) poll(ctx context.Context) {
	for ctx.Err() == nil {
		e.polling.turn()
		select {
		case s := <-e.poller.seeks:
			e.carryOut(s)
			continue
		default:
		}
		if !e.waitForRoom(ctx) {
			continue
		}
		e.pollOnce(ctx)
	}
	e.polling.rest()
	for { // a caller that still asks for a seek is let go
		select {
		case s := <-e.poller.seeks:
			close(s.done)
		case <-e.over:
			return
		}
	}
}

func (e *Engine) carryOut(s seeking) {
	if starts := s.do(e.poller.number()); len(starts) > 0 {
		e.cfg.Source.Seek(starts)
	}
	close(s.done)
}

// waitForRoom waits while more is queued than memory allows. False: something else is to be done first.
func (e *Engine) waitForRoom(ctx context.Context) bool {
	e.poller.mu.Lock()
	full, room := e.poller.mu.bytes >= e.cfg.Memory, e.poller.mu.room
	e.poller.mu.Unlock()
	if !full {
		return true
	}
	e.polling.rest()
	select {
	case <-room:
	case <-ctx.Done():
	case s := <-e.poller.seeks:
		e.polling.turn()
		e.carryOut(s)
	}
	return false
}

func (e *Engine) pollOnce(ctx context.Context) {
	polling, cancel := context.WithTimeout(ctx, pollTurn)
	defer cancel()
	e.poller.mu.Lock()
	e.poller.mu.poll++
	number := e.poller.mu.poll
	e.poller.mu.cancel = cancel
	e.poller.mu.Unlock()
	chunks, err := e.cfg.Source.Poll(polling)
	if err != nil {
		e.fail(err)
		return
	}
	e.route(chunks, number)
}

// seek has a change carried out between two polls, and waits for it.
func (e *Engine) seek(do func(poll uint64) map[fencepost.TopicPartition]source.Start) {
	s := seeking{do: do, done: make(chan struct{})}
	for {
		e.poller.mu.Lock()
		if e.poller.mu.cancel != nil {
			e.poller.mu.cancel()
		}
		e.poller.mu.Unlock()
		timer := time.NewTimer(5 * time.Millisecond) // a poll may begin just behind the cancel
		select {
		case e.poller.seeks <- s:
			timer.Stop()
			<-s.done
			return
		case <-e.over:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// route hands fetches to the lanes of their partitions.
func (e *Engine) route(chunks []source.Fetch, poll uint64) {
	now := time.Now()
	var odd []*partition
	var again []*partition
	var ended []*partition
	parts := e.partitions(chunks)
	for i, c := range chunks {
		p := parts[i]
		switch {
		case p == nil && c.Records != nil:
			c.Records.Recycle(0, c.Records.Len())
		case p == nil:
		case c.Err != nil:
			e.fetchFailed(p, c.Err)
		case c.Records != nil:
			switch e.offer(p, c, poll, now) {
			case assignment.OtherTopic:
				odd = append(odd, p)
			case assignment.Stale:
				again = append(again, p)
			case assignment.PastEnd:
				ended = append(ended, p)
			case assignment.Queued:
			}
		}
	}
	e.poller.record = fencepost.Record{} // it would keep a fetch in memory
	for _, l := range e.lanes {
		l.notify()
	}
	e.reset(odd, "fetch")
	e.seekBetweenPolls(again, ended, poll)
}

// seekBetweenPolls sends partitions back to where their queue ends, and pauses those that have reached the run's end.
// It runs in the poller's own goroutine.
func (e *Engine) seekBetweenPolls(again, ended []*partition, poll uint64) {
	starts := map[fencepost.TopicPartition]source.Start{}
	for _, p := range again {
		p.lane.mu.Lock()
		starts[p.TopicPartition] = source.Start{Offset: p.Seek(poll), Paused: !p.Runs()}
		p.lane.mu.Unlock()
	}
	for _, p := range ended {
		starts[p.TopicPartition] = source.Start{Offset: max(0, p.End()), Paused: true}
	}
	if len(starts) > 0 {
		e.cfg.Source.Seek(starts)
	}
}

func (e *Engine) offer(p *partition, c source.Fetch, poll uint64, now time.Time) assignment.Offered {
	p.lane.mu.Lock()
	defer p.lane.mu.Unlock()
	_, before, _ := p.Queued()
	out := p.Offer(c, poll, now, &e.poller.record)
	_, after, _ := p.Queued()
	e.poller.add(after-before, e.cfg.Memory)
	return out
}

// fetchFailed has a partition wait after its fetch failed; what it means is for Reconcile to say. The waits grow while
// fetches go on failing, so that no error becomes a hot loop.
func (e *Engine) fetchFailed(p *partition, err error) {
	p.lane.mu.Lock()
	if !p.Gone() && p.Runs() {
		e.freed(p.WaitAt(ledger.Position{}, "fetch failed: "+err.Error(), time.Now(), e.cfg.Watch))
	}
	p.lane.mu.Unlock()
	e.wakeMonitor()
}
