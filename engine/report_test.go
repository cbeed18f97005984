package engine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// reported is what the ledger has of a partition, for as long as it is about the position that is held.
func reported(t *testing.T, s *memory.Store, tp fencepost.TopicPartition) ledger.Report {
	t.Helper()
	all, err := ledger.ReadReports(t.Context(), s, "g")
	if err != nil {
		t.Fatal(err)
	}
	if r := all.Reports[tp]; r.Current(position(t, s, tp)) {
		return r
	}
	return ledger.Report{}
}

// refuses makes the store refuse the record of a partition at an offset.
func refuses(s *memory.Store, tp fencepost.TopicPartition, at fencepost.Offset) {
	s.SetReject(func(r memory.Row) *sink.Rejected {
		if r.TopicPartition == tp && r.Offset == at {
			return &sink.Rejected{Reason: "it violates a constraint"}
		}
		return nil
	})
}

// O1: what the sink refuses is in the ledger: code, record, reason, since, worker; unchanged while it is tested again and
// again; taken away once it goes on; and left by a stop.
func TestO1ParkedBySinkIsInTheLedger(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		w.produce(tp(1), 3)
		refuses(s, tp(0), 1)
		wk := w.run(s, func(c *Config) { c.Who = "w1@node3" })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		first := reported(t, s, tp(0))
		if first.Halt != ledger.HaltParked || first.Code != "record-refused" || first.Offset != 1 || first.Who != "w1@node3" || first.Reason == "" ||
			time.Since(first.Since) > time.Second {
			t.Errorf("reported of the parked partition: %+v", first)
		}
		if r := reported(t, s, tp(1)); r.Halt != "" {
			t.Errorf("reported of the other one: %+v", r)
		}
		time.Sleep(time.Minute)
		if r := reported(t, s, tp(0)); !r.Same(first) {
			t.Errorf("reported after a minute of tests: %+v, want %+v", r, first)
		}
		s.SetReject(nil)
		time.Sleep(10 * time.Second)
		if r := reported(t, s, tp(0)); r.Halt != "" {
			t.Errorf("reported after it went on: %+v", r)
		}
		refuses(s, tp(1), 3)
		w.produce(tp(1), 1)
		time.Sleep(time.Second) // no watch comes meanwhile
		if r := reported(t, s, tp(1)); r.Halt != ledger.HaltParked || r.Offset != 3 {
			t.Errorf("reported within a second: %+v, want t:1 parked at 3", r)
		}
		if err := wk.end(); err != nil {
			t.Fatal(err)
		}
		if r := reported(t, s, tp(1)); r.Halt != ledger.HaltParked || r.Offset != 3 {
			t.Errorf("a stop leaves %+v of the parked partition", r)
		}
		if all := seen[Stopped](wk); len(all) != 1 || !slices.Equal(all[0].Parked, []fencepost.TopicPartition{tp(1)}) {
			t.Errorf("stopped: %+v, want t:1 parked", all)
		}
	})
}

// An heir takes over what was left: since when it is so stays, whoever has it; and what is not so any more goes.
func TestReportsAreTakenOver(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		w.produce(tp(1), 3)
		refuses(s, tp(0), 1)
		one := w.run(s, func(c *Config) { c.Who = "one" })
		synctest.Wait()
		one.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		left := reported(t, s, tp(0))
		if err := one.end(); err != nil {
			t.Fatal(err)
		}
		at := position(t, s, tp(1))
		stale := ledger.Report{TopicPartition: tp(1), Halt: ledger.HaltWaiting, Reason: "a worker that died", Since: time.Now(), Position: at}
		if err := ledger.WriteReports(t.Context(), s, "g", []ledger.Report{stale}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		two := w.run(s, func(c *Config) { c.Who = "two" })
		synctest.Wait()
		two.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		if r := reported(t, s, tp(0)); r.Who != "two" || !r.Since.Equal(left.Since) {
			t.Errorf("the heir reports %+v, want since %s", r, left.Since)
		}
		if r := reported(t, s, tp(1)); r.Halt != "" {
			t.Errorf("the heir leaves %+v of a partition that runs", r)
		}
		if err := two.end(); err != nil {
			t.Fatal(err)
		}
	})
}

