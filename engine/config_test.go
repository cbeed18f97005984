package engine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// grouped is a source that says which group it joins, and whether it was left.
type grouped struct {
	source.Source
	group fencepost.Group
	left  int
}

func (g *grouped) Group() fencepost.Group { return g.group }

func (g *grouped) Leave(ctx context.Context) error {
	g.left++
	return g.Source.Leave(ctx)
}

// The group is given once: the source's is taken, and another one is refused.
func TestGroupIsTheSources(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		if err := Run(t.Context(), Config{Source: w.source(), Sink: s}); err == nil || !strings.Contains(err.Error(), "engine.Config.Group: is empty") {
			t.Errorf("no group at all: got %v, want engine.Config.Group: is empty", err)
		}
		source := &grouped{Source: w.source(), group: "a"}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := Run(ctx, Config{Group: "b", Source: source, Decoder: decode.None, Sink: s})
		if err == nil || !strings.Contains(err.Error(), "Group: is b, but the source joins a: leave this one out") {
			t.Errorf("two groups: got %v, want that they differ", err)
		}
		w.produce(tp(0), 5)
		wk := w.run(s, func(c *Config) {
			c.Source, c.Group, c.Until.End = &grouped{Source: c.Source, group: "a"}, "", true
		})
		synctest.Wait()
		wk.source.assign(tp(0))
		if <-wk.done; wk.err != nil {
			t.Errorf("the source's group alone: %v", wk.err)
		}
		if snap, err := s.Read(t.Context(), "a"); err != nil || snap.Positions[tp(0)].Offset != 5 {
			t.Errorf("group a is at %v (%v), want 5", snap.Positions[tp(0)], err)
		}
	})
}

// E8: a batch that a Column might not hold is refused before anything is opened, by its field's name and with the bound.
func TestE8BatchBeyondAColumn(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		for bytes, want := range map[int64]string{
			8 << 30:           "engine.Config.Batch.Bytes: 8589934592 is more than 1073741824",
			MaxBatchBytes + 1: "engine.Config.Batch.Bytes: 1073741825 is more than 1073741824",
			-1:                "engine.Config.Batch: has a negative bound",
		} {
			err := Run(t.Context(), Config{Group: "g", Source: w.source(), Decoder: decode.None, Sink: silentSink{s}, Batch: BatchBounds{Bytes: bytes}})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%d bytes: got %v, want %s", bytes, err, want)
			}
		}
		err := Run(t.Context(), Config{Group: "g", Source: w.source(), Decoder: decode.None, Sink: silentSink{s}, Batch: BatchBounds{Bytes: MaxBatchBytes}})
		if err == nil || !strings.Contains(err.Error(), "no route") {
			t.Errorf("as many as there may be: got %v, want the sink's error", err)
		}
	})
}

// silentSink is one whose lanes cannot be opened.
type silentSink struct{ *memory.Store }

func (silentSink) Lane(context.Context, int) (sink.Lane, error) {
	return nil, errors.New("no route")
}

// A run that cannot begin leaves its source all the same: the next try opens another one.
func TestRunThatCanNotBeginLeavesItsSource(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		source := &grouped{Source: w.source(), group: "g"}
		if err := Run(t.Context(), Config{Source: source, Decoder: decode.None, Sink: silentSink{s}}); err == nil || !strings.Contains(err.Error(), "no route") {
			t.Errorf("got %v, want the sink's error", err)
		}
		if source.left != 1 {
			t.Errorf("the source was left %d times, want once", source.left)
		}
	})
}

// smallSink is one that takes few records at once.
type smallSink struct{ *memory.Store }

func (smallSink) Capabilities() sink.Capabilities {
	return sink.Capabilities{Name: "small", Records: 3}
}

// No batch is larger than the sink takes, and a floor above that does not hold batches back for ever.
func TestSinkBoundsTheBatch(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		most, rows := 0, 0
		wk := w.run(s, func(c *Config) {
			c.Sink, c.Until.End, c.Batch.MinRows, c.Batch.MaxWait = smallSink{s}, true, 7, time.Hour
			tell := c.Events
			c.Events = func(e Event) {
				if b, ok := e.(Committed); ok {
					most, rows = max(most, b.Rows), rows+b.Rows
				}
				tell(e)
			}
		})
		synctest.Wait()
		wk.source.assign(tp(0))
		if <-wk.done; wk.err != nil {
			t.Fatal(wk.err)
		}
		if most != 3 || rows != 10 {
			t.Errorf("%d rows, at most %d a batch; want 10, at most 3", rows, most)
		}
	})
}

// What needs a person is logged even without a listener, with all that is needed to act; what is ordinary is not.
func TestWarnings(t *testing.T) {
	var out bytes.Buffer
	tell := Warnings(slog.New(slog.NewTextHandler(&out, nil)))
	for _, e := range []Event{
		Committed{Rows: 5}, Assigned{}, Progress{}, Stopped{}, Moved{Moves: []ledger.Move{{TopicPartition: tp(0)}}},
	} {
		tell(e)
	}
	if out.Len() > 0 {
		t.Errorf("ordinary events were logged:\n%s", out.String())
	}
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Parked{TopicPartition: tp(3), Code: "truncated", Offset: 7, Reason: "why"},
			`level=ERROR msg="partition parked" topic=t partition=3 code=truncated offset=7 reason=why at_most=0`},
		{Waiting{TopicPartition: tp(3), Reason: "no leader"}, `level=WARN msg="partition waiting" topic=t partition=3 reason="no leader"`},
		{Blocked{TopicPartition: tp(3), Offset: 9}, `level=WARN msg="partition blocked" topic=t partition=3 offset=9`},
		{Blocked{TopicPartition: tp(3), Offset: 9, Transaction: source.Transaction{ProducerID: 7, TransactionalID: "billing"}}, `producer_id=7 transactional_id=billing`},
		{LeftBehind{What: "leave group", Err: errors.New("no coordinator")}, `level=WARN msg="left behind" what="leave group" error="no coordinator"`},
		{Retrying{What: "commit", Attempt: 2, Err: errors.New("handler: boom")},
			`level=WARN msg=retrying what=commit lane=0 attempt=2 in=0s unknown=false error="handler: boom"`},
		{Refused{TopicPartition: tp(3), Offset: 9, Held: ledger.Position{Offset: 12, Fence: 1}},
			`level=WARN msg="commit refused" topic=t partition=3 standing=held offset=9 held=12`},
		{SinkWentBack{TopicPartition: tp(3), From: 9, To: 4}, `level=WARN msg="sink went back" topic=t partition=3 from=9 to=4`},
		{Moved{Moves: []ledger.Move{{TopicPartition: tp(3), Cause: ledger.CauseGap, AtMost: 6, Why: "aged out"}}},
			`level=WARN msg="position moved" topic=t partition=3 cause=gap held=0 next=0 at_most=6 why="aged out"`},
	} {
		out.Reset()
		tell(c.event)
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%T: got %swant %s", c.event, out.String(), c.want)
		}
	}
}
