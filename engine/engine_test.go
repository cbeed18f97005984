package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
)

// inBubble runs a test with a world of one topic in virtual time.
func inBubble(t *testing.T, partitions int, f func(*testing.T, *world, *memory.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.create("t", partitions)
		f(t, w, memory.Open())
	})
}

func wantRows(t *testing.T, s *memory.Store, tp fencepost.TopicPartition, want []fencepost.Offset) {
	t.Helper()
	if diff := cmp.Diff(want, offsets(s, tp)); diff != "" {
		t.Errorf("rows of %s (-want +got):\n%s", tp, diff)
	}
}

func TestEveryRecordOnceAndInOrder(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		for p := range int32(3) {
			w.produce(tp(p), 100)
		}
		wk := w.run(s, func(c *Config) { c.Batch.Records = 10 })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1), tp(2))
		time.Sleep(time.Second)
		w.produce(tp(1), 5)
		time.Sleep(time.Second)
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		wantRows(t, s, tp(0), upTo(0, 100))
		wantRows(t, s, tp(1), upTo(0, 105))
		wantRows(t, s, tp(2), upTo(0, 100))
		for _, c := range seen[Committed](wk) {
			if c.Rows > 10 {
				t.Errorf("a batch has %d rows, want at most 10", c.Rows)
			}
		}
		if got := w.mu.committed[tp(1)].Offset; got != 105 {
			t.Errorf("the mirror holds %d, want 105", got)
		}
	})
}

// T1, T3: markers and aborted entries take offsets; the position passes them, and no row comes of them.
func TestPositionsPassControlEntries(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		w.change(tp(0), func(l *fakeLog) {
			l.append(fencepost.Record{Control: true, LeaderEpoch: 1}) // 5: commit marker
			l.end += 5                                                // 6-10: aborted, never delivered
			l.append(fencepost.Record{Control: true, LeaderEpoch: 2}) // 11: abort marker
		})
		wk := w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		wk.source.assign(tp(0))
		<-wk.done
		if wk.err != nil {
			t.Fatalf("run until end: %v", wk.err)
		}
		wantRows(t, s, tp(0), upTo(0, 5))
		if got := position(t, s, tp(0)); got.Offset != 12 || got.LeaderEpoch != 2 {
			t.Errorf("position is %d (epoch %d), want 12 (epoch 2, the last marker's)", got.Offset, got.LeaderEpoch)
		}
	})
}

// C2: the answer at COMMIT is lost, before or after it took effect.
func TestLostAnswersCountOnce(t *testing.T) {
	for _, f := range []memory.Fault{memory.LostBefore, memory.LostAfter, memory.Down} {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 20)
				w.produce(tp(1), 20)
				wk := w.run(s, func(c *Config) { c.Batch.Records = 8 })
				synctest.Wait()
				s.Inject(memory.NoFault, memory.NoFault, f, memory.NoFault, f, f)
				wk.source.assign(tp(0), tp(1))
				time.Sleep(10 * time.Second)
				if err := wk.end(); err != nil {
					t.Fatalf("run: %v", err)
				}
				wantRows(t, s, tp(0), upTo(0, 20))
				wantRows(t, s, tp(1), upTo(0, 20))
				recovered := 0
				for _, c := range seen[Committed](wk) {
					if c.Recovered {
						recovered++
					}
				}
				if want := f == memory.LostAfter; (recovered > 0) != want {
					t.Errorf("%d commits were told as recovered, want some: %t", recovered, want)
				}
			})
		})
	}
}

