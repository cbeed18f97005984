package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// A run with an end gives up on a partition that does not answer, Wait after nothing else was left to do, and names it:
// whether it never answered this worker, or fell silent later.
func TestUntilEndGivesUpOnASilentPartition(t *testing.T) {
	for name, running := range map[string]bool{"from the beginning": false, "while it runs": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 10)
				w.produce(tp(1), 10)
				first := w.run(s, nil) // both have a position
				synctest.Wait()
				first.source.assign(tp(0), tp(1))
				time.Sleep(time.Second)
				if err := first.end(); err != nil {
					t.Fatal(err)
				}
				w.produce(tp(0), 10)
				w.produce(tp(1), 10)
				wk := w.run(s, func(c *Config) { c.Until.End, c.Wait = true, 30*time.Second })
				synctest.Wait()
				began := time.Now()
				if running {
					wk.source.fetchAtMost(0)
				} else {
					w.silence(tp(1), true)
				}
				wk.source.assign(tp(0), tp(1))
				synctest.Wait()
				w.silence(tp(1), true)
				wk.source.fetchAtMost(100)
				err := wk.ends()
				wantFault(t, err, "ends-not-reached", 1)
				if took := time.Since(began); took < 30*time.Second || took > 40*time.Second {
					t.Errorf("the run ended after %s, want 30 s of waiting, and at most a watch interval or two more", took)
				}
				if err == nil || !strings.Contains(err.Error(), "waiting: t:1") {
					t.Errorf("the run ended with %v, want t:1 named, and no other", err)
				}
				wantRows(t, s, tp(0), upTo(0, 20))
			})
		})
	}
}

// The wait for a silent partition begins anew when it has answered in between, and all that do not answer are named.
func TestUntilEndWaitsAnewForEachSilence(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 100)
		w.produce(tp(1), 100)
		wk := w.run(s, func(c *Config) { c.Until.End, c.Wait, c.Rate, c.Memory = true, 30*time.Second, 1, 100 })
		synctest.Wait()
		wk.source.fetchAtMost(1)
		wk.source.assign(tp(0), tp(1))
		time.Sleep(2 * time.Second) // what follows falls between two watches
		for range 3 {
			wk.source.fetchAtMost(0) // what was fetched is applied, and then nothing is left to do
			w.silence(tp(0), true)
			w.silence(tp(1), true)
			time.Sleep(20 * time.Second)
			w.silence(tp(0), false)
			w.silence(tp(1), false)
			wk.source.fetchAtMost(1)
			time.Sleep(10 * time.Second) // more than a watch interval
			if wk.over() {
				t.Fatalf("the run ended with %v: no silence has lasted for 30 s", wk.ends())
			}
		}
		wk.source.fetchAtMost(0)
		w.silence(tp(0), true)
		w.silence(tp(1), true)
		err := wk.ends()
		wantFault(t, err, "ends-not-reached", 1)
		if err == nil || !strings.Contains(err.Error(), "2 partitions") || !strings.Contains(err.Error(), "waiting: t:0 t:1") {
			t.Errorf("the run ended with %v, want t:0 and t:1 named", err)
		}
	})
}

// One of two that did not answer comes back, and takes longer than the wait: the other one's wait begins when that is done.
func TestUntilEndWaitsOnceNothingElseIsLeft(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 600)
		w.produce(tp(1), 10)
		wk := w.run(s, func(c *Config) { c.Until.End, c.Wait, c.Rate = true, 30*time.Second, 10 })
		synctest.Wait()
		wk.source.fetchAtMost(0)
		wk.source.assign(tp(0), tp(1))
		w.silence(tp(0), true)
		w.silence(tp(1), true)
		wk.source.fetchAtMost(100)
		time.Sleep(22 * time.Second) // both are stuck
		w.silence(tp(0), false)
		began := time.Now()
		err := wk.ends()
		wantFault(t, err, "ends-not-reached", 1)
		if took := time.Since(began); took < 85*time.Second {
			t.Errorf("the run ended %s after t:0 was back, want a minute for its records, and then 30 s", took)
		}
		wantRows(t, s, tp(0), upTo(0, 600))
	})
}

// A partition of which nothing has come yet is neither at its end nor stuck nor parked.
func TestUntilEndWaitsForSlowFetches(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		wk.source.fetchAtMost(0)
		wk.source.assign(tp(0))
		time.Sleep(5 * time.Minute)
		if wk.over() {
			t.Fatalf("the run ended with %v, and nothing has come yet", wk.ends())
		}
		wk.source.fetchAtMost(100)
		if err := wk.ends(); err != nil {
			t.Errorf("run until end: %v", err)
		}
		wantRows(t, s, tp(0), upTo(0, 10))
	})
}

