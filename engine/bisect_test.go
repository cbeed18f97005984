package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/sink"
)

// refusing has the store refuse one row.
func refusing(s *memory.Store, bad fencepost.TopicPartition, at fencepost.Offset) {
	s.SetReject(func(r memory.Row) *sink.Rejected {
		if r.TopicPartition == bad && r.Offset == at {
			return &sink.Rejected{Code: "23502", Reason: "null in column origin"}
		}
		return nil
	})
}

// A refused batch is no proof against one partition's single record in it: that is tried alone before it is blamed.
func TestBisectionBlamesNobodyElse(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		w.produce(tp(1), 1)
		refusing(s, tp(0), 2)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		if parked := seen[Parked](wk); len(parked) != 1 || parked[0].TopicPartition != tp(0) {
			t.Errorf("parked: %+v, want t:0 only", parked)
		}
		wantRows(t, s, tp(1), upTo(0, 1))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A store that refuses a batch for its size takes it in halves: each half is reported and counted once, and nothing is tried
// once more when both are in.
func TestHalvesAreCountedOnce(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 16)
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			rows := memory.RowsOf(b)
			if len(rows) > 8 {
				return &sink.Rejected{Code: "54000", Reason: "too many"}
			}
			tx.Append(rows...)
			return nil
		}
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 16))
		if got := wk.engine().Status(); got.Records != 16 || got.Commits != 2 || got.Parked != 0 {
			t.Errorf("the status is %+v, want 16 records in 2 commits and nothing parked", got)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// What was cut behind a bad row is void as the row is found: the ledger is not asked about it, and refuses nothing. The
// bytes of what was queued are given back, or the worker would wait for memory for ever, some tests of the row later.
func TestBadRowVoidsWhatIsCutBehindIt(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 100)
		refusing(s, tp(0), 13)
		wk := w.run(s, func(c *Config) { c.Batch.Records, c.Memory = 10, 20_000 })
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(2 * time.Minute) // more than twenty tests of the row
		wantRows(t, s, tp(0), upTo(0, 13))
		if told := seen[Refused](wk); len(told) != 0 {
			t.Errorf("refused: %+v, want nothing: the batches behind a bad row are void", told)
		}
		s.SetReject(nil)
		time.Sleep(6 * time.Second) // the watch interval
		wantRows(t, s, tp(0), upTo(0, 100))
		e := wk.engine()
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if got := e.poller.mu.bytes; got != 0 {
			t.Errorf("%d bytes are still counted as waiting at the end, want 0", got)
		}
	})
}

