package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// world is a cluster of logs and the members of one group, in memory, for tests inside testing/synctest: time is the
// bubble's, and assignments are what the test says.
type world struct {
	t  *testing.T
	mu struct {
		sync.Mutex
		topics    map[string]*fakeTopic
		committed map[fencepost.TopicPartition]fencepost.CommittedOffset
		silent    map[fencepost.TopicPartition]bool
		refusals  map[fencepost.TopicPartition]string // :: silent partition -> why; absent: it has no leader
		barred    map[fencepost.TopicPartition]bool   // its records may not be read
		members   int                                 // of the group; 0: nobody says
		hung      bool                                // requests for the mirror are not answered
		deaf      chan struct{}                       // not nil: nor do they follow their context, until it is closed
		hidden    map[string]bool                     // :: topic -> no broker says anything of it
		fresh     chan struct{}                       // closed and replaced whenever something changes
	}
	cluster string
	only    []int32 // explicit partitions; nil: none
}

type fakeTopic struct {
	id   fencepost.TopicID
	logs []*fakeLog
}

// fakeLog is one partition: entries in offset order, from earliest; offsets may have holes.
type fakeLog struct {
	entries  []fencepost.Record
	earliest fencepost.Offset
	end      fencepost.Offset
	stable   fencepost.Offset // negative: end
	epochEnd map[fencepost.LeaderEpoch]fencepost.Offset
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, cluster: "cluster-1"}
	w.mu.topics = map[string]*fakeTopic{}
	w.mu.committed = map[fencepost.TopicPartition]fencepost.CommittedOffset{}
	w.mu.silent = map[fencepost.TopicPartition]bool{}
	w.mu.refusals = map[fencepost.TopicPartition]string{}
	w.mu.barred = map[fencepost.TopicPartition]bool{}
	w.mu.hidden = map[string]bool{}
	w.mu.fresh = make(chan struct{})
	return w
}

func (w *world) changed() {
	close(w.mu.fresh)
	w.mu.fresh = make(chan struct{})
}

// create makes a topic, or makes it again under another ID.
func (w *world) create(topic string, partitions int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := fencepost.TopicID{1}
	if old := w.mu.topics[topic]; old != nil {
		id = fencepost.TopicID{old.id[0] + 1}
	}
	w.mu.topics[topic] = &fakeTopic{id: id}
	w.grow(topic, partitions)
	w.changed()
}

func (w *world) grow(topic string, partitions int) {
	tt := w.mu.topics[topic]
	for len(tt.logs) < partitions {
		tt.logs = append(tt.logs, &fakeLog{stable: -1})
	}
}

// hide has no broker answer questions about a topic, or has them answer again.
func (w *world) hide(topic string, hidden bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.hidden[topic] = hidden
	w.changed()
}

// deaf has requests for the mirror hang, their contexts ignored; or lets them go.
func (w *world) deaf(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case on:
		w.mu.deaf = make(chan struct{})
	case w.mu.deaf != nil:
		close(w.mu.deaf)
		w.mu.deaf = nil
	}
}

// holdUp waits until let is closed; an hour, so that a test that waits for what hangs fails instead of hanging with it.
func holdUp(let chan struct{}) {
	select {
	case <-let:
	case <-time.After(time.Hour):
	}
}

// change alters a partition's log.
func (w *world) change(tp fencepost.TopicPartition, f func(*fakeLog)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.mu.topics[tp.Topic].logs[tp.Partition])
	w.changed()
}

// produce appends n records whose value is their offset.
func (w *world) produce(tp fencepost.TopicPartition, n int) {
	w.change(tp, func(l *fakeLog) {
		for range n {
			l.append(fencepost.Record{Value: []byte(strconv.Itoa(int(l.end)))})
		}
	})
}

func (l *fakeLog) append(r fencepost.Record) {
	r.Offset, r.Timestamp = l.end, time.Now().UnixMilli()
	l.entries = append(l.entries, r)
	l.end++
}

