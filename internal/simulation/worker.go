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
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
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

	mu struct {
		sync.Mutex
		dead      bool
		committed []claim
	}
}

// claim is what a worker says that it committed.
type claim struct {
	fencepost.TopicPartition
	fencepost.OffsetRange
	recovered bool // it says so of a commit whose answer was lost: another worker may have made it
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
	k := &worker{name: fmt.Sprintf("w%d", len(w.workers)), instance: instance, host: newHost(w.network), ended: make(chan struct{})}
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
	k.engine, err = engine.New(w.config(k, src, decoder))
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

func (w *world) config(k *worker, src *kafka.Source, decoder func() fencepost.Decoder) engine.Config {
	p := w.plan
	return engine.Config{Source: src, Sink: &session{Store: w.db.Store, db: w.db, host: k.host}, Decoder: decoder,
		Batch: engine.BatchBounds{Records: p.Batch}, Memory: p.Memory, Lanes: p.Lanes, Watch: watch, CommitTimeout: 4 * time.Second, Drain: 3 * time.Second,
		Rebalance: rebalance, Policy: ledger.Policy{AgedOut: ledger.Earliest}, OnError: engine.OnError{Undecodable: p.Bad, Refused: p.Bad, Max: -1}, Who: k.name, Random: w.dice.random,
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
		}
		k.mu.Unlock()
	case engine.Moved, engine.Passed: // the journal has them
	case engine.Assigned:
		w.note("%s holds %v", k.name, numbers(ev.Partitions))
	case engine.Revoked:
		w.note("%s gives %v, lost %t", k.name, numbers(ev.Partitions), ev.Lost)
	case engine.Stopped:
		w.note("%s stops", k.name)
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
	hung := slices.ContainsFunc([]string{"slow", "lost answers", "store away", "restore", "freeze"}, w.plan.has)
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
