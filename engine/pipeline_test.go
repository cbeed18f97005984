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

func does(table string) []ledger.Part {
	return []ledger.Part{{Name: "topics", Text: "t"}, {Name: "table", Text: table, Place: true}}
}

// H1: a worker that does something else is refused; where that is meant it is a move in place, and the worker of before says
// once what is otherwise, and goes on.
func TestH1AGroupDoesOneThing(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		one := w.run(s, func(c *Config) { c.Does, c.Who = does("a"), "one" })
		synctest.Wait()
		one.source.assign(tp(0))
		time.Sleep(time.Second)
		at := position(t, s, tp(0))

		two := w.run(s, func(c *Config) { c.Does, c.Who = does("b"), "two" })
		time.Sleep(time.Second)
		err := two.end()
		if fault, ok := errors.AsType[*fencepost.UserError](err); !ok || fault.Code != "pipeline-differs" {
			t.Errorf("a worker that writes elsewhere: %v, want pipeline-differs", err)
		}
		if now := position(t, s, tp(0)); now != at {
			t.Errorf("the refused worker moved %+v to %+v", at, now)
		}

		three := w.run(s, func(c *Config) { c.Does, c.Who, c.Changed, c.Why = does("b"), "three", true, "meant" })
		time.Sleep(10 * time.Second)
		if all := seen[PipelineChanged](three); len(all) != 1 || all[0].Was.Who != "one" || Sentence(all[0].Differences) != "table b instead of a" {
			t.Errorf("reported by the changed one: %+v", all)
		}
		if all := seen[PipelineLeft](one); len(all) != 1 || all[0].Is.Who != "three" || Sentence(all[0].Differences) != "table b instead of a" {
			t.Errorf("reported by the old one: %+v", all)
		}
		now := position(t, s, tp(0))
		if now.Offset != at.Offset || now.Fence == at.Fence {
			t.Errorf("the change moved %+v to %+v, want another fence in place", at, now)
		}
		last, err := ledger.LastMovesIn(t.Context(), s, "g")
		if err != nil || last[tp(0)].Last.Why != "pipeline changed: table b instead of a: meant" {
			t.Errorf("recorded: %+v, %v", last[tp(0)].Last, err)
		}
		w.produce(tp(0), 1)
		time.Sleep(time.Second)
		if now := position(t, s, tp(0)); now.Offset != at.Offset+1 {
			t.Errorf("behind the change the old worker is at %d, want %d: it goes on", now.Offset, at.Offset+1)
		}
		for _, wk := range []*worker{one, three} {
			if err := wk.end(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A ledger that keeps no pipelines refuses none, and says so.
func TestH1WithoutReports(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		s.KeepNoReports()
		for _, table := range []string{"a", "b"} {
			wk := w.run(s, func(c *Config) { c.Does = does(table) })
			time.Sleep(time.Second)
			if err := wk.end(); err != nil {
				t.Error(err)
			}
			if len(seen[ReportFailed](wk)) != 1 {
				t.Errorf("reported: %v, want that none are kept", seen[ReportFailed](wk))
			}
		}
	})
}