func (l *fakeLog) bounds() (earliest, stable, end fencepost.Offset) {
	stable = l.end
	if l.stable >= 0 {
		stable = l.stable
	}
	return l.earliest, stable, l.end
}

// feed is one member's view of the world.
type feed struct {
	w    *world
	most int // entries a partition and poll
	// leaving and polling, where they are set, hold up Leave, and a Poll whose context has ended, until they are closed.
	leaving, polling chan struct{}
	mu               struct {
		sync.Mutex
		holder source.Listener
		held   map[fencepost.TopicPartition]*cursor
		closed bool
	}
}

type cursor struct {
	next   fencepost.Offset
	paused bool
	id     fencepost.TopicID
}

func (w *world) source() *feed {
	s := &feed{w: w, most: 7}
	s.mu.held = map[fencepost.TopicPartition]*cursor{}
	return s
}

func (s *feed) Start(_ context.Context, h source.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.holder = h
	return nil
}

func (s *feed) Cluster() source.Cluster { return s.w }

func (s *feed) Leave(ctx context.Context) error {
	if s.leaving != nil {
		holdUp(s.leaving)
	}
	s.mu.Lock()
	var tps []fencepost.TopicPartition
	for tp := range s.mu.held {
		tps = append(tps, tp)
	}
	s.mu.closed = true
	h := s.mu.holder
	s.mu.Unlock()
	if len(tps) > 0 && h != nil {
		h.Revoked(ctx, tps)
	}
	return nil
}

func (s *feed) holder() source.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.holder
}

// assign gives partitions to the member.
func (s *feed) assign(tps ...fencepost.TopicPartition) {
	starts := s.holder().Assigned(context.Background(), tps)
	s.mu.Lock()
	for tp, st := range starts {
		s.mu.held[tp] = &cursor{next: st.Offset, paused: st.Paused, id: s.w.id(tp.Topic)}
	}
	s.mu.Unlock()
	s.w.mu.Lock()
	s.w.changed()
	s.w.mu.Unlock()
}

// revoke takes partitions away; lost without asking.
func (s *feed) revoke(lost bool, tps ...fencepost.TopicPartition) {
	if !lost {
		s.holder().Revoked(context.Background(), tps)
	}
	s.mu.Lock()
	for _, tp := range tps {
		delete(s.mu.held, tp)
	}
	s.mu.Unlock()
	if lost {
		s.holder().Lost(tps)
	}
}

func (s *feed) Seek(starts map[fencepost.TopicPartition]source.Start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for tp, st := range starts {
		if c := s.mu.held[tp]; c != nil {
			c.next, c.paused, c.id = st.Offset, st.Paused, s.w.id(tp.Topic)
		}
	}
}

func (s *feed) Poll(ctx context.Context) ([]source.Fetch, error) {
	for {
		s.w.mu.Lock()
		fresh := s.w.mu.fresh
		s.w.mu.Unlock()
		if chunks := s.fetch(); len(chunks) > 0 {
			return chunks, nil
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			if s.polling != nil {
				holdUp(s.polling)
			}
			return nil, nil
		}
	}
}

