package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/engine/internal/batching"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// lane is one ordered stream of commits. Two goroutines work it: fill cuts and decodes batch N+1 while run commits
// batch N.
//
//	source --offer--> queues --cut, decode (fill)--> full --commit (run)--> sink
//	                    ^                                |
//	                    +------- two batches go round ---+
type lane struct {
	e       *Engine
	number  int
	sink    sink.Lane
	decoder fencepost.Decoder
	backoff time.Duration // of the commit being retried; run's own
	refused int           // rows that were refused and passed; likewise

	forgetter sink.Forgetter // the sink's lane, where it is one
	explainer sink.Explainer // likewise
	trier     sink.Trier     // likewise, where a batch is one statement

	wake chan struct{} // fill looks again; capacity 1
	free chan *work
	full chan *work

	decoding, committing pulse // of fill and of run

	draining chan struct{} // closed when mu.ending is set

	mu struct {
		sync.Mutex
		parts    []*partition // in TopicPartition order
		idle     bool         // run waits for a batch
		ending   time.Time    // since when nothing is cut any more; zero: it is
		turn     int          // whose turn it is when there are more partitions than records
		inflight *work        // being committed
		abort    context.CancelFunc
		fit      fit           // what the store takes at once
		spacing  int           // rows from one refused row that is passed to the next, as of late; 0: there was none
		since    int           // rows that are committed since the last one
		waits    bool          // the commit under way has failed and is tried again, or waits for others' locks
		doubt    bool          // ending: a commit was given up, and its outcome is unknown
		finished chan struct{} // closed and replaced whenever a batch is done with
	}

	queues []batching.Queue // fill's own, as all below
	counts []int
	record fencepost.Record // the one being decoded

	spread spread // fill's own, too

	until time.Time // until when the batch waits for schemas; zero: it has not waited yet
}

// work is a batch on its way, with the partitions of its segments.
type work struct {
	batch    fencepost.Batch
	moves    []ledger.Move // :: segment index -> its partition's move
	parts    []*partition  // :: segment index -> partition
	sessions []uint64      // :: segment index -> the session in which it was cut
	claims   []claimed
	passed   []passed // bad records in the segments' ranges that have no row
	bytes    int64
	most     batching.Limits // of its rows
	spread   bool            // it has records of several rows
	part     bool            // of a batch that was refused

	done segments // scratch: what a refusal showed to be done
}

// segments are those of a batch or some of them, with the move and the partition of each.
type segments struct {
	of    []fencepost.Segment
	moves []ledger.Move // :: index in of -> its partition's move
	parts []*partition  // :: index in of -> its partition
}

// all is every segment of the batch.
func (w *work) all() segments { return segments{w.batch.Segments, w.moves, w.parts} }

// claimed is what fill took from one partition's queue.
type claimed struct {
	p *partition
	assignment.Claim
}

func newLane(e *Engine, n int, commits sink.Lane) *lane {
	l := &lane{e: e, number: n, sink: commits, wake: make(chan struct{}, 1), free: make(chan *work, 2), full: make(chan *work), draining: make(chan struct{})}
	l.mu.finished = make(chan struct{})
	l.forgetter, _ = sink.LaneAs[sink.Forgetter](commits)
	l.explainer, _ = sink.LaneAs[sink.Explainer](commits)
	if e.cfg.Sink.Capabilities().Together {
		l.trier, _ = sink.LaneAs[sink.Trier](commits)
	}
	if e.cfg.Decoder != nil {
		if l.decoder = e.cfg.Decoder(); l.decoder == decode.None() {
			l.decoder = nil // it need not be asked for each record
		}
	}
	for range 2 {
		w := &work{}
		w.batch.Columns = e.columns(l.decoder)
		l.free <- w
	}
	return l
}

// notify makes fill look again.
func (l *lane) notify() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// every yields the lane's partitions that have not left, in order and under its mutex, and reports whether yield took
// them all.
func (l *lane) every(yield func(*partition) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.mu.parts {
		if !p.Gone() && !yield(p) {
			return false
		}
	}
	return true
}

// add takes partitions in. REQUIRES: they are in no lane.
func (l *lane) add(parts []*partition) {
	slices.SortFunc(parts, inOrder)
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*partition, 0, len(l.mu.parts)+len(parts))
	for _, p := range l.mu.parts {
		for len(parts) > 0 && inOrder(parts[0], p) < 0 {
			all, parts = append(all, parts[0]), parts[1:]
		}
		all = append(all, p)
	}
	l.mu.parts = append(all, parts...)
}

// remove lets partitions go.
func (l *lane) remove(gone map[*partition]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.parts = slices.DeleteFunc(l.mu.parts, func(p *partition) bool { return gone[p] })
}