// What was cut behind a refused batch is dropped, not tried: one rewind is one refusal.
func TestOneRewindIsOneRefusal(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 200)
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply {
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		})
		wk := w.run(s, func(c *Config) { c.Batch.Records = 10 })
		synctest.Wait()
		wk.source.most = 200
		wk.source.assign(tp(0))
		time.Sleep(220 * time.Millisecond)
		s.SetHook(nil)
		move(t, s, tp(0), 0, 4711)
		time.Sleep(10 * time.Second)
		if n := len(seen[Refused](wk)); n != 1 {
			t.Errorf("%d refusals, want 1", n)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// move makes an operator's move of the group: it counts from what is held at the compare-and-set, so it is tried again
// when a worker commits in between.
func move(t *testing.T, s *memory.Store, tp fencepost.TopicPartition, to fencepost.Offset, fence uint64) {
	t.Helper()
	for {
		held := position(t, s, tp)
		next := ledger.Position{Offset: to, LeaderEpoch: fencepost.NoEpoch, Fence: ledger.NewFence(fence), TopicID: held.TopicID}
		m := ledger.Move{TopicPartition: tp, Held: held, Next: next, Cause: ledger.CauseRewind, Why: "test"}
		err := s.Move(t.Context(), ledger.Actor{Group: "g", ClusterID: "cluster-1", Who: "operator"}, []ledger.Move{m})
		if _, busy := errors.AsType[*ledger.Refused](err); busy {
			continue
		}
		if err != nil {
			t.Fatalf("rewind %s: %v", tp, err)
		}
		return
	}
}

// C11: a rewind of a running and of an idle pipeline. The worker is never restarted.
func TestRewindIsObeyed(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			w.produce(tp(0), 30)
			wk := w.run(s, nil)
			synctest.Wait()
			wk.source.assign(tp(0))
			time.Sleep(time.Second)
			move(t, s, tp(0), 10, 4711)
			time.Sleep(6 * time.Second) // the watch interval
			wantRows(t, s, tp(0), append(upTo(0, 30), upTo(10, 30)...))
			if err := wk.end(); err != nil {
				t.Fatalf("run: %v", err)
			}
		})
	})
	t.Run("under load", func(t *testing.T) {
		inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
			w.produce(tp(0), 60)
			w.produce(tp(1), 60)
			rewound := false
			wk := w.run(s, func(c *Config) { c.Batch.Records, c.Rate = 10, 20 })
			synctest.Wait()
			wk.source.assign(tp(0), tp(1))
			for !rewound {
				time.Sleep(100 * time.Millisecond)
				if position(t, s, tp(0)).Offset > 20 {
					move(t, s, tp(0), 5, 4711)
					rewound = true
				}
			}
			synctest.Wait() // what was committing when the rewind was made has been refused by now
			at := len(offsets(s, tp(0)))
			time.Sleep(20 * time.Second)
			if err := wk.end(); err != nil {
				t.Fatalf("run: %v", err)
			}
			wantRows(t, s, tp(0), append(upTo(0, fencepost.Offset(at)), upTo(5, 60)...))
			wantRows(t, s, tp(1), upTo(0, 60))
			if n := len(seen[Refused](wk)); n != 1 {
				t.Errorf("%d refusals were told, want 1", n)
			}
		})
	})
}

// named decodes where a record comes from: topic, partition and offset as the decoder gets them.
type named struct{}

func (named) Columns() []fencepost.ColumnSpec {
	return []fencepost.ColumnSpec{{Name: "from", Type: fencepost.Text}}
}

func (named) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	columns[0].AppendText(fmt.Sprintf("%s at %d", r.TopicPartition, r.Offset))
	return nil
}

// A decoder gets the place of its record: it needs no column of the sink's for that.
func TestDecodersAreToldThePartition(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		for p := range int32(3) {
			w.produce(tp(p), 20)
		}
		wk := w.run(s, func(c *Config) {
			c.Decoder = func() fencepost.Decoder { return named{} }
			c.Until.End = true
		})
		synctest.Wait()
		wk.source.assign(tp(0), tp(1), tp(2))
		<-wk.done
		if wk.err != nil {
			t.Fatalf("run until end: %v", wk.err)
		}
		rows := s.Rows()
		if len(rows) != 60 {
			t.Errorf("%d rows, want 60", len(rows))
		}
		for _, r := range rows {
			if got, want := r.Values[0], fmt.Sprintf("%s at %d", r.TopicPartition, r.Offset); got != want {
				t.Errorf("the decoder was told %v, want %s", got, want)
			}
		}
	})
}

