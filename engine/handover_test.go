package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// Assignments and revokes are reported: which partitions, where they go on, and whether another worker had them already.
func TestHandOversAreTold(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		wk.source.revoke(false, tp(0))
		wk.source.revoke(true, tp(1))
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		if told := fmt.Sprint(seen[Assigned](wk)); told != "[{[t:0 t:1]} {[t:0]}]" {
			t.Errorf("assigned: %s was told, want t:0 and t:1, then t:0", told)
		}
		if told := fmt.Sprint(seen[Revoked](wk)); told != "[{[t:0] false} {[t:1] true}]" {
			t.Errorf("revoked: %s was told, want t:0, then t:1, which was lost", told)
		}
		told := seen[Reconciled](wk)
		if len(told) != 2 || len(told[0].Partitions) != 2 || len(told[1].Partitions) != 1 {
			t.Fatalf("settled: %+v was told, want both partitions, then one", told)
		}
		first, second := told[0].Partitions[0], told[1].Partitions[0]
		if first.Verdict != ledger.New || first.Offset != 0 || !first.Running {
			t.Errorf("at first: %+v, want a new partition that runs from 0", first)
		}
		if second.Verdict != ledger.OK || second.Offset != 5 || !second.Running {
			t.Errorf("then: %+v, want an intact one that runs from 5", second)
		}
		if weak := seen[Weaker](wk); len(weak) != 0 {
			t.Errorf("a weaker check was told of %+v, and every topic has an ID", weak)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A topic without an ID is reported once a run, however often its partitions are reconciled.
func TestAWeakerCheckIsToldOnce(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, func(c *Config) {
			c.Source = &answering{c.Source.(*feed), func(_ []fencepost.OffsetQuery, out map[fencepost.TopicPartition]fencepost.LogOffsets) {
				for p, b := range out {
					b.TopicID = fencepost.TopicID{}
					out[p] = b
				}
			}}
		})
		synctest.Wait()
		for range 3 {
			wk.source.assign(tp(0), tp(1))
			time.Sleep(time.Second)
			wk.source.revoke(false, tp(0), tp(1))
		}
		if weak := seen[Weaker](wk); len(weak) != 1 || len(weak[0].Topics) == 0 || weak[0].Topics[0] != "t" {
			t.Errorf("a weaker check was told as %+v, want once, of t", weak)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A revoke answers within 10 s, or half of a rebalance timeout that is shorter, and waits for a commit under way for nine
// tenths of that.
func TestRevokeKeepsWithinTheRebalance(t *testing.T) {
	for rebalance, want := range map[time.Duration]time.Duration{6 * time.Second: 3 * time.Second, time.Minute: 10 * time.Second} {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			w.produce(tp(0), 10)
			s.SetHook(stuckCommit(s, 0))
			wk := w.run(s, func(c *Config) { c.Rebalance = rebalance })
			synctest.Wait()
			wk.source.assign(tp(0))
			time.Sleep(time.Second)
			began := time.Now()
			wk.source.revoke(false, tp(0))
			if took := time.Since(began); took < want*9/10 || took > want {
				t.Errorf("with a rebalance timeout of %s a revoke took %s, want %s, or a tenth less", rebalance, took, want)
			}
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// A stop gives up on a commit that does not end after Drain.
func TestStopKeepsWithinTheDrain(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		s.SetHook(stuckCommit(s, 0))
		wk := w.run(s, func(c *Config) { c.Drain = 4 * time.Second })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		began := time.Now()
		_ = wk.end()
		if took := time.Since(began); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("the stop took %s, want the drain's 4 s and at most 2 s more", took)
		}
	})
}

// Where there are more partitions than records in a batch, they take turns.
func TestPartitionsTakeTurns(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		for p := range int32(3) {
			w.produce(tp(p), 100)
		}
		wk := w.run(s, func(c *Config) { c.Batch.Records, c.Rate = 1, 10 })
		synctest.Wait()
		wk.source.fetchAtMost(100)
		wk.source.assign(tp(0), tp(1), tp(2))
		time.Sleep(6 * time.Second)
		for p := range int32(3) {
			if n := len(offsets(s, tp(p))); n < 15 || n > 25 {
				t.Errorf("t:%d had %d of about 60 turns, want a third", p, n)
			}
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// Fewer rows than MinRows wait for more, and for MaxWait at most from the first of them on.
func TestFewRowsWaitForMore(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, func(c *Config) { c.Batch.MinRows, c.Batch.MaxWait = 10, 5*time.Second })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Minute)
		rows := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			if got := len(s.Rows()); got != want {
				t.Errorf("%d rows, want %d", got, want)
			}
		}
		w.produce(tp(0), 3)
		time.Sleep(3 * time.Second)
		w.produce(tp(1), 3)
		rows(time.Second, 0)
		rows(2*time.Second, 6) // 5 s after the first ones
		w.produce(tp(0), 4)
		rows(time.Second, 6)
		w.produce(tp(1), 6)
		rows(time.Millisecond, 16) // enough
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// Records that were left out of a batch for their bytes were not applied: the rate gets their part back.
func TestRecordsLeftOutDoNotCountAgainstTheRate(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.change(tp(0), func(l *fakeLog) {
			large := make([]byte, 10_000)
			for range 400 {
				l.append(fencepost.Record{Value: large})
			}
		})
		w.produce(tp(1), 400)
		wk := w.run(s, func(c *Config) { c.Batch.Bytes, c.Rate = 30_000, 100 })
		synctest.Wait()
		wk.source.fetchAtMost(400)
		wk.source.assign(tp(0), tp(1))
		time.Sleep(6 * time.Second)
		if n := len(s.Rows()); n < 550 || n > 650 {
			t.Errorf("%d records in 6 s at 100 a second, want about 600", n)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// Silence is reported when it begins, and again only after an answer in between.
func TestSilenceIsToldOnce(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(2 * time.Second)
		for n := 1; n <= 2; n++ {
			w.silence(tp(0), true)
			time.Sleep(time.Minute)
			if told := seen[Waiting](wk); len(told) != n {
				t.Errorf("silence %d: waiting was told %d times in all, want once for each", n, len(told))
			}
			if got := wk.engine().Status(); got.Waiting != 1 || got.Running != 0 {
				t.Errorf("silence %d: the status is %+v, want one waiting partition", n, got)
			}
			w.silence(tp(0), false)
			time.Sleep(time.Minute)
			if got := wk.engine().Status(); got.Waiting != 0 || got.Running != 1 {
				t.Errorf("behind silence %d: the status is %+v, want one running partition", n, got)
			}
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A watch that the ledger does not answer is reported, and ends nothing.
func TestAWatchWithoutAnAnswerIsTold(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(2 * time.Second)
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.Reading {
				return fmt.Errorf("read: %w", fencepost.ErrNoAnswer)
			}
			return nil
		})
		time.Sleep(time.Minute)
		told := seen[Retrying](wk)
		if len(told) != 12 || told[0].What != "watch" || told[0].Err == nil {
			t.Errorf("retrying: %+v was told, want 12 watches with why", told)
		}
		w.produce(tp(0), 5)
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 10))
		s.SetHook(nil)
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