// A partition is said to be parked at the record itself, also where offsets in front of it are gone: a repair that skips
// it needs that offset.
func TestParkedIsToldAtTheRecord(t *testing.T) {
	for name, bad := range map[string]func(*memory.Store, *numbers){
		"refused":     func(s *memory.Store, _ *numbers) { refusing(s, tp(0), 6) },
		"undecodable": func(_ *memory.Store, d *numbers) { d.bad.Store(6) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 10)
				w.change(tp(0), func(l *fakeLog) { l.entries = append(l.entries[:3:3], l.entries[6:]...) })
				dec := &numbers{}
				dec.bad.Store(-1)
				bad(s, dec)
				wk := w.run(s, func(c *Config) { c.Decoder = func() fencepost.Decoder { return dec } })
				synctest.Wait()
				wk.source.most = 100
				wk.source.assign(tp(0))
				time.Sleep(time.Second)
				wantRows(t, s, tp(0), upTo(0, 3))
				if parked := seen[Parked](wk); len(parked) != 1 || parked[0].Offset != 6 {
					t.Errorf("parked: %+v, want once, at 6", parked)
				}
				if err := wk.end(); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// A bad record is tried again and again without a report; when it goes in, that is reported once, and the partition counts as
// running again.
func TestMendedRecordIsToldOnce(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		refusing(s, tp(0), 13)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		e := wk.engine()
		before := len(seen[Reconciled](wk))
		time.Sleep(time.Minute)
		if got := e.Status(); got.Parked != 1 || got.Running != 0 {
			t.Errorf("while the record is bad the status is %+v, want one parked partition", got)
		}
		if told := seen[Reconciled](wk)[before:]; len(told) != 0 {
			t.Errorf("while the record is bad: %+v was told, want nothing", told)
		}
		s.SetReject(nil)
		time.Sleep(20 * time.Second)
		if told := seen[Reconciled](wk)[before:]; len(told) != 1 || len(told[0].Partitions) != 1 || !told[0].Partitions[0].Running ||
			told[0].Partitions[0].Offset != 14 {
			t.Errorf("behind the mending: %+v was told, want once that t:0 is running, at 14", told)
		}
		w.produce(tp(0), 5)
		time.Sleep(time.Second)
		if told := seen[Reconciled](wk)[before:]; len(told) != 1 {
			t.Errorf("behind the mending and another commit: %+v was told, want no more", told)
		}
		if got := e.Status(); got.Parked != 0 || got.Running != 1 {
			t.Errorf("behind the mending the status is %+v, want one running partition", got)
		}
		if parked := seen[Parked](wk); len(parked) != 1 {
			t.Errorf("parked was told %d times, want once", len(parked))
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// While a record is bad, its partition is rewound: the records in front of it go in again, and that mends
// nothing, so nothing is reported.
func TestRewindInFrontOfABadRecordTellsNothing(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		refusing(s, tp(0), 13)
		wk := w.run(s, func(c *Config) { c.Batch.Records = 4 })
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		before := len(seen[Reconciled](wk))
		move(t, s, tp(0), 5, 4711)
		time.Sleep(time.Minute)
		wantRows(t, s, tp(0), append(upTo(0, 13), upTo(5, 13)...))
		if told := seen[Reconciled](wk)[before:]; len(told) != 0 {
			t.Errorf("behind the rewind: %+v was told, want nothing: the record is as bad as before", told)
		}
		if parked := seen[Parked](wk); len(parked) != 1 || parked[0].Offset != 13 {
			t.Errorf("parked: %+v, want once, at 13", parked)
		}
		if got := wk.engine().Status(); got.Parked != 1 || got.Running != 0 {
			t.Errorf("the status is %+v, want one parked partition", got)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// Retries of a commit go from 20 ms to 5 s, give or take a quarter, and no further: a store that was away for an hour is
// noticed within seconds of its return. Each is reported, with whether the outcome is known.
func TestRetriesBackOffToFiveSeconds(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply && commits(s) > 0 {
				return errors.New("away")
			}
			return nil
		})
		wk.source.assign(tp(0))
		time.Sleep(time.Hour)
		retries := seen[Retrying](wk)
		if n := len(retries); n < 3600*4/5/5 || n > 3600*4/3/5+20 {
			t.Fatalf("%d tries in an hour, want about one in 5 s", n)
		}
		for i, r := range retries {
			if r.What != "commit" || r.Attempt != i+1 || r.Unknown || r.In < 15*time.Millisecond || r.In > 6250*time.Millisecond {
				t.Fatalf("retry %d was told as %+v, want attempt %d of a commit with a known outcome, in 15 ms to 6.25 s", i, r, i+1)
			}
		}
		s.SetHook(nil)
		time.Sleep(7 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 10))
		w.produce(tp(0), 1)
		s.Inject(memory.LostBefore)
		time.Sleep(100 * time.Millisecond) // the next commit's retries begin at 20 ms again
		wantRows(t, s, tp(0), upTo(0, 11))
		if r := seen[Retrying](wk); !r[len(r)-1].Unknown {
			t.Errorf("a lost answer was told as %+v, want an unknown outcome", r[len(r)-1])
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A commit that is done, though its answer was lost and the next try failed, is reported as recovered, and nothing as refused.
func TestLostAnswerThenDownIsRecovered(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		s.Inject(memory.NoFault, memory.LostAfter, memory.Down)
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), upTo(0, 10))
		if told := seen[Committed](wk); len(told) != 1 || !told[0].Recovered || told[0].Rows != 10 {
			t.Errorf("told: %+v, want one commit of 10 rows, recovered", told)
		}
		if told := seen[Refused](wk); len(told) != 0 {
			t.Errorf("refused: %+v, want nothing: the ledger holds what this worker committed", told)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A refusal is reported as such, and no commit with it: nothing was committed.
func TestRefusalIsNoCommit(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, func(c *Config) { c.Watch = time.Hour })
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		synctest.Wait()
		move(t, s, tp(0), 4, 4711)
		w.produce(tp(0), 5)
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), append(upTo(0, 10), upTo(4, 15)...))
		if told := seen[Refused](wk); len(told) != 1 || told[0].Held.Offset != 4 || told[0].Offset != 10 {
			t.Errorf("refused: %+v, want once, at 10 where the ledger holds 4", told)
		}
		if told := seen[Committed](wk); len(told) != 2 || told[1].Rows != 11 || told[1].Recovered {
			t.Errorf("committed: %+v, want 10 rows and 11 rows", told)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
