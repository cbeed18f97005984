package memory_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// The conformance suite's run over this store is in package sinktest. Here is what the store does beyond it.

var (
	tp = fencepost.TopicPartition{Topic: "flights"}
	as = ledger.Actor{Group: "g", Who: "test"}
)

// started is a store whose one partition is at 0, with a lane.
func started(t *testing.T) (*memory.Store, sink.Lane, ledger.Position) {
	t.Helper()
	s := memory.Open()
	at := ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 1}
	if err := s.Move(t.Context(), as, []ledger.Move{{TopicPartition: tp, Next: at, Cause: ledger.CauseStart, Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	return s, lane(t, s), at
}

func lane(t *testing.T, s *memory.Store) sink.Lane {
	t.Helper()
	l, err := s.Lane(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// span is a batch of rows [held, until).
func span(held ledger.Position, until fencepost.Offset) sink.Commit {
	return sinktest.Commit(sinktest.Span{TopicPartition: tp, Held: held, Until: until})
}

func offset(t *testing.T, s *memory.Store) fencepost.Offset {
	t.Helper()
	snap, err := s.Read(t.Context(), as.Group)
	if err != nil {
		t.Fatal(err)
	}
	return snap.Positions[tp].Offset
}

func TestFaultsBefallTheNextCommitsInTurn(t *testing.T) {
	s, l, at := started(t)
	s.Inject(memory.Down, memory.NoFault, memory.LostBefore, memory.LostAfter)
	commit := func() error {
		p := at
		p.Offset = offset(t, s)
		return l.Commit(t.Context(), as, span(p, p.Offset+1))
	}
	if f, ok := errors.AsType[*fencepost.UserError](commit()); !ok || !f.Passing || offset(t, s) != 0 {
		t.Errorf("down: got %v at %d, want a passing fault at 0", f, offset(t, s))
	}
	if err := commit(); err != nil || offset(t, s) != 1 {
		t.Errorf("no fault: got %v at %d, want none at 1", err, offset(t, s))
	}
	if err := commit(); !errors.Is(err, ledger.ErrUnknown) || offset(t, s) != 1 {
		t.Errorf("lost before: got %v at %d, want ErrUnknown at 1", err, offset(t, s))
	}
	if err := commit(); !errors.Is(err, ledger.ErrUnknown) || offset(t, s) != 2 || len(s.Rows()) != 2 {
		t.Errorf("lost after: got %v at %d with %d rows, want ErrUnknown at 2 with 2", err, offset(t, s), len(s.Rows()))
	}
	if err := commit(); err != nil {
		t.Errorf("after the last fault: %v", err)
	}
}

// A worker stopped in its commit blocks no other, and is refused when it goes on.
func TestStoppedCommitHoldsNoLock(t *testing.T) {
	s, zombie, at := started(t)
	stopped, resume := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.SetHook(func(_ context.Context, p memory.Point) error {
		if p == memory.BeforeApply {
			first := false
			once.Do(func() { first = true })
			if first {
				close(stopped)
				<-resume
			}
		}
		return nil
	})
	answer := make(chan error)
	go func() { answer <- zombie.Commit(t.Context(), as, span(at, 2)) }()
	<-stopped
	if err := lane(t, s).Commit(t.Context(), as, span(at, 3)); err != nil {
		t.Errorf("the heir's commit: %v", err)
	}
	close(resume)
	if _, refused := errors.AsType[*ledger.Refused](<-answer); !refused || len(s.Rows()) != 3 {
		t.Errorf("the zombie's commit: refused %t with %d rows, want a refusal with the heir's 3", refused, len(s.Rows()))
	}
}

// An error of the hook before the commit means that nothing happened; after it, the outcome is unknown.
func TestHookFailsACall(t *testing.T) {
	s, l, at := started(t)
	cut := errors.New("cut")
	for point, unknown := range map[memory.Point]bool{memory.BeforeApply: false, memory.AfterApply: true} {
		p := at
		p.Offset = offset(t, s)
		s.SetHook(func(_ context.Context, here memory.Point) error {
			if here == point {
				return cut
			}
			return nil
		})
		err := l.Commit(t.Context(), as, span(p, p.Offset+1))
		if !errors.Is(err, cut) || errors.Is(err, ledger.ErrUnknown) != unknown {
			t.Errorf("hook at point %d: got %v, want the hook's error, unknown %t", point, err, unknown)
		}
		s.SetHook(nil)
	}
	if got := len(s.Rows()); got != 1 {
		t.Errorf("rows: got %d, want the one that was applied before its answer was cut", got)
	}
	s.SetHook(func(context.Context, memory.Point) error { return cut })
	if _, err := s.Read(t.Context(), as.Group); !errors.Is(err, cut) {
		t.Errorf("read: got %v, want the hook's error", err)
	}
}

// A restore takes rows, ledger and history back together; the Relation of a refusal shows a late commit of before.
func TestRestoreTakesRowsAndLedgerBack(t *testing.T) {
	s, l, at := started(t)
	commit := func(until fencepost.Offset) {
		if err := l.Commit(t.Context(), as, span(at, until)); err != nil {
			t.Fatal(err)
		}
		at = at.Advance(until, fencepost.NoEpoch)
	}
	commit(2)
	backup := s.Backup()
	commit(4)
	commit(6)
	s.Restore(backup)
	if offset(t, s) != 2 || len(s.Rows()) != 2 {
		t.Errorf("restored: at %d with %d rows, want 2 with 2", offset(t, s), len(s.Rows()))
	}
	late := span(at, 7)
	err := l.Commit(t.Context(), as, late)
	r, ok := errors.AsType[*ledger.Refused](err)
	if !ok || ledger.Relate(r.Held[tp], late.Moves[0]) != ledger.RelationBehind {
		t.Errorf("a commit from before the restore: got %v, want a refusal that stands behind", err)
	}
	snap, err := s.Read(t.Context(), as.Group)
	if err != nil {
		t.Fatal(err)
	}
	var moves []ledger.Recorded
	for r, err := range s.Moves(t.Context(), as.Group) {
		if err != nil {
			t.Fatal(err)
		}
		moves = append(moves, r)
	}
	sinktest.Chain(t, moves, snap)
}

// Handlers that add to one value from many lanes lose no addition: the one that read an old value runs again.
func TestHandlersOfManyLanesCountOnce(t *testing.T) {
	const lanes, commits = 4, 50
	s := memory.Open()
	s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
		n, _ := strconv.Atoi(tx.Value("count"))
		tx.Set("count", strconv.Itoa(n+b.Rows()))
		if got := tx.Value("count"); got != strconv.Itoa(n+b.Rows()) {
			return fmt.Errorf("the handler's own write reads %s", got)
		}
		tx.Append(memory.RowsOf(b)...)
		return nil
	}
	var all sync.WaitGroup
	for i := range lanes {
		l := lane(t, s)
		mine := fencepost.TopicPartition{Topic: "flights", Partition: int32(i)}
		at := ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: ledger.Fence(i + 1)}
		if err := s.Move(t.Context(), as, []ledger.Move{{TopicPartition: mine, Next: at, Cause: ledger.CauseStart}}); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for range commits {
				sp := sinktest.Span{TopicPartition: mine, Held: at, Until: at.Offset + 3}
				if err := l.Commit(t.Context(), as, sinktest.Commit(sp)); err != nil {
					t.Errorf("lane %d: %v", i, err)
				}
				at = sp.Next()
			}
		})
	}
	all.Wait()
	if want := strconv.Itoa(lanes * commits * 3); s.Values()["count"] != want || len(s.Rows()) != lanes*commits*3 {
		t.Errorf("count: got %s with %d rows, want %s", s.Values()["count"], len(s.Rows()), want)
	}
}

