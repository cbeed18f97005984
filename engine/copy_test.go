package engine

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// hash is a Mirror that other tools read, with faults on demand.
type hash struct {
	mu struct {
		sync.Mutex
		entries map[fencepost.TopicPartition]fencepost.OffsetRange
		puts    int
		most    int // requests at one time
		now     int
		dead    error
		hung    bool
	}
}

func newHash() *hash {
	h := &hash{}
	h.mu.entries = map[fencepost.TopicPartition]fencepost.OffsetRange{}
	return h
}

func (h *hash) Put(ctx context.Context, entries map[fencepost.TopicPartition]fencepost.OffsetRange) error {
	h.mu.Lock()
	h.mu.puts++
	h.mu.now++
	h.mu.most = max(h.mu.most, h.mu.now)
	hung, dead := h.mu.hung, h.mu.dead
	h.mu.Unlock()
	if hung {
		<-ctx.Done()
		dead = ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.now--
	if dead == nil {
		maps.Copy(h.mu.entries, entries)
	}
	return dead
}

func (h *hash) set(dead error, hung bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.dead, h.mu.hung = dead, hung
}

// wants fails unless the entries are those.
func (h *hash) wants(t *testing.T, want map[fencepost.TopicPartition]fencepost.OffsetRange) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff(want, h.mu.entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func ranged(from, until fencepost.Offset) fencepost.OffsetRange {
	return fencepost.OffsetRange{From: from, Until: until}
}

// copied starts a worker that holds partition 0 of two and copies into hashes.
func copied(w *world, s sink.Sink, copies ...*hash) *worker {
	w.create("t", 2)
	wk := w.run(s, func(c *Config) {
		for _, h := range copies {
			c.Mirrors = append(c.Mirrors, h)
		}
	})
	synctest.Wait()
	wk.source.most = 100
	wk.source.assign(tp(0))
	return wk
}

// Each copy holds the range of what was committed since it was last written, one request at a time, and nothing of
// partitions that others hold. A stop writes the last of it.
func TestCopiesFollowTheCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := newWorld(t), newHash(), newHash()
		a.mu.entries[tp(1)] = ranged(3, 4) // another worker's
		b.mu.entries[tp(1)] = ranged(3, 4)
		wk := copied(w, memory.Open(), a, b)
		w.produce(tp(0), 10)
		time.Sleep(5 * time.Second)
		for _, h := range []*hash{a, b} {
			h.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): ranged(0, 10), tp(1): ranged(3, 4)})
		}
		for range 20 {
			w.produce(tp(0), 1)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		a.mu.Lock()
		if got := a.mu.entries[tp(0)]; got.Until != 30 || got.From <= 10 || a.mu.puts != 3 {
			t.Errorf("behind 20 commits in 200 ms: %v by %d writes, want until 30 by a second and a third write", got, a.mu.puts)
		}
		a.mu.Unlock()
		w.produce(tp(0), 5)
		synctest.Wait()
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		b.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): ranged(30, 35), tp(1): ranged(3, 4)})
		if a.mu.most != 1 {
			t.Errorf("%d requests at once, want one", a.mu.most)
		}
	})
}

// A stop that cuts the first write short is followed by a flush that writes it: a server that is slow to connect to is
// not one that fails.
func TestAStopFinishesTheFirstCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHash()
		h.set(nil, true)
		e := &Engine{cfg: Config{Group: "g", Events: func(ev Event) { t.Errorf("told: %+v, want nothing", ev) }}}
		e.mu.parts = map[fencepost.TopicPartition]*partition{tp(0): {Partition: assignment.New(tp(0))}}
		m := newCopy(e, 1, h)
		polling, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.run(polling)
		}()
		m.committed([]ledger.Move{{TopicPartition: tp(0), Next: ledger.Position{Offset: 10}}})
		synctest.Wait() // the request is on its way
		stop()
		<-done
		h.set(nil, false)
		m.flush(t.Context(), []fencepost.TopicPartition{tp(0)})
		h.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): ranged(0, 10)})
	})
}