// A record that cannot be decoded parks its partition in front of it; it is tried again, and goes in when mended.
func TestBadRecordParksItsPartitionOnly(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		w.produce(tp(1), 20)
		dec := &numbers{}
		dec.bad.Store(13)
		wk := w.run(s, func(c *Config) { c.Decoder = func() fencepost.Decoder { return dec } })
		synctest.Wait()
		w.change(tp(1), func(l *fakeLog) { l.entries[13].Value = []byte("fine") })
		wk.source.assign(tp(0), tp(1))
		time.Sleep(20 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 13))
		wantRows(t, s, tp(1), upTo(0, 20))
		if got := wk.engine().Status(); got.Lag != 7 || got.Parked != 1 {
			t.Errorf("the status is %+v, want 1 parked and a lag of 7: what a parked partition does not read is lag too", got)
		}
		parked := seen[Parked](wk)
		if len(parked) != 1 || parked[0].TopicPartition != tp(0) || parked[0].Offset != 13 || parked[0].Code != "record-undecodable" {
			t.Errorf("parked: %+v, want t:0 at 13 once, record-undecodable", parked)
		}
		dec.bad.Store(-1)
		time.Sleep(6 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 20))
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// Rows that the store refuses are found by bisection: everything in front of them is applied, other partitions go on.
func TestRefusedRowsAreFound(t *testing.T) {
	for _, bad := range []fencepost.Offset{0, 7, 19} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 20)
				w.produce(tp(1), 20)
				s.SetReject(func(r memory.Row) *sink.Rejected {
					if r.TopicPartition == tp(0) && r.Offset == bad {
						return &sink.Rejected{Code: "23502", Reason: "null in column origin"}
					}
					return nil
				})
				wk := w.run(s, nil)
				synctest.Wait()
				wk.source.most = 100
				wk.source.assign(tp(0), tp(1))
				time.Sleep(20 * time.Second)
				wantRows(t, s, tp(0), upTo(0, bad))
				wantRows(t, s, tp(1), upTo(0, 20))
				if got := position(t, s, tp(0)).Offset; got != bad {
					t.Errorf("position is %d, want %d, in front of the bad row", got, bad)
				}
				if n := len(seen[Parked](wk)); n != 1 {
					t.Errorf("parked was told %d times, want once", n)
				}
				s.SetReject(nil)
				time.Sleep(6 * time.Second)
				wantRows(t, s, tp(0), upTo(0, 20))
				if err := wk.end(); err != nil {
					t.Fatalf("run: %v", err)
				}
			})
		})
	}
}

// C6: a worker that was declared dead goes on with a batch in hand; what it commits late is refused.
func TestLateWorkerIsRefused(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 30)
		release := make(chan struct{})
		var stalled atomic.Bool
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply && len(s.Rows()) >= 10 && stalled.CompareAndSwap(false, true) {
				<-release
			}
			return nil
		})
		a := w.run(s, func(c *Config) { c.Batch.Records = 10; c.Who = "a" })
		b := w.run(s, func(c *Config) { c.Batch.Records = 10; c.Who = "b" })
		synctest.Wait()
		a.source.assign(tp(0))
		time.Sleep(time.Second)
		b.source.assign(tp(0)) // a does not know
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 30))
		close(release)
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 30))
		if n := len(seen[Refused](a)); n == 0 {
			t.Error("the late worker was not refused: the test tests nothing")
		}
		for _, wk := range []*worker{a, b} {
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		}
	})
}

// A revoke waits for the commit under way, drops what is cut behind it, and the heir goes on exactly there.
func TestRevokeFinishesTheBatchInFlight(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 100)
		w.produce(tp(1), 100)
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply {
				time.Sleep(300 * time.Millisecond)
			}
			return nil
		})
		a := w.run(s, func(c *Config) { c.Batch.Records = 20 })
		b := w.run(s, func(c *Config) { c.Batch.Records = 20 })
		synctest.Wait()
		a.source.assign(tp(0), tp(1))
		time.Sleep(700 * time.Millisecond)
		began := time.Now()
		a.source.revoke(false, tp(0))
		if took := time.Since(began); took == 0 || took > 400*time.Millisecond {
			t.Errorf("the revoke took %s, want the rest of one commit", took)
		}
		b.source.assign(tp(0))
		time.Sleep(20 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 100))
		wantRows(t, s, tp(1), upTo(0, 100))
		if n := len(seen[Refused](a)) + len(seen[Refused](b)); n != 0 {
			t.Errorf("%d refusals in an orderly hand-over, want none", n)
		}
		for _, wk := range []*worker{a, b} {
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		}
	})
}