// A handler whose value changed between its read and its commit runs again, and adds to the new value.
func TestHandlerThatReadAnOldValueRunsAgain(t *testing.T) {
	s, l, at := started(t)
	other := ledger.Actor{Group: "other"}
	if err := s.Move(t.Context(), other, []ledger.Move{{TopicPartition: tp, Next: at, Cause: ledger.CauseStart}}); err != nil {
		t.Fatal(err)
	}
	runs := 0
	s.Handle = func(ctx context.Context, tx *memory.Tx, b *fencepost.Batch) error {
		runs++
		n, _ := strconv.Atoi(tx.Value("count"))
		if runs == 1 {
			if err := lane(t, s).Commit(ctx, other, span(at, 5)); err != nil {
				return err
			}
		}
		tx.Set("count", strconv.Itoa(n+b.Rows()))
		return nil
	}
	if err := l.Commit(t.Context(), as, span(at, 3)); err != nil {
		t.Fatal(err)
	}
	if got := s.Values()["count"]; got != "8" || runs != 3 {
		t.Errorf("count of 5 and 3 rows: got %s after %d runs, want 8 after 3", got, runs)
	}
}

// A restore takes the handlers' values back too, and may be done again.
func TestRestoreTakesValuesBack(t *testing.T) {
	s, l, at := started(t)
	s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
		tx.Set("last", b.Segments[0].TopicPartition.String()+tx.Value("last"))
		return nil
	}
	backup := s.Backup()
	for range 2 {
		if err := l.Commit(t.Context(), as, span(at, 1)); err != nil {
			t.Fatal(err)
		}
		s.Restore(backup)
		if got := s.Values(); len(got) != 0 {
			t.Errorf("values after the restore: got %v, want none", got)
		}
	}
}

