//go:build realservers

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// watch is the watch interval of every worker here: what the design says is noticed "within the watch interval" is
// noticed while a test waits.
const watch = 300 * time.Millisecond

// setup is how a worker is started; a test changes what it is about.
type setup struct {
	kafka  kafka.Config
	engine engine.Config
}

// worker is a running engine in this process.
type worker struct {
	t    *testing.T
	stop context.CancelFunc
	done chan struct{}
	err  error // read after done

	mu struct {
		sync.Mutex
		events []engine.Event
		fresh  chan struct{} // closed and replaced at each event
	}
}

// run starts a worker of the scene's group on topics, with the usual table as its sink.
func (s *scene) run(topics []string, change func(*setup)) *worker {
	s.t.Helper()
	wk := &worker{t: s.t, done: make(chan struct{})}
	wk.mu.fresh = make(chan struct{})
	set := setup{
		kafka: kafka.Config{Brokers: []string{s.broker.Plaintext}, Group: s.group, Topics: topics, Watch: watch},
		engine: engine.Config{Group: s.group, Watch: watch, Wait: patience, Decoder: values(),
			Who: s.t.Name(), Events: wk.hear},
	}
	if change != nil {
		change(&set)
	}
	if set.engine.Sink == nil {
		set.engine.Sink = s.store.sink(s.t, "seen", "")
	}
	if set.engine.Source == nil {
		source, err := kafka.Open(set.kafka)
		if err != nil {
			s.t.Fatal(err)
		}
		set.engine.Source = source
	}
	set.engine.Uncommitted = set.kafka.Isolation == kafka.ReadUncommitted
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	wk.stop = stop
	go func() {
		defer close(wk.done)
		wk.err = engine.Run(ctx, set.engine)
	}()
	s.t.Cleanup(func() { stop(); <-wk.done })
	return wk
}

// explicit has a worker take partitions by itself, beside the group: two workers may then want the same ones.
func explicit(tps ...fencepost.TopicPartition) func(*setup) {
	return func(s *setup) { s.kafka.Topics, s.kafka.Partitions = nil, tps }
}

// toEnd runs a worker to where the topics end now.
func (s *scene) toEnd(topics []string, change func(*setup)) *worker {
	s.t.Helper()
	wk := s.run(topics, func(set *setup) {
		set.engine.Until = engine.Until{End: true}
		if change != nil {
			change(set)
		}
	})
	if err := wk.wait(); err != nil {
		s.t.Fatalf("run to the end: %v\n%s", err, wk.story())
	}
	return wk
}

// values decodes a record's whole value into the column value.
func values() func() fencepost.Decoder {
	f, err := decode.Raw(fencepost.ColumnSpec{Name: "value", Type: fencepost.Text})
	if err != nil {
		panic(err)
	}
	return f
}

// hear keeps the engine's events.
func (wk *worker) hear(ev engine.Event) {
	if _, ok := ev.(engine.Progress); ok {
		return
	}
	if c, ok := ev.(engine.Committed); ok {
		c.Segments = slices.Clone(c.Segments)
		ev = c
	}
	wk.mu.Lock()
	defer wk.mu.Unlock()
	wk.mu.events = append(wk.mu.events, ev)
	close(wk.mu.fresh)
	wk.mu.fresh = make(chan struct{})
}

// heard is the events of one kind so far.
func heard[E engine.Event](wk *worker) (list []E) {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	for _, ev := range wk.mu.events {
		if e, ok := ev.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

// await waits for an event, which may have come already.
func await[E engine.Event](wk *worker, what string, is func(E) bool) E {
	wk.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		wk.mu.Lock()
		fresh := wk.mu.fresh
		wk.mu.Unlock()
		ended := wk.over()
		list := heard[E](wk)
		if i := slices.IndexFunc(list, is); i >= 0 {
			return list[i]
		}
		if ended {
			wk.t.Fatalf("%s: the worker ended without it: %v\n%s", what, wk.err, wk.story())
		}
		select {
		case <-fresh:
		case <-wk.done:
		case <-timer.C:
			wk.t.Fatalf("%s: not within %s\n%s", what, patience, wk.story())
		}
	}
}

// parked waits until a partition is parked with a code.
func (wk *worker) parked(tp fencepost.TopicPartition, code string) engine.Parked {
	wk.t.Helper()
	return await(wk, fmt.Sprintf("%s is parked as %s", tp, code), func(p engine.Parked) bool { return p.TopicPartition == tp && p.Code == code })
}

// settled waits until a partition was settled with a verdict.
func (wk *worker) settled(tp fencepost.TopicPartition, v ledger.Verdict) engine.Reconciliation {
	wk.t.Helper()
	var found engine.Reconciliation
	await(wk, fmt.Sprintf("%s is settled as %s", tp, v), func(e engine.Reconciled) bool {
		i := slices.IndexFunc(e.Partitions, func(p engine.Reconciliation) bool { return p.TopicPartition == tp && p.Verdict == v })
		if i >= 0 {
			found = e.Partitions[i]
		}
		return i >= 0
	})
	return found
}

// refused waits until a commit for a partition was refused.
func (wk *worker) refused(tp fencepost.TopicPartition) engine.Refused {
	wk.t.Helper()
	return await(wk, fmt.Sprintf("a commit of %s is refused", tp), func(r engine.Refused) bool { return r.TopicPartition == tp })
}

func (wk *worker) over() bool {
	select {
	case <-wk.done:
		return true
	default:
		return false
	}
}

// wait waits for the worker's own end.
func (wk *worker) wait() error {
	wk.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-wk.done:
	case <-timer.C:
		wk.t.Fatalf("the worker did not end within %s\n%s", patience, wk.story())
	}
	return wk.err
}