// 13.5: a commit that does not end holds a revoke up for 10 s; then the connection is closed and the heir decides.
func TestRevokeGivesUpOnAStuckCommit(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		var stuck atomic.Bool
		s.SetHook(func(ctx context.Context, p memory.Point) error {
			if p == memory.BeforeApply && len(s.Rows()) == 0 && commits(s) > 0 && stuck.CompareAndSwap(false, true) {
				<-ctx.Done()
				return fmt.Errorf("cut: %w", ledger.ErrUnknown)
			}
			return nil
		})
		a := w.run(s, nil)
		b := w.run(s, nil)
		synctest.Wait()
		a.source.assign(tp(0))
		time.Sleep(time.Second)
		began := time.Now()
		a.source.revoke(false, tp(0))
		if took := time.Since(began); took < 9*time.Second || took > 10*time.Second {
			t.Errorf("the revoke took %s, want 9s for the commit, and 10s at most", took)
		}
		b.source.assign(tp(0))
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 10))
		for _, wk := range []*worker{a, b} {
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		}
	})
}

// commits is how many moves the store holds of the group.
func commits(s *memory.Store) (n int) {
	for range s.Moves(context.Background(), "g") {
		n++
	}
	return n
}

// C10: sink and ledger restored together from an older backup: replayed to exact, and reported.
func TestRestoredStoreIsReplayed(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		old := s.Backup()
		w.produce(tp(0), 20)
		time.Sleep(time.Second)
		s.Restore(old)
		w.produce(tp(0), 5)
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 45))
		if back := seen[SinkWentBack](wk); len(back) != 1 || back[0].To != 20 || back[0].From != 40 {
			t.Errorf("sink went back: %+v, want once, 40 to 20", back)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// The same of a partition that is at rest: no commit is refused, the watch finds it.
func TestStoreThatWentBackIsReportedAtRest(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		old := s.Backup()
		w.produce(tp(0), 20)
		time.Sleep(5 * time.Second)
		s.Restore(old)
		time.Sleep(time.Minute)
		wantRows(t, s, tp(0), upTo(0, 40))
		if back := seen[SinkWentBack](wk); len(back) != 1 || back[0].To != 20 || back[0].From != 40 {
			t.Errorf("sink went back: %+v, want once, 40 to 20", back)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// A store that was emptied under a run is another ledger, and no beginning: the run ends, and nothing is written, whether or not the Kafka
// group was told of the old one.
func TestStoreThatWasEmptiedEndsTheRun(t *testing.T) {
	for name, more := range map[string]int{"at rest": 0, "with records on their way": 5} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 20)
				wk := w.run(s, nil)
				synctest.Wait()
				wk.source.assign(tp(0))
				time.Sleep(time.Second)
				w.mu.Lock()
				clear(w.mu.committed)
				w.mu.Unlock()
				s.Restore(memory.Open().Backup())
				w.produce(tp(0), more)
				time.Sleep(time.Minute)
				if n := len(s.Rows()); n > 0 {
					t.Errorf("%d rows were written into the empty store", n)
				}
				if !wk.over() {
					t.Fatal("the run goes on")
				}
				wantFault(t, wk.err, "other-ledger", 4)
			})
		})
	}
}

func wantFault(t *testing.T, err error, code string, exit int) {
	t.Helper()
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || f.Code != code || codes.Exit(f) != exit {
		t.Errorf("the run ended with %v, want the fault %s with exit %d", err, code, exit)
	}
}

// L9, L11, --resume: which ledgers are refused.
func TestWrongLedgersAreRefused(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, func(c *Config) { c.Resume = true })
		<-wk.done
		wantFault(t, wk.err, "ledger-empty", 4)
		w.mu.committed[tp(0)] = fencepost.CommittedOffset{Offset: 7}
		wk = w.run(s, nil)
		<-wk.done
		wantFault(t, wk.err, "ledger-empty", 4)
		w.mu.committed[tp(0)] = fencepost.CommittedOffset{Offset: 7, Ledger: fencepost.LedgerID{9}}
		wk = w.run(s, nil)
		<-wk.done
		wantFault(t, wk.err, "other-ledger", 4)
	})
}

