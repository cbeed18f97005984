package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

const (
	watch     = time.Second
	rebalance = 4 * time.Second
)

// worker is one process: an engine on a host of its own.
type worker struct {
	name     string
	instance string // of a static member
	host     *host
	engine   *engine.Engine
	stop     context.CancelFunc
	ended    chan struct{}
	err      error // once ended
	over     bool  // it was killed or stopped
	opened   atomic.Bool
	sign     atomic.Pointer[string] // of life, taken last; nil: none
	world    *world

	mu struct {
		sync.Mutex
		committed []claim
		up        map[fencepost.TopicPartition]takenUp // :: partition -> where the worker took it up last
		sent      map[start][]time.Duration            // :: where a commit begins -> when the worker sent those from there that were not answered, in order
		given     map[fencepost.TopicPartition]bool    // partitions that it gave back, and has not taken since
	}
}

// claim is what a worker says that it committed.
type claim struct {
	fencepost.TopicPartition
	fencepost.OffsetRange
	recovered bool // it says so of a commit whose answer was lost: another worker may have made it
}

// takenUp is where a worker took up a partition, and when it said so.
type takenUp struct {
	at     time.Duration
	offset fencepost.Offset
}

// start is where a commit of a partition begins.
type start struct {
	fencepost.TopicPartition
	from fencepost.Offset
}

// identity is the instance of a static member.
func (w *world) identity(n int) string {
	if !w.plan.Static {
		return ""
	}
	return fmt.Sprintf("i%d", n)
}

// start starts a worker.
func (w *world) start(instance string) {
	k := &worker{name: fmt.Sprintf("w%d", len(w.workers)), instance: instance, host: newHost(w.network), ended: make(chan struct{}), world: w}
	k.mu.sent = map[start][]time.Duration{}
	k.mu.up, k.mu.given = map[fencepost.TopicPartition]takenUp{}, map[fencepost.TopicPartition]bool{}
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	w.workers = append(w.workers, k)
	w.note("%s starts %s", k.name, instance)
	err := w.employ(ctx, k)
	if err != nil {
		w.broken("start %s: %v", k.name, err)
		close(k.ended)
	}
}

func (w *world) employ(ctx context.Context, k *worker) error {
	src, err := w.source(k.name, k.instance, k.host)
	if err != nil {
		return err
	}
	decoder, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "id", Type: fencepost.Int}}})
	if err != nil {
		return err
	}
	k.engine, err = engine.New(w.config(k, &client{Source: src, world: w}, w.slowly(decoder)))
	if err != nil {
		return err
	}
	go func() {
		defer close(k.ended)
		k.err = k.engine.Run(ctx)
		if !k.host.gone() {
			w.note("%s ended: %v", k.name, k.err)
		}
	}()
	return nil
}

func (w *world) config(k *worker, src source.Source, decoder func() fencepost.Decoder) engine.Config {
	p := w.plan
	return engine.Config{Source: src, Sink: &session{Store: w.db.Store, db: w.db, host: k.host, worker: k}, Decoder: decoder,
		Batch: engine.BatchBounds{Records: p.Batch}, Memory: p.Memory, Lanes: p.Lanes, Watch: watch, CommitTimeout: 4 * time.Second, Drain: 3 * time.Second,
		Rebalance: rebalance, Policy: ledger.Policy{AgedOut: ledger.Earliest, Recreated: ledger.Earliest}, OnError: engine.OnError{Undecodable: p.Bad, Refused: p.Bad, Max: -1}, Who: k.name, Random: w.dice.random,
		Events: func(ev engine.Event) { w.hear(k, ev) }}
}

// hear writes what a worker says of itself into the history. A dead one says nothing.
func (w *world) hear(k *worker, ev engine.Event) {
	if k.host.gone() {
		return
	}
	switch ev := ev.(type) {
	case engine.Progress:
	case engine.Opened:
		k.opened.Store(true)
	case engine.Committed:
		k.mu.Lock()
		for _, s := range ev.Segments {
			k.mu.committed = append(k.mu.committed, claim{s.TopicPartition, s.Range, ev.Recovered})
			k.answered(s.TopicPartition, s.Range.From, false)
		}
		k.mu.Unlock()
	case engine.Moved, engine.Passed: // the journal has them
	case engine.Assigned:
		k.takes(ev.Partitions)
		w.note("%s holds %v", k.name, numbers(ev.Partitions))
	case engine.Revoked:
		k.gives(ev.Partitions, ev.Lost)
		w.note("%s gives %v, lost %t", k.name, numbers(ev.Partitions), ev.Lost)
	case engine.Stopped:
		w.note("%s stops", k.name)
	case engine.Reconciled:
		k.takesUp(ev.Partitions)
		w.note("%s %T %s", k.name, ev, brief(ev))
	case engine.Refused:
		w.note("%s %T %s", k.name, ev, brief(ev))
		w.checkRefusal(k, ev)
	case engine.SinkWentBack:
		w.note("%s %T %s", k.name, ev, brief(ev))
		w.checkWentBack(k, ev)
	default:
		w.note("%s %T %s", k.name, ev, brief(ev))
	}
}