// end stops the worker, which must not have failed.
func (wk *worker) end() {
	wk.t.Helper()
	wk.stop()
	if err := wk.wait(); err != nil {
		wk.t.Errorf("the worker ended with %v\n%s", err, wk.story())
	}
}

// fault waits for the worker's own end and wants a UserError of it.
func (wk *worker) fault(code string) *fencepost.UserError {
	wk.t.Helper()
	err := wk.wait()
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || f.Code != code {
		wk.t.Fatalf("the worker ended with %v, want the fault %s\n%s", err, code, wk.story())
	}
	return f
}

// story is the worker's events, for a failure's reader.
func (wk *worker) story() string {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	var b strings.Builder
	for _, ev := range wk.mu.events {
		fmt.Fprintf(&b, "  %T %+v\n", ev, ev)
	}
	return b.String()
}

// hooked is a sink whose commits go through a function of the test's.
type hooked struct {
	sink.Sink
	commit commitFunc
}

// commitFunc is a function between the engine and a lane.
type commitFunc func(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error

func (h hooked) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := h.Sink.Lane(ctx, n)
	if err != nil {
		return nil, err
	}
	return hookedLane{l, h.commit}, nil
}

type hookedLane struct {
	sink.Lane
	commit commitFunc
}

func (l hookedLane) Commit(ctx context.Context, w ledger.Actor, b sink.Commit) error {
	return l.commit(ctx, l.Lane, w, b)
}

// gate holds commits back: the batch is in the worker's hand, and nothing of it has been sent.
type gate struct {
	caught chan string // the ranges of a batch that reached the shut gate

	mu struct {
		sync.Mutex
		open chan struct{} // closed: it is open
	}
}

func newGate() *gate {
	g := &gate{caught: make(chan string, 100)}
	g.mu.open = make(chan struct{})
	close(g.mu.open)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.open = make(chan struct{})
}

// once lets the batch that is held through, and no other.
func (g *gate) once() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.mu.open)
	g.mu.open = make(chan struct{})
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.mu.open)
}

// commit lets a batch through once the gate is open.
func (g *gate) commit(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
	g.mu.Lock()
	open := g.mu.open
	g.mu.Unlock()
	select {
	case <-open:
		return l.Commit(ctx, w, b)
	default:
	}
	g.caught <- ranges(b.Batch)
	select {
	case <-open:
		return l.Commit(ctx, w, b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// catch waits until a batch is held, and wants these ranges in it.
func (g *gate) catch(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-g.caught:
		if got != want {
			t.Fatalf("the held batch is %s, want %s", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("no batch came to the gate within %s", patience)
	}
}

// ranges is what a batch covers: `0[2 .. 5) 1[0 .. 7)`.
func ranges(b *fencepost.Batch) string {
	var list []string
	for _, s := range b.Segments {
		list = append(list, fmt.Sprintf("%d%s", s.Partition, s.Range))
	}
	return strings.Join(list, " ")
}

// batches are the offsets of each batch that was committed with rows, as the sink saw them.
type batches struct {
	mu   sync.Mutex
	list []string
}

func (n *batches) commit(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
	var rows []fencepost.Offset
	for _, s := range b.Segments {
		rows = append(rows, b.Offsets[s.Lo:s.Hi]...)
	}
	err := l.Commit(ctx, w, b)
	if err == nil && len(rows) > 0 {
		n.mu.Lock()
		n.list = append(n.list, fmt.Sprint(rows))
		n.mu.Unlock()
	}
	return err
}

func (n *batches) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.list, " ")
}