// L1, L4, L7: a recreated topic parks, or goes on from its start with a recorded move; truncation likewise.
func TestRecreatedTopic(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		w.produce(tp(1), 10)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		w.create("t", 2)
		w.produce(tp(0), 15)
		time.Sleep(11 * time.Second)
		parked := seen[Parked](wk)
		if len(parked) != 2 || parked[0].Code != "recreated" {
			t.Fatalf("parked: %+v, want both partitions, recreated", parked)
		}
		wantRows(t, s, tp(0), upTo(0, 10))
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		wk = w.run(s, func(c *Config) { c.Policy = ledger.EarliestEverywhere(ledger.StartAt{}) })
		synctest.Wait()
		wk.source.assign(tp(0)) // the move covers t:1 too
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), append(upTo(0, 10), upTo(0, 15)...))
		if got := position(t, s, tp(1)); got.Offset != 0 || got.TopicID != w.id("t") {
			t.Errorf("t:1 stands at %+v, want 0 of the new topic: partitions of a topic move together", got)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// L10: start latest, and a worker dies before its first commit: its partitions start where the start move begins.
func TestStartIsRecordedOnceForAllPartitions(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		for p := range int32(3) {
			w.produce(tp(p), 10)
		}
		latest := func(c *Config) { c.Policy.Start.Kind = ledger.StartLatest }
		a := w.run(s, latest)
		synctest.Wait()
		a.source.assign(tp(0))
		time.Sleep(time.Second)
		if err := a.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		w.produce(tp(2), 4)
		b := w.run(s, latest)
		synctest.Wait()
		b.source.assign(tp(0), tp(1), tp(2))
		time.Sleep(time.Second)
		wantRows(t, s, tp(2), upTo(10, 14))
		w.mu.Lock()
		w.grow("t", 4)
		w.mu.Unlock()
		w.produce(tp(3), 3)
		b.source.assign(tp(3)) // L8: an added partition starts at earliest, also with start: latest
		time.Sleep(time.Second)
		wantRows(t, s, tp(3), upTo(0, 3))
		s.DeleteRow("g", tp(1))
		w.produce(tp(1), 1)
		time.Sleep(6 * time.Second)
		if parked := seen[Parked](b); len(parked) != 1 || parked[0].Code != "lost-row" {
			t.Errorf("parked: %+v, want t:1, lost-row", parked)
		}
		if err := b.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// L8, shared: the partitions that were added to a topic start together, whichever worker holds which: the topics' count never
// passes one that has no row.
func TestAddedPartitionsOfTwoWorkers(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		a := w.run(s, func(c *Config) { c.Policy.Start.Kind = ledger.StartLatest })
		b := w.run(s, func(c *Config) { c.Policy.Start.Kind = ledger.StartLatest })
		synctest.Wait()
		a.source.assign(tp(0))
		synctest.Wait()
		w.mu.Lock()
		w.grow("t", 5)
		w.mu.Unlock()
		for p := range int32(4) {
			w.produce(tp(p+1), 3)
		}
		a.source.assign(tp(2), tp(4))
		b.source.assign(tp(1), tp(3))
		time.Sleep(10 * time.Second)
		for p := range int32(4) {
			wantRows(t, s, tp(p+1), upTo(0, 3))
		}
		for _, wk := range []*worker{a, b} {
			if parked := seen[Parked](wk); len(parked) > 0 {
				t.Errorf("parked: %+v, want none", parked)
			}
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		}
	})
}

// P3: no batch above the bound, exactly what was there when the run began, then the run ends.
func TestUntilEndStopsAtTheEndsOfItsStart(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 15)
		wk := w.run(s, func(c *Config) { c.Until.End = true; c.Batch.Records = 5 })
		synctest.Wait()
		w.produce(tp(0), 10)
		wk.source.assign(tp(0))
		<-wk.done
		if wk.err != nil {
			t.Fatalf("run until end: %v", wk.err)
		}
		wantRows(t, s, tp(0), upTo(0, 15))
	})
}

func TestUntilEndWithParkedPartitionsEndsWithFindings(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 15)
		w.produce(tp(1), 15)
		dec := &numbers{}
		dec.bad.Store(4)
		w.change(tp(1), func(l *fakeLog) { l.entries[4].Value = []byte("fine") })
		wk := w.run(s, func(c *Config) {
			c.Until.End = true
			c.Decoder = func() fencepost.Decoder { return dec }
		})
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		<-wk.done
		wantFault(t, wk.err, "parked-left", 3)
		wantRows(t, s, tp(1), upTo(0, 15))
	})
}

