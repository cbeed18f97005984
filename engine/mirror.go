package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Mirror is a place outside of the Kafka group that holds committed offsets for other tools.
type Mirror interface {
	// Put sets the ranges of these partitions and leaves all others as they are. It follows its context. The engine
	// makes one call at a time, and never one with an empty map.
	//
	// Errors: any; the next Put of the same partitions has to mend whatever this one left.
	Put(context.Context, map[fencepost.TopicPartition]fencepost.OffsetRange) error
}

// mirror copies committed offsets to one place for tools that read them there: the Kafka group (laws 10 and 12 rest on
// it), and each of Config.Mirrors. It is never read back as truth: a write that fails is reported and written again with the
// next one. V is what the place keeps of a partition.
type mirror[V any] struct {
	e      *Engine
	number int // 0: the Kafka group; else the place in Config.Mirrors, from 1
	wake   chan struct{}
	write  func(context.Context, map[fencepost.TopicPartition]V) error
	value  func(ledger.Move) V // what a commit leaves of a partition
	merge  func(was, now V) V  // of two that wait to be written

	mu struct {
		sync.Mutex
		marks  map[fencepost.TopicPartition]*mark[V]
		failed bool // the last write
	}
	sending chan struct{} // holds an element while a request is in flight, so that a late one cannot undo a newer one; capacity 1
}

// mark is what the place keeps of one partition, or is to keep.
type mark[V any] struct {
	value V
	fresh bool // not written yet
	owed  bool // and a write of it failed
}

// mirroring is a mirror, whatever it keeps.
type mirroring interface {
	committed([]ledger.Move)
	run(context.Context)
	flush(context.Context, []fencepost.TopicPartition)
	drop([]fencepost.TopicPartition)
}

// mirrorEvery is the shortest time between two writes of the mirror, renewEvery the longest: offsets of an idle group
// expire. A copy has no such need. What failed is written again after mendFirst, and then at growing intervals up to mendEvery: a group that
// is in the middle of a rebalance refuses, and no later commit may come.
const (
	mirrorEvery = 500 * time.Millisecond
	renewEvery  = time.Hour
	mendFirst   = time.Second
	mendEvery   = 10 * time.Second
)

// newMirror is that of the Kafka group.
func newMirror(e *Engine) *mirror[fencepost.CommittedOffset] {
	m := makeMirror[fencepost.CommittedOffset](e, 0)
	m.value = func(m ledger.Move) fencepost.CommittedOffset {
		c := fencepost.CommittedOffset{Offset: m.Next.Offset, LeaderEpoch: m.Next.LeaderEpoch, Ledger: e.identity, TopicID: m.Next.TopicID,
			Fence: int64(m.Next.Fence)}
		if at := e.place.Load(); at != nil {
			c.Place = *at
		}
		return e.signed(c)
	}
	m.merge = func(_, now fencepost.CommittedOffset) fencepost.CommittedOffset { return now }
	m.write = func(ctx context.Context, marks map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
		return e.cluster.Mirror(ctx, e.cfg.Group, marks)
	}
	return m
}

// newCopy is that of a Mirror. It holds the range of the last commit, or of all commits since the last write: a reader that takes
// From for the place to begin repeats all that it has not seen.
func newCopy(e *Engine, number int, to Mirror) *mirror[fencepost.OffsetRange] {
	m := makeMirror[fencepost.OffsetRange](e, number)
	m.value = func(m ledger.Move) fencepost.OffsetRange {
		return fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset}
	}
	m.merge = func(was, now fencepost.OffsetRange) fencepost.OffsetRange {
		if was.Until == now.From { // else the partition was moved in between
			now.From = was.From
		}
		return now
	}
	m.write = to.Put
	return m
}

func makeMirror[V any](e *Engine, number int) *mirror[V] {
	m := &mirror[V]{e: e, number: number, wake: make(chan struct{}, 1), sending: make(chan struct{}, 1)}
	m.mu.marks = map[fencepost.TopicPartition]*mark[V]{}
	return m
}

// committed records positions to be mirrored. One of a partition that has left does not count: its heir's mark is newer, and
// this one would be renewed over it.
func (m *mirror[V]) committed(moves []ledger.Move) {
	m.mu.Lock()
	m.e.mu.Lock() // inside m.mu: drop comes behind forget
	for i := range moves {
		tp := moves[i].TopicPartition
		if m.e.mu.parts[tp] == nil {
			continue
		}
		k := m.mu.marks[tp]
		if k == nil {
			k = &mark[V]{}
			m.mu.marks[tp] = k
		}
		now := m.value(moves[i])
		if k.fresh {
			now = m.merge(k.value, now)
		}
		k.value, k.fresh = now, true
	}
	m.e.mu.Unlock()
	m.mu.Unlock()
	m.rouse()
}

