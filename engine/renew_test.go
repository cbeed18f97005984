package engine

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// mirrored is what the Kafka group holds of a partition; forget has it forget it, as brokers do with an idle group's.
func (w *world) mirrored(tp fencepost.TopicPartition) fencepost.Offset {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m, ok := w.mu.committed[tp]; ok {
		return m.Offset
	}
	return -1
}

func (w *world) forgetMirrored(tp fencepost.TopicPartition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.mu.committed, tp)
}

func (w *world) hangMirror(hung bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.hung = hung
}

// The offsets of an idle group expire, and laws 10 and 12 rest on them: they are written again every hour. A partition
// that has left is its heir's to renew: an old offset would be written over a newer one.
func TestMirrorIsRenewed(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		w.produce(tp(1), 10)
		a := w.run(s, nil)
		synctest.Wait()
		a.source.assign(tp(0), tp(1))
		time.Sleep(time.Minute)
		a.source.revoke(false, tp(1))
		b := w.run(s, nil)
		synctest.Wait()
		b.source.assign(tp(1))
		w.produce(tp(1), 10)
		time.Sleep(time.Minute)
		if err := b.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		w.forgetMirrored(tp(0))
		time.Sleep(2 * renewEvery)
		if got := w.mirrored(tp(0)); got != 10 {
			t.Errorf("after two idle hours the Kafka group holds %d of t:0, want 10 again", got)
		}
		if got := w.mirrored(tp(1)); got != 20 {
			t.Errorf("after two idle hours the Kafka group holds %d of t:1, want 20, the heir's", got)
		}
		if err := a.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A write of the Kafka group's offsets that failed is made again by itself, though nothing is committed any more: in the middle of a rebalance a
// group refuses.
func TestAMirrorThatFailedIsMendedAtRest(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Minute)
		w.hangMirror(true)
		w.produce(tp(0), 5)
		time.Sleep(2 * requestTimeout)
		w.hangMirror(false)
		time.Sleep(2 * mendEvery)
		if got := w.mirrored(tp(0)); got != 5 {
			t.Errorf("the Kafka group holds %d, want 5", got)
		}
		if told := seen[MirrorFailed](wk); len(told) != 1 || told[0].Mirror != 0 {
			t.Errorf("told: %+v, want the Kafka group once", told)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// What a write has failed of is owed until it is written, whatever became of others meanwhile.
func TestAMirrorOwesWhatFailed(t *testing.T) {
	m := makeMirror[int](nil, 0)
	for p := range int32(2) {
		m.mu.marks[tp(p)] = &mark[int]{value: int(p), fresh: true}
	}
	write := func(p int32, err error) { m.written(m.take([]fencepost.TopicPartition{tp(p)}), err, false) }
	for _, step := range []struct {
		partition int32
		err       error
		owes      bool
	}{{0, errors.New("no"), true}, {1, nil, true}, {0, nil, false}} {
		if write(step.partition, step.err); m.owes() != step.owes {
			t.Errorf("behind a write of %d with the error %v it owes: %t", step.partition, step.err, m.owes())
		}
	}
}

// A worker that lost its membership may have moved on under another fence, and have mirrored nothing of it: its heir writes what the ledger has.
func TestAnHeirMirrorsWhatTheLedgerHas(t *testing.T) {
	for _, behind := range []bool{false, true} {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			wk := w.run(s, nil)
			synctest.Wait()
			wk.source.assign(tp(0))
			w.produce(tp(0), 5)
			time.Sleep(time.Second)
			if err := wk.end(); err != nil {
				t.Fatal(err)
			}
			w.mu.Lock()
			was := w.mu.committed[tp(0)]
			stale := was
			if stale.Offset = 3; !behind {
				stale.Offset, stale.Fence = 7, was.Fence+1
			}
			w.mu.committed[tp(0)] = stale
			w.mu.Unlock()
			heir := w.run(s, nil)
			synctest.Wait()
			heir.source.assign(tp(0))
			time.Sleep(time.Second)
			w.mu.Lock()
			now := w.mu.committed[tp(0)]
			w.mu.Unlock()
			if now.Offset != was.Offset || now.Fence != was.Fence {
				t.Errorf("the group holds %d of fence %d, want %d of %d", now.Offset, now.Fence, was.Offset, was.Fence)
			}
			if err := heir.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// A write of the Kafka group's offsets that failed is reported once, and a stop writes them again.
func TestAStopWritesAMirrorThatFailed(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.hangMirror(true)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		for range 2 {
			w.produce(tp(0), 5)
			time.Sleep(2 * requestTimeout)
		}
		if told := seen[MirrorFailed](wk); len(told) != 1 || told[0].Mirror != 0 {
			t.Errorf("told: %+v, want the Kafka group once", told)
		}
		w.hangMirror(false)
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if got := w.mirrored(tp(0)); got != 10 {
			t.Errorf("behind the stop the Kafka group holds %d, want 10", got)
		}
	})
}

// A write fails after its partition was lost: nothing of it is written again, least of all an empty range.
func TestAFailedCopyOfALostPartitionIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newWorld(t), newHash()
		h.set(nil, true)
		wk := copied(w, memory.Open(), h)
		w.produce(tp(0), 5)
		synctest.Wait() // the request is on its way, and will get no answer
		wk.source.revoke(true, tp(0))
		h.set(nil, false)
		time.Sleep(time.Minute)
		h.wants(t, map[fencepost.TopicPartition]fencepost.OffsetRange{})
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// The mirror of a commit may have been refused, of a worker that had lost its membership: the heir writes where the ledger is, though the
// partition is idle.
func TestAnHeirMirrorsWhatWasCommitted(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		a := w.run(s, nil)
		synctest.Wait()
		a.source.assign(tp(0))
		w.produce(tp(0), 10)
		time.Sleep(time.Minute)
		if err := a.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		w.mu.Lock()
		behind := w.mu.committed[tp(0)]
		behind.Offset = 5
		w.mu.committed[tp(0)] = behind
		w.mu.Unlock()

		b := w.run(s, nil)
		synctest.Wait()
		b.source.assign(tp(0))
		time.Sleep(time.Minute)
		if got := w.mirrored(tp(0)); got != 10 {
			t.Errorf("the Kafka group holds %d, want the ledger's 10", got)
		}
		if err := b.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A worker that has lost its membership may commit once more after the heir took the partition up: the heir is refused, and mirrors where the
// ledger is, though the partition is idle from then on.
func TestAnHeirMirrorsWhatWasCommittedBehindItsBack(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		heir := w.run(s, nil)
		synctest.Wait()
		heir.source.assign(tp(0))
		w.produce(tp(0), 10)
		time.Sleep(time.Minute)
		held := position(t, s, tp(0))
		next := held
		next.Offset = 15
		m := ledger.Move{TopicPartition: tp(0), Held: held, Next: next, Cause: ledger.CauseCommit}
		if err := s.Move(t.Context(), ledger.Actor{Group: "g", ClusterID: "cluster-1", Who: "evicted"}, []ledger.Move{m}); err != nil {
			t.Fatal(err)
		}
		w.produce(tp(0), 5)
		time.Sleep(time.Minute)
		if got := w.mirrored(tp(0)); got != 15 {
			t.Errorf("the Kafka group holds %d, want the ledger's 15", got)
		}
		if err := heir.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
