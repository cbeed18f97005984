package engine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/sink"
)

// closed is a sink that takes no column.
type closed struct{ sink.Sink }

func (closed) Columns(context.Context, []fencepost.ColumnSpec) ([]string, error) {
	return nil, errors.New("no such table")
}

// H10: a run that cannot begin has read no ledger, for a first read makes it, and reports no beginning.
func TestH10NothingIsMadeBeforeItCanBegin(t *testing.T) {
	for name, refused := range map[string]bool{"the sink refuses": true, "all is there": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 5)
				var reads atomic.Int64
				s.SetHook(func(_ context.Context, p memory.Point) error {
					if p == memory.Reading {
						reads.Add(1)
					}
					return nil
				})
				var into sink.Sink = s
				if refused {
					into = closed{s}
				}
				wk := w.run(into, nil)
				synctest.Wait()
				err := wk.end()
				wk.mu.Lock()
				defer wk.mu.Unlock()
				opened := slices.ContainsFunc(wk.mu.events, func(e Event) bool { _, is := e.(Opened); return is })
				if refused != (err != nil) || refused == opened || refused != (reads.Load() == 0) {
					t.Errorf("run: %v; opened: %v; %d reads of the ledger", err, opened, reads.Load())
				}
				if first := wk.mu.events; opened && first[0] != Event(Opened{Partitions: 1}) {
					t.Errorf("the first event is %#v", first[0])
				}
			})
		})
	}
}