// brief is what an event says that is the same in each run of a seed.
func brief(ev engine.Event) string {
	switch ev := ev.(type) {
	case engine.Retrying:
		return fmt.Sprintf("%s %d unknown %t: %v", ev.What, ev.Attempt, ev.Unknown, ev.Err)
	case engine.Refused:
		return fmt.Sprintf("%d at %d: %s, held %d", ev.Partition, ev.Offset, ev.Relation, ev.Held.Offset)
	case engine.Parked:
		return fmt.Sprintf("%d at %d: %s %s", ev.Partition, ev.Offset, ev.Code, ev.Reason)
	case engine.Waiting:
		return fmt.Sprintf("%d: %s", ev.Partition, ev.Reason)
	case engine.Reconciled:
		return fmt.Sprint(len(ev.Partitions))
	case engine.SinkWentBack:
		return fmt.Sprintf("%d from %d to %d", ev.Partition, ev.From, ev.To)
	case engine.WorkersGone:
		names := []string{}
		for _, g := range ev.Workers {
			names = append(names, g.Who)
		}
		return fmt.Sprintf("%v: %v", names, ev.Err)
	case engine.LeftBehind:
		return fmt.Sprintf("%s: %v", ev.What, ev.Err)
	case engine.MirrorFailed:
		return ev.Err.Error()
	case engine.PresenceFailed:
		return ev.Err.Error()
	}
	return ""
}

func numbers(tps []fencepost.TopicPartition) (all []int32) {
	for _, tp := range tps {
		all = append(all, tp.Partition)
	}
	slices.Sort(all)
	return all
}

// takes notes what a worker holds from now on.
func (k *worker) takes(tps []fencepost.TopicPartition) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, tp := range tps {
		delete(k.mu.given, tp)
	}
}

// takesUp notes from where a worker goes on.
func (k *worker) takesUp(rs []engine.Reconciliation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range rs {
		k.mu.up[r.TopicPartition] = takenUp{k.world.dice.now(), r.Offset}
	}
}

// gives notes what a worker holds no more. What it lost it may have had in hand in that moment.
func (k *worker) gives(tps []fencepost.TopicPartition, lost bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, tp := range tps {
		k.mu.given[tp] = !lost
	}
}

// commits: a worker begins no commit of what it gave back.
func (k *worker) commits(moves []ledger.Move) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range moves {
		from := start{m.TopicPartition, m.Held.Offset}
		k.mu.sent[from] = append(k.mu.sent[from], k.world.dice.now())
		if k.mu.given[m.TopicPartition] {
			k.world.broken("%s begins to commit %s %d to %d, and had given it back", k.name, m.TopicPartition, m.Held.Offset, m.Next.Offset)
		}
	}
}

// answered forgets a commit that has begun at from, and returns when it was sent. Of several the oldest waits for its answer, which is a refusal.
func (k *worker) answered(tp fencepost.TopicPartition, from fencepost.Offset, refused bool) (sent time.Duration) {
	at := start{tp, from}
	all := k.mu.sent[at]
	if len(all) == 0 {
		return 0
	}
	i := len(all) - 1
	if refused {
		i = 0
	}
	sent, k.mu.sent[at] = all[i], slices.Delete(all, i, i+1)
	return sent
}

// tookUp is where a worker took a partition up last, and when it sent the commit from there that was refused.
func (k *worker) tookUp(tp fencepost.TopicPartition, from fencepost.Offset) (up takenUp, sent time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.up[tp], k.answered(tp, from, true)
}

// gone reports whether the host is dead.
func (h *host) gone() bool {
	select {
	case <-h.died:
		return true
	default:
		return false
	}
}

// kill ends a worker in the middle of whatever it does.
func (w *world) kill(k *worker) {
	w.note("%s is killed", k.name)
	k.over = true
	k.host.kill()
	k.stop()
}

// stop stops a worker in order, and waits for it.
func (w *world) stop(k *worker) {
	if !k.over {
		w.note("%s is stopped", k.name)
	}
	k.over = true
	k.stop()
	<-k.ended
	if !k.host.gone() {
		w.excuse(k)
		k.host.kill() // its connections are closed: nothing is left but what waits for it
	}
}

// excuse takes the errors with which a run may end after a stop.
func (w *world) excuse(k *worker) {
	f, is := errors.AsType[*fencepost.UserError](k.err)
	hung := slices.ContainsFunc([]string{"slow", "busy rebalance", "lost answers", "store away", "restore", "freeze"}, w.plan.has)
	switch {
	case k.err == nil, !k.opened.Load():
	case errors.Is(k.err, engine.ErrCutShort) && hung:
	case is && f.Code == "mirror-ahead" && w.plan.has("restore"):
	default:
		w.late("%s ended with %v", k.name, k.err)
	}
}

// revive starts those workers again that could not begin, as whatever keeps a service running does.
func (w *world) revive() {
	for _, k := range w.live() {
		select {
		case <-k.ended:
			if !k.opened.Load() {
				k.over = true
				w.start(k.instance)
			}
		default:
		}
	}
}

// live are the workers that were neither killed nor stopped.
func (w *world) live() (all []*worker) {
	for _, k := range w.workers {
		if !k.over {
			all = append(all, k)
		}
	}
	return all
}