// rouse has what is new written.
func (m *mirror[V]) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run writes the mirror until ctx ends.
func (m *mirror[V]) run(ctx context.Context) {
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	pause := mendFirst
	for {
		var mend <-chan time.Time
		if m.owes() {
			mend = time.After(pause)
		} else {
			pause = mendFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-mend: // what is written for a commit meanwhile, and refused too, makes no pause longer
			pause = longer(pause, mendFirst, mendEvery)
		case <-renew.C:
			m.mu.Lock()
			for _, k := range m.mu.marks {
				k.fresh = true
			}
			m.mu.Unlock()
		}
		m.send(ctx, nil)
		select {
		case <-ctx.Done():
			return
		case <-time.After(mirrorEvery):
		}
	}
}

// failing reports whether the last write failed.
func (m *mirror[V]) failing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.failed
}

// owes reports whether something is not written yet of which a write has failed. The last write may have been of other partitions.
func (m *mirror[V]) owes() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.mu.marks {
		if k.owed {
			return true
		}
	}
	return false
}

// send writes what is new of tps (nil: of all). It returns soon after ctx ends; a request that does not follow its context
// keeps later ones waiting until it returns, for it may still undo them.
func (m *mirror[V]) send(ctx context.Context, tps []fencepost.TopicPartition) {
	select {
	case m.sending <- struct{}{}:
	case <-ctx.Done(): // a revoke does not wait for a request that hangs
		return
	}
	_, _ = call(ctx, &m.e.others, grace/10, "mirror", only(func(ctx context.Context) error {
		defer func() { <-m.sending }()
		m.request(ctx, tps)
		return nil
	}))
}

// request writes what is new of tps once, and reports where that failed.
func (m *mirror[V]) request(ctx context.Context, tps []fencepost.TopicPartition) {
	marks := m.take(tps)
	if len(marks) == 0 {
		return
	}
	request, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := m.write(request, marks)
	cut := err != nil && errors.Is(ctx.Err(), context.Canceled) // by a stop: then the failure is not the place's
	again := m.written(marks, err, cut)
	if err != nil && !cut && !again { // once, until a write succeeds
		m.e.emit(MirrorFailed{Mirror: m.number, Err: err})
	}
}

// written notes what became of a write, and reports whether the one before had failed. What was not written is new
// again, also where a stop cut the request short: the flush that follows writes it, so that is no failure.
func (m *mirror[V]) written(marks map[fencepost.TopicPartition]V, err error, cut bool) (again bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	again = m.mu.failed
	if !cut {
		m.mu.failed = err != nil
	}
	if err == nil {
		return again
	}
	for tp, was := range marks {
		k := m.mu.marks[tp]
		if k == nil {
			continue
		}
		if k.fresh {
			k.value = m.merge(was, k.value)
		}
		k.fresh, k.owed = true, true
	}
	return again
}

// take is what is new of tps (nil: of all), which is new no more.
func (m *mirror[V]) take(tps []fencepost.TopicPartition) map[fencepost.TopicPartition]V {
	m.mu.Lock()
	defer m.mu.Unlock()
	marks := map[fencepost.TopicPartition]V{}
	take := func(tp fencepost.TopicPartition, k *mark[V]) {
		if k != nil && k.fresh {
			marks[tp], k.fresh, k.owed = k.value, false, false
		}
	}
	if tps == nil {
		for tp, k := range m.mu.marks {
			take(tp, k)
		}
	}
	for _, tp := range tps {
		take(tp, m.mu.marks[tp])
	}
	return marks
}

// flush writes what is new of partitions that are leaving. A copy that fails is not waited for.
func (m *mirror[V]) flush(ctx context.Context, tps []fencepost.TopicPartition) {
	if m.number > 0 && m.failing() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	m.send(ctx, tps)
}

// drop forgets partitions.
func (m *mirror[V]) drop(tps []fencepost.TopicPartition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, tp := range tps {
		delete(m.mu.marks, tp)
	}
}

