package engine

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// lender is a source that counts what becomes of the entries that it hands out.
type lender struct {
	*feed
	mu struct {
		sync.Mutex
		lent   int
		faults []string
		open   map[*loan]bool
	}
}

// loan is one fetch's entries.
type loan struct {
	records
	of   *lender
	tp   fencepost.TopicPartition
	back []bool
	left int
}

func (l *lender) Poll(ctx context.Context) ([]source.Fetch, error) {
	chunks, err := l.feed.Poll(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range chunks {
		recs, ok := chunks[i].Records.(records)
		if !ok {
			continue
		}
		n := &loan{records: recs, of: l, tp: chunks[i].TopicPartition, back: make([]bool, len(recs)), left: len(recs)}
		chunks[i].Records = n
		l.mu.open[n] = true
		l.mu.lent += n.left
	}
	return chunks, err
}

func (n *loan) Read(i int, r *fencepost.Record) {
	n.of.mu.Lock()
	if n.back[i] {
		n.of.mu.faults = append(n.of.mu.faults, "an entry was read after it was given back")
	}
	n.of.mu.Unlock()
	n.records.Read(i, r)
}

func (n *loan) Recycle(lo, hi int) {
	n.of.mu.Lock()
	defer n.of.mu.Unlock()
	for i := lo; i < hi; i++ {
		if n.back[i] {
			n.of.mu.faults = append(n.of.mu.faults, "an entry was given back twice")
			continue
		}
		n.back[i] = true
		n.left--
	}
	if n.left == 0 {
		delete(n.of.mu.open, n)
	}
}

// Whatever becomes of an entry, it is given back to the source once, and read no more: given back twice it would be another
// record's memory, and never given back it would be a leak. So here is all that may befall one.
func TestEveryEntryIsGivenBackOnce(t *testing.T) {
	t.Run("behind decoding", func(t *testing.T) { givenBack(t, OnError{}) })
	t.Run("behind the commit", func(t *testing.T) { givenBack(t, OnError{TooLarge: DeadLetter}) })
}

func givenBack(t *testing.T, on OnError) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		var l *lender
		dec := &numbers{}
		dec.bad.Store(13)
		wk := w.run(s, func(c *Config) {
			l = &lender{feed: c.Source.(*feed)}
			l.mu.open = map[*loan]bool{}
			c.Source, c.Batch.Records, c.Memory, c.OnError = l, 5, 3000, on
			c.Decoder = func() fencepost.Decoder { return dec }
			c.Policy = ledger.EarliestEverywhere(ledger.StartAt{})
		})
		synctest.Wait()
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply {
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		})
		for p := range int32(3) {
			w.produce(tp(p), 60)
		}
		wk.source.assign(tp(0), tp(1), tp(2))
		time.Sleep(12 * time.Second) // all park at 13, and are tried again
		dec.bad.Store(-1)
		time.Sleep(6 * time.Second)
		for i, to := range []fencepost.Offset{20, 3} { // refused while more is cut and queued
			for p := range int32(3) {
				w.produce(tp(p), 60)
			}
			time.Sleep(120 * time.Millisecond)
			move(t, s, tp(0), to, uint64(4711+1000*i))
		}
		refusing(s, tp(1), 150)
		time.Sleep(20 * time.Second)
		w.produce(tp(2), 60)
		time.Sleep(120 * time.Millisecond)
		wk.source.revoke(true, tp(2)) // with a batch on its way, and more in the queue
		wk.source.assign(tp(2))
		w.produce(tp(2), 60)
		time.Sleep(120 * time.Millisecond)
		wk.source.revoke(false, tp(2))
		w.produce(tp(0), 60)
		time.Sleep(120 * time.Millisecond)
		if err := wk.end(); err != nil { // the same, by a stop
			t.Errorf("run: %v", err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.mu.lent < 500 {
			t.Errorf("%d entries were handed out, want many: the test tests nothing", l.mu.lent)
		}
		if n := len(l.mu.faults); n > 0 {
			t.Errorf("%d times %s", n, l.mu.faults[0])
		}
		for n := range l.mu.open {
			t.Errorf("of %d entries of %s from %d on, %d were never given back", len(n.back), n.tp, n.records[0].Offset, n.left)
		}
	})
}

// A run with an end gives back what lies past it, and an entry in front of where a partition goes on.
func TestEntriesOutsideTheRunAreGivenBack(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		var l *lender
		wk := w.run(s, func(c *Config) {
			l = &lender{feed: c.Source.(*feed)}
			l.mu.open = map[*loan]bool{}
			c.Source, c.Until.End = l, true
		})
		synctest.Wait()
		w.produce(tp(0), 10)
		wk.source.fetchAtMost(0)
		wk.source.assign(tp(0))
		wk.source.fetchAtMost(100)
		if err := wk.ends(); err != nil {
			t.Errorf("run until end: %v", err)
		}
		wantRows(t, s, tp(0), upTo(0, 10))
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.mu.lent != 20 || len(l.mu.open) != 0 || len(l.mu.faults) != 0 {
			t.Errorf("%d entries were handed out, %d chunks of them never given back, faults %q; want 20, none and none",
				l.mu.lent, len(l.mu.open), l.mu.faults)
		}
	})
}
