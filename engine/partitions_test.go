package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"pgregory.net/rapid"
)

// E5: an answer is lost after the commit took effect, and one of its partitions is moved before the next try. The
// segments that are applied advance their own partitions, each in its place and none the one that was moved: else a run with an
// end would wait for ever for an end that is reached.
func TestE5StandingSegmentsAdvanceTheirOwnPartitions(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		var all []fencepost.TopicPartition
		for p := range int32(3) {
			w.produce(tp(p), 5)
			all = append(all, tp(p))
		}
		lost := false
		s.SetHook(func(_ context.Context, pt memory.Point) error {
			if pt != memory.AfterApply || lost || position(t, s, tp(0)).Offset == 0 {
				return nil
			}
			lost = true
			move(t, s, tp(0), 0, 4242)
			return errors.New("connection lost")
		})
		wk := w.run(s, func(c *Config) {
			c.Until.End = true
			c.Batch.MinRows, c.Batch.MaxWait = 15, time.Second // the first batch is all of them
		})
		synctest.Wait()
		wk.source.assign(all...)
		time.Sleep(2 * time.Second) // less than the watch interval
		if !wk.over() {
			t.Error("the run goes on, and every partition stands at its end")
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if got := seen[Refused](wk); len(got) != 1 || got[0].TopicPartition != tp(0) || got[0].Relation != ledger.RelationMoved {
			t.Errorf("refused: %+v, want t:0 and no other, because it was moved", got)
		}
		wantRows(t, s, tp(0), append(upTo(0, 5), upTo(0, 5)...)) // the rewind repeats them
		for p := range int32(3) {
			if got := position(t, s, tp(p)).Offset; got != 5 {
				t.Errorf("t:%d stands at %d, want 5", p, got)
			}
		}
	})
}

// E5: partitions come and go in groups, and each lane keeps its own in order, as if each had come or gone alone.
func TestE5DeskAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &Engine{lanes: []*lane{{}, {}, {}}}
		e.mu.parts, e.mu.load = map[fencepost.TopicPartition]*partition{}, map[*lane]int{}
		twin := map[fencepost.TopicPartition]*partition{}
		group := rapid.Custom(func(t *rapid.T) (tps []fencepost.TopicPartition) {
			for _, p := range rapid.SliceOfDistinct(rapid.Int32Range(0, 30), rapid.ID).Draw(t, "partitions") {
				tps = append(tps, tp(p))
			}
			return tps
		})
		t.Repeat(map[string]func(*rapid.T){
			"hold": func(t *rapid.T) {
				tps := group.Draw(t, "assigned")
				for i, p := range e.take(tps) {
					if was := twin[tps[i]]; p.TopicPartition != tps[i] || was != nil && was != p {
						t.Fatalf("hold %s: got %s, want the one that was held, if any", tps[i], p)
					}
					twin[tps[i]] = p
				}
			},
			"forget": func(t *rapid.T) {
				tps := group.Draw(t, "revoked")
				e.forget(tps)
				for _, tp := range tps {
					delete(twin, tp)
				}
			},
			"": func(t *rapid.T) {
				want := slices.SortedFunc(maps.Values(twin), inOrder)
				if got := e.pick(func(*partition) bool { return true }); !slices.Equal(got, want) || !slices.Equal(e.held(), want) {
					t.Fatalf("held: got %v, and %v by name, want %v", names(got), names(e.held()), names(want))
				}
				for i, l := range e.lanes {
					if !slices.IsSortedFunc(l.mu.parts, inOrder) || len(l.mu.parts) != e.mu.load[l] {
						t.Fatalf("lane %d holds %v with a load of %d", i, names(l.mu.parts), e.mu.load[l])
					}
					for _, p := range l.mu.parts {
						if p.lane != l {
							t.Fatalf("%s is in lane %d and belongs to another", p, i)
						}
					}
				}
			},
		})
	})
}