// Whether partitions that others hold are at their ends is the ledger's answer. Without one it is not known.
func TestUntilEndDoesNotTakeASilentLedgerForTheEnd(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		w.produce(tp(1), 10)
		wk := w.run(s, func(c *Config) { c.Until.End = true })
		synctest.Wait()
		wk.source.assign(tp(0))
		synctest.Wait()
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.Reading {
				return errors.New("no answer")
			}
			return nil
		})
		time.Sleep(time.Minute)
		if wk.over() {
			t.Fatalf("the run ended with %v, and t:1 stands at 0 of 10", wk.ends())
		}
		s.SetHook(nil)
		wk.source.assign(tp(1))
		if err := wk.ends(); err != nil {
			t.Errorf("run until end: %v", err)
		}
	})
}

// The log contradicts a stored position when the run begins, and another worker holds the partition: the run waits until
// that one has settled it, and no longer.
func TestUntilEndWaitsUntilAnotherHasSettled(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		earliest := ledger.EarliestEverywhere(ledger.StartAt{})
		w.produce(tp(0), 10)
		first := w.run(s, func(c *Config) { c.Policy = earliest })
		synctest.Wait()
		first.source.assign(tp(0))
		time.Sleep(time.Second)
		if err := first.end(); err != nil {
			t.Fatal(err)
		}
		w.change(tp(0), func(l *fakeLog) { l.entries, l.end = l.entries[:3], 3 })
		wk := w.run(s, func(c *Config) { c.Until.End, c.Policy = true, earliest })
		time.Sleep(time.Minute)
		if wk.over() {
			t.Fatalf("the run ended with %v, and nobody has settled t:0", wk.ends())
		}
		other := w.run(s, func(c *Config) { c.Policy = earliest })
		synctest.Wait()
		other.source.assign(tp(0))
		if err := wk.ends(); err != nil {
			t.Errorf("run until end: %v", err)
		}
		wantRows(t, s, tp(0), append(upTo(0, 10), upTo(0, 3)...))
		if err := other.end(); err != nil {
			t.Errorf("the other worker: %v", err)
		}
	})
}

// An end that the log does not have is reported with where the log ends.
func TestUntilOffsetsPastTheEndSaysWhere(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 4)
		w.produce(tp(1), 4)
		wk := w.run(s, func(c *Config) {
			c.Until.Offsets = map[fencepost.TopicPartition]fencepost.Offset{tp(0): 4, tp(1): 5}
		})
		if err := wk.ends(); err == nil || !strings.Contains(err.Error(), "t:1 ends at 4, and the run was to end at 5") {
			t.Errorf("the run ended with %v, want where t:1 ends", err)
		}
	})
}

// What a run with an end says of its progress counts from where it began.
func TestUntilEndCountsFromWhereItBegan(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		run := func(total int64) {
			t.Helper()
			wk := w.run(s, func(c *Config) { c.Until.End = true })
			synctest.Wait()
			wk.source.assign(tp(0))
			if err := wk.ends(); err != nil {
				t.Errorf("run until end: %v", err)
			}
			if told := seen[Stopped](wk); len(told) != 1 || told[0].Done != total || told[0].Total != total || told[0].Records != total {
				t.Errorf("stopped: %+v, want %d of %d done", told, total, total)
			}
		}
		run(5)
		w.produce(tp(0), 15)
		run(15)
	})
}

// A partition that has reached the run's end is paused there: nothing past it is fetched while others go on.
func TestUntilEndPausesWhatHasReachedIt(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		w.produce(tp(1), 1000)
		wk := w.run(s, func(c *Config) { c.Until.End, c.Rate = true, 100 })
		synctest.Wait()
		w.produce(tp(0), 1000) // past the end
		wk.source.assign(tp(0), tp(1))
		time.Sleep(2 * time.Second)
		wk.source.mu.Lock()
		if c := wk.source.mu.held[tp(0)]; !c.paused || c.next != 10 {
			t.Errorf("t:0 is fetched from %d, paused %t; want it paused at its end, 10", c.next, c.paused)
		}
		wk.source.mu.Unlock()
		if err := wk.ends(); err != nil {
			t.Errorf("run until end: %v", err)
		}
		wantRows(t, s, tp(0), upTo(0, 10))
		wantRows(t, s, tp(1), upTo(0, 1000))
	})
}