// A handler's error leaves nothing: no row, no value, no move.
func TestHandlerErrorLeavesNothing(t *testing.T) {
	s, l, at := started(t)
	s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
		tx.Append(memory.RowsOf(b)...)
		tx.Set("key", "value")
		return &sink.Rejected{Code: "22003", Reason: "out of range"}
	}
	err := l.Commit(t.Context(), as, span(at, 2))
	if r, ok := errors.AsType[*sink.Rejected](err); !ok || r.Code != "22003" {
		t.Errorf("commit: got %v, want the handler's rejection", err)
	}
	if len(s.Rows()) != 0 || len(s.Values()) != 0 || offset(t, s) != 0 {
		t.Errorf("after the error: %d rows, values %v, at %d, want nothing", len(s.Rows()), s.Values(), offset(t, s))
	}
}

// A batch that breaks its guarantees is refused plainly.
func TestInvalidBatches(t *testing.T) {
	for what, spoil := range map[string]func(*sink.Commit){
		"a row outside its range": func(b *sink.Commit) { b.Offsets[1] = 9 },
		"rows out of order":       func(b *sink.Commit) { b.Offsets[0], b.Offsets[1] = 1, 0 },
		"a column that is short":  func(b *sink.Commit) { b.Columns[1].Truncate(1) },
		"a segment past the rows": func(b *sink.Commit) { b.Segments[0].Hi = 3 },
		"a segment that is no commit": func(b *sink.Commit) {
			b.Moves[0].Cause, b.Moves[0].Next.Fence = ledger.CauseRewind, 9
		},
		"segments out of order": func(b *sink.Commit) {
			second := b.Segments[0]
			second.Topic, second.Lo, second.Hi = "airports", 0, 0
			move := b.Moves[0]
			move.Topic = "airports"
			b.Segments, b.Moves = append(b.Segments, second), append(b.Moves, move)
		},
		"a partition twice": func(b *sink.Commit) {
			second := b.Segments[0]
			second.Lo, second.Hi = 0, 0
			b.Segments, b.Moves = append(b.Segments, second), append(b.Moves, b.Moves[0])
		},
		"a segment without a move":    func(b *sink.Commit) { b.Moves = nil },
		"a move beyond its segment":   func(b *sink.Commit) { b.Moves[0].Next.Offset++ },
		"a move of another partition": func(b *sink.Commit) { b.Moves[0].Partition++ },
	} {
		s, l, at := started(t)
		b := span(at, 2)
		spoil(&b)
		err := l.Commit(t.Context(), as, b)
		if _, refused := errors.AsType[*ledger.Refused](err); err == nil || refused || len(s.Rows()) != 0 || offset(t, s) != 0 {
			t.Errorf("a batch with %s: got %v, want a plain error and nothing applied", what, err)
		}
	}
}

// A lane is one goroutine's, and its end is its end.
func TestLaneIsOneGoroutines(t *testing.T) {
	s, l, at := started(t)
	inside, resume := make(chan struct{}), make(chan struct{})
	s.Handle = func(context.Context, *memory.Tx, *fencepost.Batch) error {
		close(inside)
		<-resume
		return nil
	}
	answer := make(chan error)
	go func() { answer <- l.Commit(t.Context(), as, span(at, 1)) }()
	<-inside
	if err := l.Commit(t.Context(), as, span(at, 1)); err == nil {
		t.Error("a second commit at once on one lane: got no error")
	}
	close(resume)
	if err := <-answer; err != nil {
		t.Errorf("the first commit: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Commit(t.Context(), as, span(at, 1)); err == nil {
		t.Error("a commit on a closed lane: got no error")
	}
}

// Rows are copies: the batch's memory may be used again.
func TestRowsAreCopies(t *testing.T) {
	s, l, at := started(t)
	b := span(at, 1)
	b.Columns = append(b.Columns, fencepost.Column{Name: "raw", Type: fencepost.Bytes})
	b.Columns[2].AppendBytes([]byte("before"))
	if err := l.Commit(t.Context(), as, b); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	b.Columns[0].AppendText("XXXXXXXXXXXXX")
	b.Columns[2].AppendBytes([]byte("behind"))
	r := s.Rows()[0]
	if r.Values[0] != "flights:0@0" || string(r.Values[2].([]byte)) != "before" {
		t.Errorf("row after the batch was filled again: got %q and %q, want flights:0@0 and before", r.Values[0], r.Values[2])
	}
}