// A commit that fails again and again, and one that takes long, are reported while they do.
func TestO1RetriedCommitIsReported(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		var up atomic.Bool
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if !up.Load() && p == memory.BeforeApply && !position(t, s, tp(0)).Absent() {
				return &fencepost.UserError{Code: "database-read-only", Err: errors.New("read-only transaction"), Passing: true}
			}
			return nil
		})
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(5 * time.Second)
		if r := reported(t, s, tp(0)); r.Halt != ledger.HaltRetrying || r.Code != "database-read-only" || time.Since(r.Since) < 3*time.Second {
			t.Errorf("reported of a commit that fails: %+v", r)
		}
		up.Store(true)
		time.Sleep(10 * time.Second)
		if r := reported(t, s, tp(0)); r.Halt != "" {
			t.Errorf("reported of a commit that is done: %+v", r)
		}
		hold := make(chan struct{})
		s.SetHook(func(ctx context.Context, p memory.Point) error {
			if p == memory.BeforeApply {
				select {
				case <-hold:
				case <-ctx.Done():
				}
			}
			return nil
		})
		w.produce(tp(0), 1)
		time.Sleep(6 * time.Second)
		if r := reported(t, s, tp(0)); r.Halt != ledger.HaltRetrying || r.Reason != "a commit has taken 5s" {
			t.Errorf("reported of a commit that hangs: %+v", r)
		}
		close(hold)
		if err := wk.end(); err != nil {
			t.Fatal(err)
		}
		if r := reported(t, s, tp(0)); r.Halt != "" {
			t.Errorf("a stop leaves %+v", r)
		}
	})
}

// A partition that its worker has lost is cut off until it, or another one, has it.
func TestO1CutOffIsReported(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		callbacks{wk.engine()}.Lost([]fencepost.TopicPartition{tp(0)})
		time.Sleep(time.Second)
		if r := reported(t, s, tp(0)); r.Halt != ledger.HaltCutOff || r.Code != "not-a-member" {
			t.Errorf("reported of a lost partition: %+v", r)
		}
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		if r := reported(t, s, tp(0)); r.Halt != "" {
			t.Errorf("reported of one that is back: %+v", r)
		}
		if err := wk.end(); err != nil {
			t.Fatal(err)
		}
	})
}

// A lost partition that is with another worker stands still no more, though nothing of it is committed: the holder takes the
// report away, and the worker that lost it does not write it again.
func TestCutOffEndsWithAnotherHolder(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		loser := w.run(s, func(c *Config) { c.Who = "loser" })
		heir := w.run(s, func(c *Config) { c.Who, c.Watch = "heir", time.Minute }) // it does not look again as soon as the loser
		synctest.Wait()
		loser.source.assign(tp(0))
		time.Sleep(time.Second)
		loser.source.revoke(true, tp(0))
		time.Sleep(time.Second)
		if r := reported(t, s, tp(0)); r.Halt != ledger.HaltCutOff {
			t.Errorf("reported of a lost partition: %+v", r)
		}
		heir.source.assign(tp(0))
		for range 10 {
			time.Sleep(1300 * time.Millisecond)
			if r := reported(t, s, tp(0)); r.Halt != "" {
				t.Errorf("reported of one that another worker holds: %+v", r)
			}
		}
		for _, wk := range []*worker{loser, heir} {
			if err := wk.end(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A ledger without a place for reports is used as ever, and that is said once.
func TestReportsThatAreNotKept(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		s.KeepNoReports()
		refuses(s, tp(0), 1)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Minute)
		if err := wk.end(); err != nil {
			t.Fatal(err)
		}
		if all := seen[ReportFailed](wk); len(all) != 1 || !errors.Is(all[0].Err, ledger.ErrNoReports) {
			t.Errorf("reported: %v, want that none are kept, once", all)
		}
	})
}
