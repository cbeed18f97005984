package engine

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
)

// A program holds an engine as a value: it asks for its status before, during and after the run, subscribes while it
// runs, and cancels inside of a call.
func TestEngineIsAValue(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		from := w.source()
		var first, second []Event
		e, err := New(Config{Group: "g", Source: from, Sink: s, Decoder: decode.None, Events: func(ev Event) { first = append(first, ev) }})
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Status(); got != (Status{}) {
			t.Errorf("before the run its status is %+v, want none", got)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		var cancel func()
		cancel = e.Subscribe(func(ev Event) {
			second = append(second, ev)
			if _, ok := ev.(Committed); ok {
				cancel()
			}
		})
		from.assign(tp(0))
		time.Sleep(time.Second)
		if got := e.Status(); got.Records != 10 || got.Running != 1 {
			t.Errorf("during the run its status is %+v, want 10 records and one running partition", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if got := e.Status(); got.Records != 10 || got.Running != 0 {
			t.Errorf("after the run its status is %+v, want 10 records and no partition", got)
		}
		if _, ok := last(first).(Stopped); !ok {
			t.Errorf("the last event of Config.Events is %T, want Stopped", last(first))
		}
		if _, ok := last(second).(Committed); !ok || !slices.ContainsFunc(second, func(ev Event) bool { _, ok := ev.(Assigned); return ok }) {
			t.Errorf("a subscriber that cancels at the first commit received %d events up to %T, want those from Assigned to Committed", len(second), last(second))
		}
		if err := e.Run(t.Context()); err == nil {
			t.Error("a second run of one engine begins, want an error")
		}
	})
}

// last is the last event, nil if there is none.
func last(events []Event) Event {
	if len(events) == 0 {
		return nil
	}
	return events[len(events)-1]
}