func (s *feed) fetch() (chunks []source.Fetch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for tp, c := range s.mu.held {
		if c.paused || s.w.mu.silent[tp] {
			continue
		}
		tt := s.w.mu.topics[tp.Topic]
		if tt == nil || tt.id != c.id {
			continue // the client never adopts another incarnation by itself
		}
		if s.w.mu.barred[tp] {
			c.paused = true
			chunks = append(chunks, source.Fetch{TopicPartition: tp, TopicID: c.id,
				Err: &source.PartitionError{TopicPartition: tp, Code: "TOPIC_AUTHORIZATION_FAILED", Err: errors.New("not authorized to access the topic")}})
			continue
		}
		log := tt.logs[tp.Partition]
		_, stable, end := log.bounds()
		if c.next < log.earliest || c.next > end {
			c.paused = true
			chunks = append(chunks, source.Fetch{TopicPartition: tp, TopicID: c.id,
				Err: &source.PartitionError{TopicPartition: tp, Code: "OFFSET_OUT_OF_RANGE", Err: errors.New("out of range")}})
			continue
		}
		var recs records
		for _, r := range log.entries {
			if r.Offset >= c.next && r.Offset < stable && len(recs) < s.most {
				recs = append(recs, r)
			}
		}
		if len(recs) > 0 {
			c.next = recs[len(recs)-1].Offset + 1
			chunks = append(chunks, source.Fetch{TopicPartition: tp, TopicID: c.id, Records: recs, LastStableOffset: stable, HighWatermark: end})
		}
	}
	slices.SortFunc(chunks, func(a, b source.Fetch) int { return a.Compare(b.TopicPartition) })
	return chunks
}

type records []fencepost.Record

func (r records) Len() int { return len(r) }
func (r records) Read(i int, rec *fencepost.Record) {
	tp := rec.TopicPartition
	*rec = r[i]
	rec.TopicPartition = tp
}
func (r records) Recycle(int, int) {}

// Size is at least 100 bytes an entry, so that small ones are easy to count.
func (r records) Size() (n int) {
	for i := range r {
		n += max(100, len(r[i].Value))
	}
	return n
}

func (w *world) id(topic string) fencepost.TopicID {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.mu.topics[topic]; t != nil {
		return t.id
	}
	return fencepost.TopicID{}
}

func (w *world) Describe(context.Context) (source.Description, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := source.Description{ClusterID: w.cluster, Topics: map[string]fencepost.Topic{}, Errs: map[string]error{}}
	for name, t := range w.mu.topics {
		if w.mu.hidden[name] {
			d.Errs[name] = fmt.Errorf("%w: hidden", fencepost.ErrNoAnswer)
			continue
		}
		d.Topics[name] = fencepost.Topic{ID: t.id, Partitions: int32(len(t.logs)), Only: w.only}
	}
	return d, nil
}

func (w *world) LogOffsets(_ context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[fencepost.TopicPartition]fencepost.LogOffsets{}
	for _, a := range asks {
		out[a.TopicPartition] = w.boundsOf(a)
	}
	return out
}

func (w *world) boundsOf(a fencepost.OffsetQuery) fencepost.LogOffsets {
	t := w.mu.topics[a.Topic]
	switch {
	case w.mu.silent[a.TopicPartition]:
		return fencepost.LogOffsets{Err: fmt.Errorf("%w: %s", fencepost.ErrNoAnswer, cmp.Or(w.mu.refusals[a.TopicPartition], "no leader"))}
	case t == nil:
		return fencepost.LogOffsets{Err: fencepost.ErrNoTopic}
	}
	log := t.logs[a.Partition]
	b := fencepost.LogOffsets{TopicID: t.id, EpochEnd: -1, AtTime: -1, EndEpoch: fencepost.NoEpoch}
	b.Earliest, b.LastStableOffset, b.HighWatermark = log.bounds()
	if end, ok := log.epochEnd[a.LeaderEpoch]; ok {
		b.EpochEnd = end
	}
	return b
}

func (w *world) CommittedOffsets(context.Context, fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[fencepost.TopicPartition]fencepost.CommittedOffset{}
	for tp, m := range w.mu.committed {
		out[tp] = m
	}
	return out, nil
}

func (w *world) MemberCount(context.Context) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.members == 0 {
		return 0, fencepost.ErrNoAnswer
	}
	return w.mu.members, nil
}