// What the last write of a run could not copy is reported: it is not written again.
func TestACopyThatNeverAnsweredIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newWorld(t), newHash()
		h.set(nil, true)
		wk := copied(w, memory.Open(), h)
		w.produce(tp(0), 10)
		synctest.Wait()
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if told := seen[MirrorFailed](wk); len(told) != 1 || told[0].Mirror != 1 {
			t.Errorf("told: %+v, want the copy once", told)
		}
	})
}

// A copy whose server is dead is reported once; commits and the other copies go on; when it is back, it is written without a
// new commit, from where it was last written.
func TestDeadCopyIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, dead, well := newWorld(t), memory.Open(), newHash(), newHash()
		wk := copied(w, s, well, dead)
		w.produce(tp(0), 10)
		time.Sleep(5 * time.Second)
		dead.set(errors.New("connection refused"), false)
		for range 10 {
			w.produce(tp(0), 2)
			time.Sleep(time.Second)
		}
		if got := position(t, s, tp(0)).Offset; got != 30 {
			t.Errorf("the ledger holds %d, want 30", got)
		}
		well.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): ranged(28, 30)})
		dead.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): ranged(0, 10)})
		if told := seen[MirrorFailed](wk); len(told) != 1 || told[0].Mirror != 2 {
			t.Errorf("told: %+v, want the second one once", told)
		}
		dead.set(nil, false)
		time.Sleep(20 * time.Second)
		dead.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): ranged(10, 30)})
		dead.set(errors.New("again"), false)
		w.produce(tp(0), 1)
		time.Sleep(5 * time.Second)
		if told := seen[MirrorFailed](wk); len(told) != 2 {
			t.Errorf("told: %+v, want a second time, it was well in between", told)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A copy whose server hangs slows no commit, and holds a revoke up for a second at most, once.
func TestHungCopySlowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, h, other := newWorld(t), memory.Open(), newHash(), newHash()
		h.set(nil, true)
		other.set(nil, true)
		wk := copied(w, s, h, other)
		for range 20 {
			w.produce(tp(0), 1)
			synctest.Wait()
		}
		if got := position(t, s, tp(0)).Offset; got != 20 {
			t.Errorf("while a request hangs the ledger holds %d, want 20", got)
		}
		for _, most := range []time.Duration{time.Second, 0} { // then the request has failed
			w.produce(tp(0), 1)
			synctest.Wait()
			began := time.Now()
			wk.source.revoke(false, tp(0))
			if took := time.Since(began); took > most {
				t.Errorf("the revoke took %s, want at most %s", took, most)
			}
			time.Sleep(15 * time.Second)
			wk.source.assign(tp(0))
			time.Sleep(time.Second)
		}
		if h.mu.most != 1 {
			t.Errorf("%d requests at once, want one: a late one would undo a newer one", h.mu.most)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A revoke writes what the partition's last commit left, before the heir begins; a loss writes nothing more.
func TestRevokeWritesTheCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, h := newWorld(t), memory.Open(), newHash()
		wk := copied(w, s, h)
		w.produce(tp(0), 10)
		time.Sleep(5 * time.Second)
		w.produce(tp(0), 5)
		synctest.Wait()
		w.produce(tp(0), 5)
		synctest.Wait()
		wk.source.revoke(false, tp(0))
		h.mu.Lock()
		if got := h.mu.entries[tp(0)].Until; got != 20 {
			t.Errorf("behind a revoke the copy is at %d, want 20", got)
		}
		h.mu.Unlock()
		wk.source.assign(tp(0))
		time.Sleep(5 * time.Second)
		h.set(errors.New("for a moment"), false)
		w.produce(tp(0), 5)
		synctest.Wait()
		wk.source.revoke(true, tp(0))
		h.set(nil, false)
		time.Sleep(time.Minute)
		h.mu.Lock()
		if got := h.mu.entries[tp(0)].Until; got != 20 {
			t.Errorf("behind a loss the copy is at %d, want 20: the rest is the heir's to write", got)
		}
		h.mu.Unlock()
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