// flushMirrors writes all mirrors side by side, so that several cost no more than one.
func (e *Engine) flushMirrors(ctx context.Context, tps []fencepost.TopicPartition) {
	var all sync.WaitGroup
	for _, m := range e.mirrors {
		all.Go(func() { m.flush(ctx, tps) })
	}
	all.Wait()
}

// dropMirrors makes all mirrors forget partitions.
func (e *Engine) dropMirrors(tps []fencepost.TopicPartition) {
	for _, m := range e.mirrors {
		m.drop(tps)
	}
}

// moveTo notes where the ledger is. After it has moved, what was mirrored before is written again, idle partitions too: the old
// place is not the group's any more. What the ledger here has not reached stays as it is: said of this place, it would be a ledger that
// went back where nobody promoted a replica.
func (e *Engine) moveTo(here ledger.Snapshot) {
	at := here.Place
	was := e.place.Swap(&at)
	if was == nil || *was == at {
		return
	}
	e.inGroup.change(func(tp fencepost.TopicPartition, c fencepost.CommittedOffset) (fencepost.CommittedOffset, bool) {
		held := here.Positions[tp]
		if c.Offset > held.Offset && c.Fence == int64(held.Fence) {
			return c, false
		}
		c.Place = at
		return c, true
	})
}

// signed is a committed offset with this worker's member, once that is entered in the ledger (see ledger.Strangers).
func (e *Engine) signed(c fencepost.CommittedOffset) fencepost.CommittedOffset {
	if w := e.entered.Load(); w != nil {
		c.Member, c.Who = w.Member, w.Who
	}
	return c
}

// enteredAs notes this worker's entry in the ledger. Where it names a member, what is mirrored does so too, idle partitions as well.
func (e *Engine) enteredAs(w ledger.Worker) {
	if was := e.entered.Load(); w.Member == "" || was != nil && was.Member == w.Member {
		return
	}
	e.entered.Store(&w)
	e.inGroup.change(func(_ fencepost.TopicPartition, c fencepost.CommittedOffset) (fencepost.CommittedOffset, bool) {
		return e.signed(c), true
	})
}

// inherit takes over what the group holds of partitions that were assigned, and signs it: other workers see by it who has them, idle ones
// too. What is behind the ledger, or of a fence that was left, is written as the ledger has it: a worker that had lost its membership could commit,
// and not mirror. What is ahead under the same fence stays: the ledger went back.
//
// at is where partitions run: the brokers may contradict the position of one that stands still.
func (e *Engine) inherit(tps []fencepost.TopicPartition, at map[fencepost.TopicPartition]ledger.Position, mirrored map[fencepost.TopicPartition]fencepost.CommittedOffset) {
	all := map[fencepost.TopicPartition]fencepost.CommittedOffset{}
	for _, tp := range tps {
		if c, is := mirrored[tp]; is && c.Ledger == e.identity {
			all[tp] = c
		}
	}
	e.inGroup.inherit(all, func(tp fencepost.TopicPartition, c fencepost.CommittedOffset) (fencepost.CommittedOffset, bool) {
		now := e.signed(c)
		if held, runs := at[tp]; runs && (int64(held.Fence) != c.Fence || held.Offset > c.Offset) {
			now = e.inGroup.value(ledger.Move{Next: held})
		}
		return now, now != c
	})
}

// inherit keeps values of before for partitions that are held and have none yet. They are written where f makes others of them, and so are
// those that are kept already: a worker that had lost the partition may have committed since.
func (m *mirror[V]) inherit(values map[fencepost.TopicPartition]V, f func(fencepost.TopicPartition, V) (V, bool)) {
	m.mu.Lock()
	m.e.mu.Lock()
	for tp, v := range values {
		if m.e.mu.parts[tp] == nil {
			continue
		}
		k := m.mu.marks[tp]
		if k == nil {
			k = &mark[V]{value: v}
			m.mu.marks[tp] = k
		}
		if now, other := f(tp, k.value); other {
			k.value, k.fresh = now, true
		}
	}
	m.e.mu.Unlock()
	m.mu.Unlock()
	m.rouse()
}

// change has what is kept written again in another form, where f has one.
func (m *mirror[V]) change(f func(fencepost.TopicPartition, V) (V, bool)) {
	m.mu.Lock()
	for tp, k := range m.mu.marks {
		if value, other := f(tp, k.value); other {
			k.value, k.fresh = value, true
		}
	}
	m.mu.Unlock()
	m.rouse()
}