// L14: a partition without a leader waits, and goes on by itself; a run with an end waits for it, and then reports that.
func TestSilentPartitionWaits(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		w.produce(tp(1), 5)
		wk := w.run(s, nil)
		synctest.Wait()
		w.mu.silent[tp(1)] = true
		wk.source.assign(tp(0), tp(1))
		time.Sleep(10 * time.Second)
		if len(s.Rows()) != 0 {
			t.Errorf("%d rows, want none: the topic's start is recorded for all partitions at once", len(s.Rows()))
		}
		w.mu.Lock()
		w.mu.silent[tp(1)] = false
		w.changed()
		w.mu.Unlock()
		time.Sleep(10 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 5))
		wantRows(t, s, tp(1), upTo(0, 5))
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

func TestRateHolds(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 1000)
		w.produce(tp(1), 1000)
		wk := w.run(s, func(c *Config) { c.Rate = 100 })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(10 * time.Second)
		if n := len(s.Rows()); n < 950 || n > 1050 {
			t.Errorf("%d rows after 10 s at 100 a second, want about 1,000", n)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// P4: a slow sink. What waits stays within the bound and one poll.
func TestMemoryIsBounded(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 500)
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply {
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		})
		var e *Engine
		most := int64(0)
		wk := w.run(s, func(c *Config) {
			c.Memory, c.Batch.Records = 2000, 10
			c.Events = func(ev Event) {
				if _, ok := ev.(Committed); ok && e != nil {
					e.poller.mu.Lock()
					most = max(most, e.poller.mu.bytes)
					e.poller.mu.Unlock()
				}
			}
		})
		synctest.Wait()
		e = wk.source.mu.holder.(callbacks).Engine
		wk.source.assign(tp(0))
		time.Sleep(10 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 500))
		if most == 0 || most > 2000+700 {
			t.Errorf("up to %d bytes waited, want at most 2,000 and one poll of 700", most)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		if e.poller.mu.bytes != 0 {
			t.Errorf("%d bytes are still counted at the end, want 0", e.poller.mu.bytes)
		}
	})
}

// A run with an end has nothing to read where a position is at or past the end; but a position that the log
// contradicts is no end that was reached.
func TestUntilEndSettlesWhatTheLogContradicts(t *testing.T) {
	for name, change := range map[string]func(*world){
		"truncated": func(w *world) {
			w.change(tp(0), func(l *fakeLog) { l.entries, l.end = l.entries[:3], 3 })
		},
		"recreated": func(w *world) { w.create("t", 1); w.produce(tp(0), 3) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 10)
				run := func(p ledger.Policy) error {
					wk := w.run(s, func(c *Config) { c.Until.End, c.Policy = true, p })
					synctest.Wait()
					if !wk.over() {
						wk.source.assign(tp(0))
					}
					<-wk.done
					return wk.err
				}
				if err := run(ledger.Policy{}); err != nil {
					t.Fatal(err)
				}
				if err := run(ledger.Policy{}); err != nil {
					t.Errorf("with nothing left to do: %v", err)
				}
				change(w)
				wantFault(t, run(ledger.Policy{}), "parked-left", 3)
				if err := run(ledger.EarliestEverywhere(ledger.StartAt{})); err != nil {
					t.Errorf("with policy earliest: %v", err)
				}
				wantRows(t, s, tp(0), append(upTo(0, 10), upTo(0, 3)...))
			})
		})
	}
}

// A partition of large records with the largest lag gets the largest share, and the batch stays within its bytes.
func TestBatchBytesHold(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(1), 50)
		w.change(tp(0), func(l *fakeLog) {
			large := make([]byte, 10_000)
			for range 1000 {
				l.append(fencepost.Record{Value: large})
			}
		})
		wk := w.run(s, func(c *Config) { c.Batch.Bytes = 100_000 })
		synctest.Wait()
		wk.source.most = 50
		wk.source.assign(tp(0), tp(1))
		time.Sleep(10 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 1000))
		wantRows(t, s, tp(1), upTo(0, 50))
		for _, c := range seen[Committed](wk) {
			if c.Bytes > 110_000 {
				t.Errorf("a batch has %d bytes, want at most 100,000 and one record", c.Bytes)
			}
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}