// fill makes batches until the lane ends.
func (l *lane) fill(ctx context.Context) {
	defer close(l.full)
	for {
		var w *work
		select {
		case w = <-l.free:
		case <-ctx.Done():
			return
		}
		if !l.gather(ctx, w) {
			return
		}
		l.decoding.turn()
		l.decode(ctx, w)
		l.decoding.rest()
		if !l.e.cfg.OnError.keepsRaw() {
			l.e.freed(w.bytes)
		}
		if len(w.batch.Segments) == 0 {
			l.letGo(w)
			l.free <- w
			continue
		}
		select {
		case l.full <- w:
		case <-ctx.Done():
			l.letGo(w)
			return
		}
	}
}

// letGo gives the records of w back that were kept until the outcome of their commit was known.
func (l *lane) letGo(w *work) {
	if !l.e.cfg.OnError.keepsRaw() {
		return
	}
	for i := range w.claims {
		recycle(w.claims[i].Spans)
	}
	l.e.freed(w.bytes)
}

// gather waits until a batch is ripe and takes its records into w. False: the lane ends.
func (l *lane) gather(ctx context.Context, w *work) bool {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		ok, again := l.plan(w, time.Now())
		if ok {
			return true
		}
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return false
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// plan cuts the next batch, if it is ripe: it takes entries out of the queues and moves each partition's cut.
func (l *lane) plan(w *work, now time.Time) (bool, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mu.ending.IsZero() {
		return false, time.Time{}
	}
	w.most = l.mu.fit.limit(batching.Limits(l.e.cfg.Batch))
	limits := l.spread.limit(w.most)
	all, oldest := l.queued()
	formed, again := limits.Due(all, oldest, l.mu.idle, now)
	if !formed {
		return false, again
	}
	limit, again := l.e.rate.take(l.number, limits.Most(all), now)
	if limit == 0 {
		return false, again
	}
	l.counts = batching.Shares(l.queues, limit, l.mu.turn, l.counts)
	l.mu.turn++
	l.e.rate.back(limits.Lighten(l.queues, l.counts))
	l.claim(w, now)
	return true, time.Time{}
}

// queued leaves in l.queues what waits of each partition, and returns its records and bytes in all and when the oldest
// record came.
// REQUIRES: l.mu is held.
func (l *lane) queued() (all batching.Queue, oldest time.Time) {
	l.queues = l.queues[:0]
	for _, p := range l.mu.parts {
		records, bytes, came := p.Ready()
		q := batching.Queue{Records: records, Bytes: bytes, Lag: p.Lag()}
		l.queues = append(l.queues, q)
		all.Records, all.Bytes = all.Records+records, all.Bytes+bytes
		if records > 0 && (oldest.IsZero() || came.Before(oldest)) {
			oldest = came
		}
	}
	return all, oldest
}

// claim takes l.counts entries from the queues into w.takes. REQUIRES: l.mu is held.
func (l *lane) claim(w *work, now time.Time) {
	w.bytes = 0
	w.claims = w.claims[:0]
	for i, p := range l.mu.parts {
		n := l.counts[i]
		if n == 0 {
			continue
		}
		w.claims = slices.Grow(w.claims, 1)[:len(w.claims)+1]
		t := &w.claims[len(w.claims)-1]
		*t = claimed{p, p.Claim(n, now, t.Spans[:0])}
		w.bytes += t.Bytes
	}
}

// run commits batches in order until fill ends.
func (l *lane) run(ctx context.Context) {
	for {
		l.setIdle(true)
		w, ok := <-l.full
		l.setIdle(false)
		if !ok {
			return
		}
		l.commit(ctx, w)
		l.letGo(w)
		l.free <- w
	}
}

func (l *lane) setIdle(idle bool) {
	l.mu.Lock()
	l.mu.idle = idle
	l.mu.Unlock()
	if idle {
		l.notify()
	}
}

// end stops the cutting of batches. What is queued and cut is void; what is being committed goes on.
func (l *lane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.ending = time.Now()
	close(l.draining)
	if w := l.mu.inflight; w != nil {
		for i, p := range w.parts {
			if w.sessions[i] == p.Session() {
				w.sessions[i]++
			}
		}
	}
	for _, p := range l.mu.parts {
		l.e.freed(p.Void())
	}
}

// quiet waits until no batch of the partitions of which f is true is being committed. False: one still is when ctx ends.
func (l *lane) quiet(ctx context.Context, f func(*partition) bool) bool {
	for {
		l.mu.Lock()
		busy := l.mu.inflight != nil && slices.ContainsFunc(l.mu.inflight.parts, f)
		finished := l.mu.finished
		l.mu.Unlock()
		if !busy {
			return true
		}
		select {
		case <-finished:
		case <-ctx.Done():
			return false
		}
	}
}

// abort ends the commit that is under way, if one is.
func (l *lane) abort() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.inflight != nil {
		l.mu.abort()
	}
}