func (w *world) Mirror(ctx context.Context, _ fencepost.Group, marks map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	w.mu.Lock()
	hung, deaf := w.mu.hung, w.mu.deaf
	w.mu.Unlock()
	if deaf != nil {
		holdUp(deaf)
	}
	if hung {
		<-ctx.Done()
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for tp, m := range marks {
		w.mu.committed[tp] = m
	}
	return nil
}

// worker is a running engine.
type worker struct {
	t      *testing.T
	source *feed
	stop   context.CancelFunc
	done   chan struct{}
	err    error
	mu     struct {
		sync.Mutex
		events []Event
	}
}

// run starts an engine that holds nothing yet.
func (w *world) run(store sink.Sink, change func(*Config)) *worker {
	w.t.Helper()
	wk := &worker{t: w.t, source: w.source(), done: make(chan struct{})}
	cfg := Config{Group: "g", Source: wk.source, Sink: store, Decoder: decode.None, Who: "w@test", Events: func(ev Event) {
		if _, ok := ev.(Progress); ok {
			return
		}
		wk.mu.Lock()
		defer wk.mu.Unlock()
		if c, ok := ev.(Committed); ok {
			c.Segments = slices.Clone(c.Segments)
			ev = c
		}
		wk.mu.events = append(wk.mu.events, ev)
	}}
	if change != nil {
		change(&cfg)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	wk.stop = stop
	go func() {
		defer close(wk.done)
		wk.err = Run(ctx, cfg)
	}()
	return wk
}

// end stops the worker and returns how it ended.
func (wk *worker) end() error {
	wk.stop()
	<-wk.done
	return wk.err
}

// seen returns the events of one kind.
func seen[E Event](wk *worker) (out []E) {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	for _, ev := range wk.mu.events {
		if e, ok := ev.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

func tp(p int32) fencepost.TopicPartition { return fencepost.TopicPartition{Topic: "t", Partition: p} }

// position is what the store's ledger holds of a partition.
func position(t *testing.T, s *memory.Store, tp fencepost.TopicPartition) ledger.Position {
	t.Helper()
	snap, err := s.Read(t.Context(), "g")
	if err != nil {
		t.Fatalf("read ledger: %v", err)
	}
	return snap.Positions[tp]
}

// offsets is the offsets of a partition's rows, in the order in which they were committed.
func offsets(s *memory.Store, tp fencepost.TopicPartition) (out []fencepost.Offset) {
	for _, r := range s.Rows() {
		if r.TopicPartition == tp {
			out = append(out, r.Offset)
		}
	}
	return out
}

// upTo is [from, until) as a list.
func upTo(from, until fencepost.Offset) (out []fencepost.Offset) {
	for o := from; o < until; o++ {
		out = append(out, o)
	}
	return out
}

// over reports whether the run has ended by itself.
func (wk *worker) over() bool {
	select {
	case <-wk.done:
		return true
	default:
		return false
	}
}

// ends waits for the run to end by itself, for an hour at most of the bubble's time: a run that never ends is reported in a
// sentence, and not by the time-out of all tests.
func (wk *worker) ends() error {
	wk.t.Helper()
	select {
	case <-wk.done:
	case <-time.After(time.Hour):
		wk.t.Error("the run has not ended by itself within an hour")
	}
	return wk.end()
}

// silence has no broker answer for a partition, or has them answer again.
func (w *world) silence(tp fencepost.TopicPartition, silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.silent[tp] = silent
	w.changed()
}

// with changes the world.
func (w *world) with(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.changed()
}

// refuse has no broker answer for a partition, for a reason.
func (w *world) refuse(tp fencepost.TopicPartition, why string) {
	w.with(func() { w.mu.silent[tp], w.mu.refusals[tp] = true, why })
}

// bar has the brokers answer all questions about a partition, and refuse its records.
func (w *world) bar(tp fencepost.TopicPartition) { w.with(func() { w.mu.barred[tp] = true }) }

// fetchAtMost bounds the entries that a poll brings of a partition. 0: polls bring nothing.
func (s *feed) fetchAtMost(n int) {
	s.mu.Lock()
	s.most = n
	s.mu.Unlock()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.changed()
}

// engine is the worker's, once it has started.
func (wk *worker) engine() *Engine { return wk.source.holder().(callbacks).Engine }
